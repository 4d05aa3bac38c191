import { useEffect, useState } from 'react'

import { ActionButtons } from '../agents/action-buttons'
import { getAgent } from '../api/agents'
import type { Agent } from '../api/types'
import { changedSinceFailure } from '../lib/draft-change'
import { useNow } from '../lib/use-now'
import { usePoll } from '../lib/use-poll'
import { Link } from '../router'
import { IconBack } from '../ui/icons'
import { PollNotice } from '../ui/poll-notice'
import { AgentStatus } from '../ui/status'
import { CopyId } from '../ui/copy-id'
import { CallList } from './call-list'
import { ConfigPanel } from './config-panel'
import { DeleteAgent } from './delete-agent'
import { DeploymentPanel } from './deployment-panel'

export function AgentPage({ agentRef }: { agentRef: string }) {
  const poll = usePoll(`agent:${agentRef}`, (signal) => getAgent(agentRef, signal), 1000)
  const now = useNow(1000)
  const agent = poll.data
  const name = agent?.name ?? agentRef

  useEffect(() => {
    document.title = `${name} · Bionic Agents`
  }, [name])

  return (
    <main className="page">
      <Link to="/" className="back">
        <IconBack />
        Agents
      </Link>
      {poll.error?.status === 404 ? (
        <section className="empty">
          <h2>There is no agent “{agentRef}”</h2>
          <p>It may have been deleted, or the address has a typing mistake.</p>
          <Link to="/" className="button primary">
            See all agents
          </Link>
        </section>
      ) : (
        <>
          <PollNotice poll={poll} what="this agent" />
          {agent ? <Loaded agent={agent} now={now} refresh={poll.refresh} /> : <div className="skeleton" />}
        </>
      )}
    </main>
  )
}

function whatRuns({ deployment, liveVersion }: Agent): string {
  if (deployment === null) return 'never deployed'
  return liveVersion === null ? 'not running' : `version ${liveVersion}`
}

function Loaded({ agent, now, refresh }: { agent: Agent; now: number; refresh: () => void }) {
  const { desired, ready } = agent.replicas ?? { desired: 0, ready: 0 }
  /** The deployment that was the newest when the draft was saved here. */
  const [savedAfter, setSavedAfter] = useState<string | null>(null)
  const draftChanged =
    changedSinceFailure(agent) || (agent.status === 'failed' && savedAfter === agent.deployment?.id)
  const onSaved = () => {
    setSavedAfter(agent.deployment?.id ?? null)
    refresh()
  }
  return (
    <>
      <header className="page-head agent-head">
        <div>
          <h1>
            {agent.name}
            <AgentStatus status={agent.status} testId={`status-${agent.slug}`} />
          </h1>
          <p className="summary">
            <span className="mono">{agent.slug}</span>
            <CopyId id={agent.id} label="agent id" />
            <span>{whatRuns(agent)}</span>
            <span>
              {ready}/{desired} replicas
            </span>
            <span>
              {agent.activeCalls} {agent.activeCalls === 1 ? 'call' : 'calls'} now, {agent.callsToday} today
            </span>
          </p>
        </div>
        <div className="page-actions">
          <ActionButtons agent={agent} onDone={refresh} main draftChanged={draftChanged} />
        </div>
      </header>
      <div className="columns">
        <div className="column">
          <DeploymentPanel agent={agent} now={now} draftChanged={draftChanged} />
          <CallList agent={agent} now={now} />
        </div>
        <div className="column">
          <ConfigPanel agent={agent} onSaved={onSaved} />
          <DeleteAgent agent={agent} />
        </div>
      </div>
    </>
  )
}
