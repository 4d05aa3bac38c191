/** A call in the order in which it happened: turns, and between them what the platform did. Pure. */

import type { CallEvent, Turn } from '../api/types'

export type Passage =
  | { kind: 'turn'; key: string; at: string; turn: Turn; index: number; cut: boolean }
  | { kind: 'note'; key: string; at: string; text: string; tone: 'amber' | 'red' }

const text = (value: unknown): string => (typeof value === 'string' ? value.replace(/\.$/, '') : '')

function noteOf(event: CallEvent): { text: string; tone: 'amber' | 'red' } | null {
  const why = text(event.data?.reason)
  if (event.event === 'lost') {
    return { text: `${why || 'The agent was lost'}. Another one was sent.`, tone: 'amber' }
  }
  if (event.event === 'no_agent') {
    return { text: `No agent could be reached. ${why ? `${why}.` : ''}`.trim(), tone: 'red' }
  }
  return null
}

export function story(turns: readonly Turn[], events: readonly CallEvent[]): Passage[] {
  const notes = events.flatMap((event, number): Passage[] => {
    const note = noteOf(event)
    return note ? [{ kind: 'note', key: `note-${number}`, at: event.at, ...note }] : []
  })
  const losses = events.filter((event) => event.event === 'lost').map((event) => Date.parse(event.at))
  const said = turns.map((turn, index): Passage => {
    const next = turns[index + 1]
    const from = Date.parse(turn.at)
    const until = next ? Date.parse(next.at) : Infinity
    // Whoever spoke when the agent was lost was not interrupted: the words end with their agent.
    const cut = turn.interrupted && losses.some((loss) => from <= loss && loss <= until)
    return { kind: 'turn', key: `turn-${turn.seq}`, at: turn.at, turn, index, cut }
  })
  // Stable: what was said at the same moment comes first.
  return [...said, ...notes].sort((one, other) => Date.parse(one.at) - Date.parse(other.at))
}
