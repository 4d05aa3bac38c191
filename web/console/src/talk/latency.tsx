import type { TurnLatencies } from '../lib/latencies'
import { latency } from '../lib/time'

const STAGES = [
  ['e2e', 'E2E', 'From the end of what the caller said to the first sound of the answer'],
  ['stt', 'STT', 'Speech to text'],
  ['llm', 'LLM', 'First word of the language model'],
  ['tts', 'TTS', 'First sound of the voice'],
] as const

/** Each stage's milliseconds under a turn. Room is kept for them, so nothing moves when they arrive. */
export function Latency({ of }: { of: TurnLatencies | null | undefined }) {
  return (
    <div className="latency" data-testid="latency">
      {of
        ? STAGES.map(([key, label, title]) => {
            const text = latency(of[key])
            return text === null ? null : (
              <span key={key} title={title}>
                {label} <b>{text}</b>
              </span>
            )
          })
        : null}
    </div>
  )
}
