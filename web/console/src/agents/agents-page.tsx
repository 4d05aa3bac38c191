import { useEffect, useRef, useState } from 'react'

import { listAgents } from '../api/agents'
import type { AgentSummary } from '../api/types'
import { failedFirst, summarize } from '../lib/status'
import { useNow } from '../lib/use-now'
import { usePoll } from '../lib/use-poll'
import { IconPlus } from '../ui/icons'
import { PollNotice } from '../ui/poll-notice'
import { ToneDot } from '../ui/status'
import { AgentTable } from './agent-table'
import { EmptyAgents } from './empty-agents'
import { NewAgentDialog } from './new-agent-dialog'

const matches = (agent: AgentSummary, query: string) =>
  `${agent.name} ${agent.slug} ${agent.status}`.toLowerCase().includes(query.trim().toLowerCase())

export function AgentsPage() {
  const [hasKeyboard] = useState(() => matchMedia('(hover: hover)').matches)
  const [pages, setPages] = useState(1)
  const [creating, setCreating] = useState(false)
  const [query, setQuery] = useState('')
  const search = useRef<HTMLInputElement>(null)
  const poll = usePoll(`agents:${pages}`, (signal) => listAgents(pages, signal), 1000)
  const now = useNow(1000)
  const agents = poll.data?.items
  const shown = agents && failedFirst(agents.filter((agent) => matches(agent, query)))

  useEffect(() => {
    document.title = 'Agents · Bionic Agents'
    const onKey = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest('input, textarea, select, dialog')
      if (event.key !== '/' || typing || event.metaKey || event.ctrlKey) return
      event.preventDefault()
      search.current?.focus()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

  return (
    <main className="page">
      <header className="page-head">
        <div>
          <h1>Agents</h1>
          <Summary agents={agents} />
        </div>
        <div className="page-actions">
          {agents?.length !== 0 ? (
            <>
              <input
                ref={search}
                type="search"
                className="search"
                placeholder={hasKeyboard ? 'Filter   /' : 'Filter'}
                aria-label="Filter agents"
                title="By name or status"
                value={query}
                onChange={(event) => setQuery(event.target.value)}
                onKeyDown={(event) => {
                  if (event.key === 'Escape') setQuery('')
                }}
              />
              <button
                type="button"
                className="button primary"
                data-testid="new-agent"
                onClick={() => setCreating(true)}
              >
                <IconPlus />
                New agent
              </button>
            </>
          ) : null}
        </div>
      </header>
      <PollNotice poll={poll} what="the agents" />
      {shown ? (
        agents.length === 0 ? (
          <EmptyAgents onCreate={() => setCreating(true)} />
        ) : shown.length === 0 ? (
          <p className="quiet-line">No agent matches “{query}”.</p>
        ) : (
          <AgentTable agents={shown} now={now} onDone={poll.refresh} />
        )
      ) : poll.error ? null : (
        <div className="skeleton" aria-label="Loading agents" />
      )}
      {poll.data?.nextCursor ? (
        <button type="button" className="button more" onClick={() => setPages(pages + 1)}>
          Show more agents
        </button>
      ) : null}
      {creating ? <NewAgentDialog onClose={() => setCreating(false)} onCreated={poll.refresh} /> : null}
    </main>
  )
}

/** The first thing seen: is everything all right? */
function Summary({ agents }: { agents: AgentSummary[] | undefined }) {
  if (!agents || agents.length === 0) return <p className="summary">&nbsp;</p>
  const calls = agents.reduce((sum, agent) => sum + agent.activeCalls, 0)
  return (
    <p className="summary" data-testid="summary">
      {summarize(agents.map((agent) => agent.status)).map(({ status, tone, count }) => (
        <span key={status} className={`summary-part tone-${tone}`}>
          <ToneDot tone={tone} />
          {count} {status}
        </span>
      ))}
      <span className="summary-part">{calls === 1 ? '1 call now' : `${calls} calls now`}</span>
    </p>
  )
}
