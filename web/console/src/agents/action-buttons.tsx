import { actionsFor } from '../lib/status'
import { Link } from '../router'
import { IconPhone } from '../ui/icons'
import { useActions } from './use-actions'

interface ActionButtonsProps {
  agent: { id: string; slug: string; name: string; status: string; activeCalls: number }
  onDone: () => void
  /** The page's own main action is filled; in a row it stays quiet. */
  main?: boolean
  /** The draft is newer than the deployment that failed. */
  draftChanged?: boolean
}

/** Talk, Deploy, Retry or Stop: what the state allows, the main one emphasised, each always in its own place. */
export function ActionButtons({ agent, onDone, main = false, draftChanged = false }: ActionButtonsProps) {
  const { doing, act } = useActions(agent, onDone)
  const allowed = actionsFor(agent.status, draftChanged)
  const emphasis = (action: string) => (allowed[0] === action ? (main ? 'primary' : 'tonal') : '')
  const calls = agent.activeCalls === 1 ? 'the call' : `${agent.activeCalls} calls`
  return (
    <div className="actions">
      <span className="slot">
        {allowed.includes('talk') ? (
          <Link
            to={`/agents/${agent.slug}/talk`}
            className={`button ${emphasis('talk')}`}
            testId={`talk-${agent.slug}`}
          >
            <IconPhone />
            Talk
          </Link>
        ) : allowed.includes('retry') ? (
          <button
            type="button"
            className={`button ${emphasis('retry')}`}
            data-testid={`retry-${agent.slug}`}
            disabled={doing !== null}
            title="Tries the same version again, without changes of the draft"
            onClick={() => act('retry')}
          >
            Retry
          </button>
        ) : null}
      </span>
      <span className="slot">
        {allowed.includes('deploy') ? (
          <button
            type="button"
            className={`button ${emphasis('deploy')}`}
            data-testid={`deploy-${agent.slug}`}
            disabled={doing !== null}
            title="Publishes the draft if it changed, and runs the newest version"
            onClick={() => act('deploy')}
          >
            Deploy
          </button>
        ) : null}
      </span>
      <span className="slot">
        {allowed.includes('stop') ? (
          <button
            type="button"
            className="button"
            data-testid={`stop-${agent.slug}`}
            disabled={doing !== null}
            title={
              agent.activeCalls > 0
                ? `Takes no new calls and lets ${calls} finish`
                : 'Takes no calls any more'
            }
            onClick={() => act('stop')}
          >
            Stop
          </button>
        ) : null}
      </span>
    </div>
  )
}
