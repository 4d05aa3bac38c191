import { useState } from 'react'

import { listCalls } from '../api/agents'
import type { Agent, CallSummary } from '../api/types'
import { actionsFor } from '../lib/status'
import { between, callClock } from '../lib/time'
import { usePoll } from '../lib/use-poll'
import { Link } from '../router'
import { CallStatus } from '../ui/status'
import { Ago } from '../ui/time'
import { CallStory } from './call-story'

const OVER = new Set(['ended', 'failed', 'abandoned'])

function lengthOf(call: CallSummary, now: number): string {
  if (!call.startedAt) return '–'
  if (!call.endedAt && OVER.has(call.status)) return '–'
  return callClock(between(call.startedAt, call.endedAt ?? now))
}

export function CallList({ agent, now }: { agent: Agent; now: number }) {
  const calls = usePoll(`calls:${agent.id}`, (signal) => listCalls(agent.id, signal), 2000)
  const [open, setOpen] = useState<string | null>(null)
  const items = calls.data?.items ?? []
  return (
    <section className="panel" aria-labelledby="calls">
      <header className="panel-head">
        <h2 id="calls">Recent calls</h2>
      </header>
      {calls.data === undefined ? (
        <p className="panel-empty">
          {calls.error ? `Could not load the calls. ${calls.error.message}` : ' '}
        </p>
      ) : items.length === 0 ? (
        <p className="panel-empty">
          No calls yet.{' '}
          {actionsFor(agent.status).includes('talk') ? (
            <>
              <Link to={`/agents/${agent.slug}/talk`}>Talk to the agent</Link>, and the call appears here with
              its transcript.
            </>
          ) : (
            'Once the agent runs, each call appears here with its transcript.'
          )}
        </p>
      ) : (
        <ul className="calls">
          {items.map((call) => (
            <li key={call.id}>
              <button
                type="button"
                className="call-row"
                aria-expanded={open === call.id}
                onClick={() => setOpen(open === call.id ? null : call.id)}
              >
                <CallStatus status={call.status} />
                <span className="call-who">
                  <span className="call-name">{call.identity ?? 'caller'}</span>
                  {call.recoveries > 0 ? <Recovered times={call.recoveries} /> : null}
                </span>
                <span className="num">{call.turnCount} turns</span>
                <span className="num">{lengthOf(call, now)}</span>
                <span className="num call-when">
                  <Ago at={call.createdAt} now={now} />
                </span>
              </button>
              {open === call.id ? <CallStory id={call.id} live={!OVER.has(call.status)} /> : null}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

/** The platform's own doing: an agent was lost, and the conversation went on. */
function Recovered({ times }: { times: number }) {
  const said = `Its agent was lost ${times === 1 ? 'once' : `${times} times`}, and another one went on.`
  return (
    <span className="chip chip-amber" title={said}>
      <span aria-hidden="true">↻ {times}</span>
      <span className="sr-only">{said}</span>
    </span>
  )
}
