import type { Agent, Call } from '../api/types'
import type { TurnLatencies } from '../lib/latencies'
import { phrasesOf } from '../lib/phrases'
import { callClock } from '../lib/time'
import { Link } from '../router'
import { IconSound } from '../ui/icons'
import { Notice } from '../ui/notice'
import { ToneDot } from '../ui/status'
import { AgentAudio, Video } from './av'
import { CallFactsList } from './call-facts'
import type { CallSession, CallSnapshot } from './call-session'
import { microphoneHelp, stateLine } from './call-state'
import { Controls } from './controls'
import { TranscriptView } from './transcript-view'

interface TalkViewProps {
  agent: Agent | undefined
  agentRef: string
  call: CallSnapshot
  session: Pick<CallSession, 'toggleMute' | 'toggleCamera' | 'startAudio' | 'openMicrophone' | 'end'>
  onStart: () => void
  now: number
  /** The call as the platform recorded it. */
  record: Call | null
  latencies: ReadonlyMap<string, TurnLatencies>
}

export function TalkView(props: TalkViewProps) {
  const { agent, agentRef, call, session, onStart, now, record, latencies } = props
  const aloneFor = call.aloneSince === null ? 0 : now - call.aloneSince
  const line = stateLine({ ...call, aloneFor })
  const elapsed = call.startedAt === null ? null : Math.max(0, (call.endedAt ?? now) - call.startedAt)
  const help = microphoneHelp(call.microphone)
  return (
    <div className="talk">
      <section className="talk-side" aria-label="Call">
        <div className="call-head">
          <div
            className={`call-state tone-${line.tone}`}
            data-testid="call-state"
            data-state={line.word}
            role="status"
          >
            <p className="call-title">
              <ToneDot tone={line.tone} />
              {line.title}
            </p>
            <p className="call-detail">
              {line.detail} {line.cure ? <Link to={`/agents/${agentRef}`}>Open the deployment</Link> : null}
            </p>
          </div>
          <p className="call-clock" title="Duration of the call">
            {elapsed === null ? null : callClock(elapsed)}
          </p>
        </div>
        <Controls call={call} session={session} onStart={onStart} agent={agent} />
        <CallFactsList call={call} record={record} />
        {call.audioBlocked ? (
          <Notice
            tone="amber"
            action={
              <button type="button" className="button" onClick={() => void session.startAudio()}>
                <IconSound />
                Play sound
              </button>
            }
          >
            The browser holds the sound back until you click.
          </Notice>
        ) : null}
        {help ? (
          <Notice
            tone="amber"
            action={
              call.microphone === 'insecure' ? null : (
                <button type="button" className="button" onClick={() => void session.openMicrophone()}>
                  Try microphone again
                </button>
              )
            }
          >
            {help}
          </Notice>
        ) : null}
        {call.camera === 'failed' ? (
          <Notice tone="amber">
            The camera could not be opened. Allow it at the lock in the address bar, or close what else uses
            it.
          </Notice>
        ) : null}
        {call.agentVideo ? (
          <Video track={call.agentVideo} label="Agent’s video" testId="agent-video" />
        ) : null}
        {call.cameraTrack ? (
          <Video track={call.cameraTrack} label="Your camera" testId="local-video" own />
        ) : null}
        <AgentAudio track={call.agentAudio} blocked={call.audioBlocked} />
      </section>
      <TranscriptView call={call} latencies={latencies} phrases={phrasesOf(agent?.config)} />
    </div>
  )
}
