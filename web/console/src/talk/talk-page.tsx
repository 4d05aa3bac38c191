import { useEffect } from 'react'

import { getAgent, getCall } from '../api/agents'
import type { Call } from '../api/types'
import { matchLatencies } from '../lib/latencies'
import { useNow } from '../lib/use-now'
import { usePoll } from '../lib/use-poll'
import { Link } from '../router'
import { IconBack } from '../ui/icons'
import { PollNotice } from '../ui/poll-notice'
import { AgentStatus } from '../ui/status'
import { TalkView } from './talk-view'
import { useCall } from './use-call'

/** Latencies are written off the audio path: ask on for a while after the call is over. */
const AFTERWARDS = 15_000

export function TalkPage({ agentRef }: { agentRef: string }) {
  const agent = usePoll(`agent:${agentRef}`, (signal) => getAgent(agentRef, signal), 2000)
  const { call, session, start } = useCall(agent.data?.id)
  const now = useNow(500)
  const over = call.endedAt !== null && now - call.endedAt > AFTERWARDS
  const { callId } = call
  const record = usePoll<Call | null>(
    `talk:${callId ?? 'none'}`,
    (signal) => (callId === null ? Promise.resolve(null) : getCall(callId, signal)),
    callId === null || over ? null : 2000,
  )
  const name = agent.data?.name ?? agentRef

  useEffect(() => {
    document.title = `Talk to ${name} · Bionic Agents`
  }, [name])

  return (
    <main className="page talk-page">
      <header className="talk-head">
        <Link to={`/agents/${agentRef}`} className="back">
          <IconBack />
          {name}
        </Link>
        {agent.data ? <AgentStatus status={agent.data.status} testId={`status-${agent.data.slug}`} /> : null}
      </header>
      <PollNotice poll={agent} what="this agent" />
      <TalkView
        agent={agent.data}
        agentRef={agentRef}
        call={call}
        session={session}
        onStart={start}
        now={now}
        record={record.data ?? null}
        latencies={matchLatencies(call.transcript, record.data?.turns ?? [])}
      />
    </main>
  )
}
