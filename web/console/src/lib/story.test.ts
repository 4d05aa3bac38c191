import { describe, expect, it } from 'vitest'

import type { CallEvent, Turn } from '../api/types'
import { story } from './story'

const at = (second: number) => `2026-11-26T12:00:${String(second).padStart(2, '0')}Z`

const turn = (seq: number, second: number, interrupted = false): Turn => ({
  seq,
  role: 'agent',
  text: `turn ${seq}`,
  at: at(second),
  interrupted,
  latencies: null,
})

const event = (name: string, second: number, data: Record<string, unknown> | null = null): CallEvent => ({
  event: name,
  at: at(second),
  attempt: 2,
  data,
})

describe('story', () => {
  it('tells of a lost agent where it was lost', () => {
    const told = story(
      [turn(1, 1), turn(2, 4, true), turn(3, 6)],
      [event('joined', 1), event('lost', 5, { reason: 'The agent’s process crashed.' })],
    )
    expect(told.map((passage) => passage.key)).toEqual(['turn-1', 'turn-2', 'note-1', 'turn-3'])
    const [, cut, note] = told
    expect(note).toMatchObject({ text: 'The agent’s process crashed. Another one was sent.', tone: 'amber' })
    expect(cut).toMatchObject({ cut: true })
  })

  it('does not take an interruption for a loss', () => {
    const told = story([turn(1, 1, true), turn(2, 3, true), turn(3, 6)], [event('lost', 5)])
    expect(told.map((passage) => passage.kind === 'turn' && passage.cut)).toEqual([false, true, false, false])
  })

  it('says that nobody could be reached, with the reason where there is one', () => {
    const told = story([], [event('no_agent', 2), event('no_agent', 3, { reason: 'No host is there.' })])
    expect(told.map((passage) => passage.kind === 'note' && passage.text)).toEqual([
      'No agent could be reached.',
      'No agent could be reached. No host is there.',
    ])
  })
})
