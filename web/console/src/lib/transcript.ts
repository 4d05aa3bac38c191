/**
 * The live transcript. LiveKit sends each utterance as one or more text streams that share a segment id: a stream with the
 * same id replaces the text of an earlier one (interim, interim, final), and the chunks of one stream add up (the agent's
 * words as they are spoken). Streams may be read side by side, so a late chunk of an old stream must not win.
 */

export interface Segment {
  id: string
  role: 'user' | 'agent'
  text: string
  final: boolean
  /** When its first words arrived (epoch milliseconds). */
  at: number
  /** The stream that wrote the present text. */
  stream: number
}

export interface SegmentUpdate {
  id: string
  role: 'user' | 'agent'
  /** All text of the stream so far. */
  text: string
  final: boolean
  at: number
  /** Streams are numbered in the order they were opened. */
  stream: number
}

export type Transcript = readonly Segment[]

export function applySegment(transcript: Transcript, update: SegmentUpdate): Transcript {
  const index = transcript.findIndex((segment) => segment.id === update.id && segment.role === update.role)
  const known = transcript[index]
  if (!known) {
    return update.text.trim() === '' ? transcript : [...transcript, { ...update }]
  }
  if (update.stream < known.stream) return transcript
  if (known.final && !update.final) return transcript
  // An empty final closes what was said so far; it doesn't wipe it.
  const text = update.text.trim() === '' ? known.text : update.text
  if (text === known.text && update.final === known.final && update.stream === known.stream) return transcript
  const next = [...transcript]
  next[index] = { ...known, text, final: update.final, stream: update.stream }
  return next
}

/** When a call is over nothing more will come: what is interim stays as it is. */
export const finalizeAll = (transcript: Transcript): Transcript =>
  transcript.some((segment) => !segment.final)
    ? transcript.map((segment) => (segment.final ? segment : { ...segment, final: true }))
    : transcript
