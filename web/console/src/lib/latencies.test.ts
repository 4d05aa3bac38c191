import { describe, expect, it } from 'vitest'

import type { Turn } from '../api/types'
import { matchLatencies } from './latencies'
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
        turn(2, 'user', 'where is it', { transcriptionDelay: 0.4 }),
        turn(3, 'agent', 'It ships today.', { e2eLatency: 1.2, llmNodeTtft: 0.01, ttsNodeTtfb: 0.03 }),
      ],
    )
    expect(found.get('g')).toEqual({ e2e: null, stt: null, llm: null, tts: 0.03 })
    expect(found.get('a')).toEqual({ e2e: 1.2, stt: 0.4, llm: 0.01, tts: 0.03 })
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
