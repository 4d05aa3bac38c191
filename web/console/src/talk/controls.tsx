import type { Agent } from '../api/types'
import { actionsFor } from '../lib/status'
import { Link } from '../router'
import { IconCamera, IconMic, IconMicOff, IconPhone, IconPhoneOff } from '../ui/icons'
import type { CallSession, CallSnapshot } from './call-session'
import { LevelMeter } from './level-meter'

interface ControlsProps {
  call: CallSnapshot
  session: Pick<CallSession, 'toggleMute' | 'toggleCamera' | 'end'>
  onStart: () => void
  agent: Agent | undefined
}

export function Controls({ call, session, onStart, agent }: ControlsProps) {
  const open = call.phase === 'connected' || call.phase === 'reconnecting'
  if (call.phase === 'dialing') {
    return (
      <div className="controls">
        <EndButton label="Cancel" onEnd={() => void session.end()} />
      </div>
    )
  }
  if (!open) return <StartControls again={call.phase !== 'idle'} onStart={onStart} agent={agent} />
  const silent = call.microphone !== 'on'
  return (
    <div className="controls">
      <LevelMeter track={call.microphone === 'on' ? call.microphoneTrack : null} />
      <div className="control-row">
        <button
          type="button"
          className={`button big ${silent ? 'pressed' : ''}`}
          data-testid="mute"
          aria-pressed={silent}
          disabled={call.microphone === 'asking' || call.microphone === 'insecure'}
          onClick={() => void session.toggleMute()}
        >
          {silent ? <IconMicOff /> : <IconMic />}
          {call.microphone === 'on' ? 'Mute' : call.microphone === 'muted' ? 'Unmute' : 'Mic on'}
        </button>
        {agent?.config.video === true ? (
          <button
            type="button"
            className={`button big ${call.camera === 'on' ? 'pressed' : ''}`}
            data-testid="camera"
            aria-pressed={call.camera === 'on'}
            title={call.camera === 'on' ? 'Switch the camera off' : 'Switch the camera on'}
            disabled={call.camera === 'asking'}
            onClick={() => void session.toggleCamera()}
          >
            <IconCamera />
            Camera
          </button>
        ) : null}
        <EndButton label="End call" onEnd={() => void session.end()} />
      </div>
    </div>
  )
}

function EndButton({ label, onEnd }: { label: string; onEnd: () => void }) {
  return (
    <button type="button" className="button big danger-fill" data-testid="end-call" onClick={onEnd}>
      <IconPhoneOff />
      {label}
    </button>
  )
}

interface StartControlsProps {
  again: boolean
  onStart: () => void
  agent: Agent | undefined
}

function StartControls({ again, onStart, agent }: StartControlsProps) {
  const ready = agent !== undefined && actionsFor(agent.status).includes('talk')
  return (
    <div className="controls">
      <button
        type="button"
        className="button primary big wide"
        data-testid="start-call"
        disabled={agent === undefined}
        onClick={onStart}
      >
        <IconPhone />
        {again ? 'Call again' : 'Start call'}
      </button>
      <p className="hint controls-hint">
        {agent && !ready ? (
          <>
            The agent is {agent.status}; it may not answer.{' '}
            <Link to={`/agents/${agent.slug}`}>Open the deployment</Link>
          </>
        ) : null}
      </p>
    </div>
  )
}
