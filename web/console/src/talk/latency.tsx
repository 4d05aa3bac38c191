import { partsOf, type TurnLatencies } from '../lib/latencies'
import { latency } from '../lib/time'

const STAGES = [
  ['e2e', 'E2E', 'From the end of what the caller said to the first sound of the answer'],
  ['stt', 'STT', 'Speech to text'],
  ['wait', 'Wait', 'Making sure that the caller has finished'],
  ['llm', 'LLM', 'First word of the language model'],
  ['tts', 'TTS', 'First sound of the voice'],
] as const

/** Each stage's milliseconds under a turn, and what they make together. Room is kept, so nothing moves when they arrive. */
export function Latency({ of }: { of: TurnLatencies | null | undefined }) {
  return (
    <div className="latency" data-testid="latency">
      {of ? (
        <>
          <div className="latency-bar" aria-hidden="true">
            {partsOf(of).map(({ key, share }) => (
              <span key={key} className={`part part-${key}`} style={{ flexGrow: share }} />
            ))}
          </div>
          <div className="latency-parts">
            {STAGES.map(([key, label, title]) => {
              const text = latency(of[key])
              return text === null ? null : (
                <span key={key} title={title}>
                  {key === 'e2e' ? null : <i className={`part part-${key}`} />}
                  {label} <b>{text}</b>
                </span>
              )
            })}
          </div>
        </>
      ) : null}
    </div>
  )
}
