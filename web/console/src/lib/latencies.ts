/** Joins the latencies that the platform recorded with the turns that are on the screen. */

import type { Latencies, Turn } from '../api/types'
import type { Transcript } from './transcript'

export interface TurnLatencies {
  e2e: number | null
  stt: number | null
  /** From the transcript until the turn was taken for over. */
  wait: number | null
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
  // What belongs to what the caller said just before this answer.
  const ofQuestion = (key: keyof Latencies) => value(turn.latencies, key) ?? value(heard, key)
  const stt = ofQuestion('transcriptionDelay')
  const endOfTurn = ofQuestion('endOfTurnDelay')
  const found: TurnLatencies = {
    e2e: value(turn.latencies, 'e2eLatency'),
    stt,
    // Both are counted from the caller's last sound; the transcript comes first.
    wait: endOfTurn === null ? null : Math.max(0, endOfTurn - (stt ?? 0)),
    llm: value(turn.latencies, 'llmNodeTtft'),
    tts: value(turn.latencies, 'ttsNodeTtfb'),
  }
  return Object.values(found).some((ms) => ms !== null) ? found : null
}

export interface Part {
  key: 'stt' | 'wait' | 'llm' | 'tts' | 'rest'
  /** Of the whole, 0 to 1. */
  share: number
}

/** What E2E is made of, in the order it happens; nothing where E2E was not measured. */
export function partsOf(of: TurnLatencies): Part[] {
  const { e2e } = of
  if (e2e === null || e2e <= 0) return []
  const known = (['stt', 'wait', 'llm', 'tts'] as const).map((key) => ({ key, seconds: of[key] ?? 0 }))
  const sum = known.reduce((all, { seconds }) => all + seconds, 0)
  // Stages may overlap, as when the model starts before the turn is over.
  const whole = Math.max(e2e, sum)
  return [...known, { key: 'rest' as const, seconds: whole - sum }]
    .filter(({ seconds }) => seconds > 0)
    .map(({ key, seconds }) => ({ key, share: seconds / whole }))
}

/** The median of what this call's answers took, in seconds; null before the first. */
export function medianE2e(turns: readonly Turn[]): number | null {
  const all = turns
    .flatMap(({ role, latencies }) => (role === 'agent' ? [latencies?.e2eLatency ?? null] : []))
    .filter((seconds) => seconds !== null)
    .sort((a, b) => a - b)
  const middle = all.length >> 1
  const [low, high] = [all[all.length % 2 ? middle : middle - 1], all[middle]]
  return low === undefined || high === undefined ? null : (low + high) / 2
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
