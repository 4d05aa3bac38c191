import { getCall } from '../api/agents'
import type { Recording } from '../api/types'
import { latenciesOfTurns } from '../lib/latencies'
import { story, type Passage } from '../lib/story'
import { callClock, clock } from '../lib/time'
import { usePoll } from '../lib/use-poll'
import { Latency } from '../talk/latency'
import { CopyId } from '../ui/copy-id'

/** A call as it was recorded: what was said, and where its agent was lost. */
export function CallStory({ id, live }: { id: string; live: boolean }) {
  const call = usePoll(`call:${id}`, (signal) => getCall(id, signal), live ? 2000 : null)
  if (!call.data) return <p className="panel-empty">{call.error ? call.error.message : ' '}</p>
  const { turns, events, recordings, endReason } = call.data
  return (
    <div className="call-turns">
      <p className="call-id">
        Call <CopyId id={id} label="call id" />
      </p>
      {recordings.map((recording) => (
        <Sound key={recording.attempt} of={recording} one={recordings.length === 1} />
      ))}
      {turns.length === 0 ? <p className="hint">Nothing was said.</p> : null}
      {story(turns, events).map((passage) =>
        passage.kind === 'turn' ? (
          <Said key={passage.key} passage={passage}>
            {passage.turn.role === 'agent' ? <Latency of={latenciesOfTurns(turns, passage.index)} /> : null}
          </Said>
        ) : (
          <div key={passage.key} className={`happened happened-${passage.tone}`} data-testid="happened">
            <p>{passage.text}</p>
            <time dateTime={passage.at}>{clock(passage.at)}</time>
          </div>
        ),
      )}
      {!live && endReason ? <p className="call-id">Over: {endReason}</p> : null}
    </div>
  )
}

function Said({
  passage,
  children,
}: {
  passage: Extract<Passage, { kind: 'turn' }>
  children: React.ReactNode
}) {
  const { turn } = passage
  return (
    <div className={`said said-${turn.role}`}>
      <span className="said-who">{turn.role === 'agent' ? 'Agent' : 'Caller'}</span>
      <time dateTime={turn.at}>{clock(turn.at)}</time>
      <p>
        {turn.text}
        {turn.interrupted ? <span className="chip">{passage.cut ? 'cut off' : 'interrupted'}</span> : null}
      </p>
      {children}
    </div>
  )
}

/** What was heard while one agent was in the call. */
function Sound({ of: recording, one }: { of: Recording; one: boolean }) {
  const whose = one ? 'Recording' : `Recording ${recording.attempt}`
  if (recording.url === null) {
    const why = recording.state === 'lost' ? 'was lost with its agent' : 'is being put away'
    return (
      <p className="call-id">
        {whose} {why}.
      </p>
    )
  }
  return (
    <div className="call-sound">
      <span>
        {whose}
        {recording.seconds === null ? null : ` · ${callClock(recording.seconds * 1000)}`}
        {recording.salvaged ? (
          <span className="chip" title="Its agent was lost, and with it the last seconds.">
            salvaged
          </span>
        ) : null}
      </span>
      <audio controls preload="none" src={recording.url} aria-label={whose} />
    </div>
  )
}
