import { describe, expect, it } from 'vitest'

import type { Turn } from '../api/types'
import { matchLatencies, medianE2e, partsOf } from './latencies'
import type { Segment } from './transcript'

const said = (id: string, role: Segment['role'], text: string, final = true): Segment => ({
  id,
  role,
  text,
  final,
  at: 0,
  stream: 1,
})

const turn = (seq: number, role: Turn['role'], text: string, latencies: Turn['latencies'] = null): Turn => ({
  seq,
  role,
  text,
  at: '2026-01-01T00:00:00Z',
  interrupted: false,
  latencies,
})

describe('matchLatencies', () => {
  it('joins by what was said, and takes speech-to-text from the question before', () => {
    const found = matchLatencies(
      [said('g', 'agent', 'Hello!'), said('u', 'user', 'where is it'), said('a', 'agent', 'It ships today.')],
      [
        turn(1, 'agent', 'Hello!', { ttsNodeTtfb: 0.03 }),
        turn(2, 'user', 'where is it', { transcriptionDelay: 0.4, endOfTurnDelay: 1 }),
        turn(3, 'agent', 'It ships today.', { e2eLatency: 1.2, llmNodeTtft: 0.01, ttsNodeTtfb: 0.03 }),
      ],
    )
    expect(found.get('g')).toEqual({ e2e: null, stt: null, wait: null, llm: null, tts: 0.03 })
    expect(found.get('a')).toEqual({ e2e: 1.2, stt: 0.4, wait: 0.6, llm: 0.01, tts: 0.03 })
  })

  it('uses each recorded turn once, in order, when the same words come twice', () => {
    const found = matchLatencies(
      [said('a', 'agent', 'Sorry?'), said('b', 'agent', 'Sorry?')],
      [turn(1, 'agent', 'Sorry?', { e2eLatency: 1 }), turn(2, 'agent', 'Sorry?', { e2eLatency: 2 })],
    )
    expect([found.get('a')?.e2e, found.get('b')?.e2e]).toEqual([1, 2])
  })

  it('finds a turn that was cut short', () => {
    const found = matchLatencies(
      [said('a', 'agent', 'It ships today and')],
      [turn(1, 'agent', 'It ships today and arrives tomorrow.', { e2eLatency: 1 })],
    )
    expect(found.get('a')?.e2e).toBe(1)
  })

  it('shows nothing rather than another turn’s numbers', () => {
    const recorded = [turn(1, 'agent', 'Goodbye.', { e2eLatency: 1 }), turn(2, 'agent', 'Hello.', null)]
    expect(
      matchLatencies([said('a', 'agent', 'Hello.'), said('b', 'agent', 'Wait', false)], recorded).size,
    ).toBe(0)
  })
})

describe('the parts of a delay', () => {
  it('explain it whole, in the order they happen', () => {
    expect(partsOf({ e2e: 2, stt: 0.5, wait: 1, llm: 0.25, tts: null })).toEqual([
      { key: 'stt', share: 0.25 },
      { key: 'wait', share: 0.5 },
      { key: 'llm', share: 0.125 },
      { key: 'rest', share: 0.125 },
    ])
  })

  it('never make more than the whole when stages overlap', () => {
    const shares = partsOf({ e2e: 1, stt: 1, wait: 0, llm: 0, tts: 1 }).map(({ share }) => share)
    expect(shares).toEqual([0.5, 0.5])
  })

  it('are none where nothing was measured', () => {
    expect(partsOf({ e2e: null, stt: 1, wait: null, llm: null, tts: 1 })).toEqual([])
  })
})

describe('the median of a call', () => {
  const answers = (...all: (number | null)[]) =>
    all.map((e2eLatency, seq) => turn(seq, 'agent', 'Yes.', { e2eLatency }))

  it('is the one in the middle, or between the two', () => {
    expect(medianE2e(answers(3, 1, null, 2))).toBe(2)
    expect(medianE2e(answers(4, 1, 2, 3))).toBe(2.5)
  })

  it('is nothing before the first answer', () => {
    expect(medianE2e([turn(1, 'user', 'Hello', { e2eLatency: 1 }), ...answers(null)])).toBeNull()
  })
})
