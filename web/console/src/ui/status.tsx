import { agentTone, callTone, type Tone } from '../lib/status'

/** Never colour alone: a shape that differs by tone, and the word. */
function Dot({ tone }: { tone: Tone }) {
  return <span className={`dot dot-${tone}`} aria-hidden="true" />
}

export function AgentStatus({ status, testId }: { status: string; testId?: string }) {
  const tone = agentTone(status)
  return (
    <span className={`status tone-${tone}`} data-testid={testId} data-status={status}>
      <Dot tone={tone} />
      {status}
    </span>
  )
}

export function CallStatus({ status }: { status: string }) {
  const tone = callTone(status)
  return (
    <span className={`status tone-${tone}`} data-status={status}>
      <Dot tone={tone} />
      {status}
    </span>
  )
}

export function ToneDot({ tone }: { tone: Tone }) {
  return <Dot tone={tone} />
}
