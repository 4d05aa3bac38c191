import { useState } from 'react'

import { getCall, listCalls } from '../api/agents'
import type { Agent, CallSummary } from '../api/types'
import { actionsFor } from '../lib/status'
import { between, callClock, clock } from '../lib/time'
import { usePoll } from '../lib/use-poll'
import { Link } from '../router'
import { CopyId } from '../ui/copy-id'
import { CallStatus } from '../ui/status'
import { Ago } from '../ui/time'
import { Latency } from '../talk/latency'
import { latenciesOfTurns } from '../lib/latencies'

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
                <span className="call-who">{call.identity ?? 'caller'}</span>
                <span className="num">{call.turnCount} turns</span>
                <span className="num">{lengthOf(call, now)}</span>
                <span className="num call-when">
                  <Ago at={call.createdAt} now={now} />
                </span>
              </button>
              {open === call.id ? <CallTurns id={call.id} live={!OVER.has(call.status)} /> : null}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

/** What was said, as it was recorded. */
function CallTurns({ id, live }: { id: string; live: boolean }) {
  const call = usePoll(`call:${id}`, (signal) => getCall(id, signal), live ? 2000 : null)
  if (!call.data) return <p className="panel-empty">{call.error ? call.error.message : ' '}</p>
  const { turns } = call.data
  return (
    <div className="call-turns">
      <p className="call-id">
        Call <CopyId id={id} label="call id" />
      </p>
      {turns.length === 0 ? <p className="hint">Nothing was said.</p> : null}
      {turns.map((turn, index) => (
        <div key={turn.seq} className={`said said-${turn.role}`}>
          <span className="said-who">{turn.role === 'agent' ? 'Agent' : 'Caller'}</span>
          <time dateTime={turn.at}>{clock(turn.at)}</time>
          <p>
            {turn.text}
            {turn.interrupted ? <span className="chip">interrupted</span> : null}
          </p>
          {turn.role === 'agent' ? <Latency of={latenciesOfTurns(turns, index)} /> : null}
        </div>
      ))}
    </div>
  )
}
