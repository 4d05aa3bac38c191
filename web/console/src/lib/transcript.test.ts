import { describe, expect, it } from 'vitest'

import { applySegment, finalizeAll, type SegmentUpdate, type Transcript } from './transcript'

const update = (part: Partial<SegmentUpdate>): SegmentUpdate => ({
  id: 'a',
  role: 'user',
  text: 'hello',
  final: false,
  at: 1000,
  stream: 1,
  ...part,
})

const play = (...updates: Partial<SegmentUpdate>[]): Transcript =>
  updates.map(update).reduce<Transcript>(applySegment, [])

const texts = (transcript: Transcript) => transcript.map(({ text }) => text)

describe('a segment', () => {
  it('replaces interim text in place, and keeps the time of its first words', () => {
    const result = play(
      { text: 'where' },
      { text: 'where is', stream: 2, at: 1400 },
      { text: 'where is it', stream: 3, final: true },
    )
    expect(result).toEqual([{ id: 'a', role: 'user', text: 'where is it', final: true, at: 1000, stream: 3 }])
  })

  it('grows with the chunks of one stream', () => {
    expect(texts(play({ role: 'agent', text: 'It ' }, { role: 'agent', text: 'It ships' }))).toEqual([
      'It ships',
    ])
  })

  it('is fixed once final: nothing interim changes it any more', () => {
    const result = play({ text: 'yes', final: true, stream: 2 }, { text: 'yeah', stream: 3 })
    expect(result[0]).toMatchObject({ text: 'yes', final: true })
  })

  it('takes no late chunk of an older stream', () => {
    expect(texts(play({ text: 'new words', stream: 2 }, { text: 'old', stream: 1 }))).toEqual(['new words'])
  })

  it('keeps its words when the closing update is empty', () => {
    const result = play({ text: 'hello' }, { text: '', final: true, stream: 2 })
    expect(result[0]).toMatchObject({ text: 'hello', final: true })
  })

  it('appears only once there are words', () => {
    expect(play({ text: ' ' })).toEqual([])
  })

  it('is the same object again when nothing changed, so that nothing is drawn anew', () => {
    const before = play({ text: 'hello' })
    expect(applySegment(before, update({ text: 'hello' }))).toBe(before)
  })
})

describe('a conversation', () => {
  it('keeps both sides in the order they began', () => {
    const result = play(
      { id: 'g', role: 'agent', text: 'Hi' },
      { id: 'u', text: 'wh' },
      { id: 'g', role: 'agent', text: 'Hi there', final: true },
      { id: 'u', text: 'where', final: true, stream: 2 },
    )
    expect(result.map(({ role, text }) => [role, text])).toEqual([
      ['agent', 'Hi there'],
      ['user', 'where'],
    ])
  })

  it('does not mix sides that share an id', () => {
    expect(play({ id: 's' }, { id: 's', role: 'agent' })).toHaveLength(2)
  })

  it('is final as a whole when the call is over', () => {
    const result = finalizeAll(play({ text: 'half a sen' }))
    expect(result[0]?.final).toBe(true)
    expect(finalizeAll(result)).toBe(result)
  })
})
