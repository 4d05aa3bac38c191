import type { Agent, Deployment } from '../api/types'
import { agentTone } from '../lib/status'
import { clock, exact, span } from '../lib/time'
import { useNow } from '../lib/use-now'
import { IconExternal } from '../ui/icons'
import { ToneDot } from '../ui/status'
import { Ago } from '../ui/time'
import { type Step, stepsOf, waitsFor } from './steps'

interface DeploymentPanelProps {
  agent: Agent
  now: number
  /** The draft is newer than the deployment that failed. */
  draftChanged: boolean
}

export function DeploymentPanel({ agent, now, draftChanged }: DeploymentPanelProps) {
  const { deployment } = agent
  return (
    <section className="panel" aria-labelledby="deployment">
      <header className="panel-head">
        <h2 id="deployment">Deployment</h2>
        {deployment ? <Facts deployment={deployment} now={now} /> : null}
      </header>
      {deployment ? (
        <>
          <Timeline deployment={deployment} />
          {draftChanged ? (
            <p className="panel-note">
              The draft has changed since. Deploy runs it; Retry tries v{deployment.version} again as it was.
            </p>
          ) : null}
        </>
      ) : (
        <p className="panel-empty">
          Not deployed yet. Press Deploy, and each step appears here as it happens.
        </p>
      )}
    </section>
  )
}

const actorInWords = (actor: string) => (actor === 'api-key' ? 'API key' : actor)

function Facts({ deployment, now }: { deployment: Deployment; now: number }) {
  return (
    <p className="panel-facts">
      <span>v{deployment.version}</span>
      <Ago at={deployment.createdAt} now={now} />
      {deployment.actor ? <span>by {actorInWords(deployment.actor)}</span> : null}
      {deployment.workflowUrl ? (
        <a href={deployment.workflowUrl} target="_blank" rel="noreferrer">
          Workflow
          <IconExternal />
        </a>
      ) : null}
    </p>
  )
}

function Timeline({ deployment }: { deployment: Deployment }) {
  const moving = stepsOf(deployment.transitions, 0).at(-1)?.took !== null
  const now = useNow(moving ? 250 : 60_000)
  const steps = stepsOf(deployment.transitions, now)
  const failure = deployment.status === 'failed' ? deployment.reason : null
  const told = steps.some((step) => step.reason === failure)
  return (
    <ol className="timeline" data-testid="timeline">
      {steps.map((step, index) => (
        <TimelineStep key={`${step.at}-${index}`} step={step} />
      ))}
      {failure && !told ? <li className="step-failure reason">{failure}</li> : null}
    </ol>
  )
}

function TimelineStep({ step }: { step: Step }) {
  const tone = agentTone(step.status)
  const waiting = step.current ? waitsFor(step.status) : null
  return (
    <li className={`step ${step.current ? 'current' : 'past'}`}>
      <span className="step-mark">
        <ToneDot tone={tone} />
      </span>
      <div className="step-line">
        <b className={`tone-${tone}`}>{step.status}</b>
        {step.attempt !== null && step.attempt > 1 ? (
          <span className="chip">attempt {step.attempt}</span>
        ) : null}
        <span className="step-took">{step.took === null ? '' : span(step.took)}</span>
        <time dateTime={step.at} title={exact(step.at)}>
          {clock(step.at)}
        </time>
      </div>
      {step.reason ? (
        <p className={tone === 'red' || tone === 'amber' ? `reason reason-${tone}` : 'reason'}>
          {step.reason}
        </p>
      ) : null}
      {waiting ? <p className="reason">{waiting}</p> : null}
    </li>
  )
}
