/** Joins the latencies that the platform recorded with the turns that are on the screen. */

import type { Latencies, Turn } from '../api/types'
import type { Transcript } from './transcript'

export interface TurnLatencies {
  e2e: number | null
  stt: number | null
  llm: number | null
  tts: number | null
}

const words = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()

/** An interrupted turn is recorded shorter than it was shown, or the other way round. */
function sameWords(a: string, b: string): boolean {
  const [left, right] = [words(a), words(b)]
  if (left === '' || right === '') return false
  return left.startsWith(right) || right.startsWith(left)
}

const value = (latencies: Latencies | null | undefined, key: keyof Latencies): number | null =>
  latencies?.[key] ?? null

export function latenciesOfTurns(turns: readonly Turn[], index: number): TurnLatencies | null {
  const turn = turns[index]
  if (!turn) return null
  const before = turns[index - 1]
  const heard = before?.role === 'user' ? before.latencies : null
  const found: TurnLatencies = {
    e2e: value(turn.latencies, 'e2eLatency'),
    // Speech to text belongs to what the caller said just before this answer.
    stt: value(turn.latencies, 'transcriptionDelay') ?? value(heard, 'transcriptionDelay'),
    llm: value(turn.latencies, 'llmNodeTtft'),
    tts: value(turn.latencies, 'ttsNodeTtfb'),
  }
  return Object.values(found).some((ms) => ms !== null) ? found : null
}

/** Latencies by segment id. Both lists are in order, so each recorded turn is used once and the search only goes on. */
export function matchLatencies(
  transcript: Transcript,
  turns: readonly Turn[],
): ReadonlyMap<string, TurnLatencies> {
  const result = new Map<string, TurnLatencies>()
  let next = 0
  for (const segment of transcript) {
    if (segment.role !== 'agent' || !segment.final) continue
    const index = turns.findIndex(
      (turn, at) => at >= next && turn.role === 'agent' && sameWords(turn.text, segment.text),
    )
    if (index < 0) continue
    next = index + 1
    const found = latenciesOfTurns(turns, index)
    if (found) result.set(segment.id, found)
  }
  return result
}
