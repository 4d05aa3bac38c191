import { useState } from 'react'

import type { AgentSummary } from '../api/types'
import { actionsFor } from '../lib/status'
import { Link } from '../router'
import { AgentStatus } from '../ui/status'
import { Ago } from '../ui/time'
import { ActionButtons } from './action-buttons'

interface AgentTableProps {
  agents: AgentSummary[]
  now: number
  onDone: () => void
}

/** Rows on a desk, cards on a phone: the same table, laid out by the style sheet. */
export function AgentTable({ agents, now, onDone }: AgentTableProps) {
  return (
    <table className="agents">
      <thead>
        <tr>
          <th className="col-status">Status</th>
          <th className="col-name">Agent</th>
          <th className="num col-version">Version</th>
          <th className="num">Replicas</th>
          <th className="num">Calls now</th>
          <th className="num col-today">Today</th>
          <th className="num col-changed">Changed</th>
          <th className="col-actions">
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {agents.map((agent) => (
          <AgentRow key={agent.id} agent={agent} now={now} onDone={onDone} />
        ))}
      </tbody>
    </table>
  )
}

interface AgentRowProps {
  agent: AgentSummary
  now: number
  onDone: () => void
}

function AgentRow({ agent, now, onDone }: AgentRowProps) {
  const { desired, ready } = agent.replicas ?? { desired: 0, ready: 0 }
  return (
    <tr data-testid={`agent-row-${agent.slug}`}>
      <td className="col-status">
        <AgentStatus status={agent.status} testId={`status-${agent.slug}`} />
      </td>
      <td className="col-name">
        <Link to={`/agents/${agent.slug}`} className="agent-link">
          <b>{agent.name}</b>
          <span className="mono">{agent.slug}</span>
        </Link>
        <LastError text={agent.lastError} />
      </td>
      <td className="num" data-label="Version">
        {agent.liveVersion === null ? <Nothing /> : `v${agent.liveVersion}`}
      </td>
      <td
        className={`num ${ready < desired && actionsFor(agent.status).includes('talk') ? 'short' : ''}`}
        data-label="Replicas"
        title={`${ready} of ${desired} registered`}
      >
        {desired === 0 && ready === 0 ? <Nothing /> : `${ready}/${desired}`}
      </td>
      <td className="num" data-label="Calls now">
        {agent.activeCalls === 0 ? <Zero /> : agent.activeCalls}
      </td>
      <td className="num" data-label="Today">
        {agent.callsToday === 0 ? <Zero /> : agent.callsToday}
      </td>
      <td className="num col-changed">
        <Ago at={agent.updatedAt} now={now} />
      </td>
      <td className="col-actions">
        <ActionButtons agent={agent} onDone={onDone} />
      </td>
    </tr>
  )
}

const Nothing = () => <span className="none">–</span>
const Zero = () => <span className="none">0</span>

/** A second line under the name: short in the row, whole on hover, and whole in the row after a click. */
function LastError({ text }: { text: string | null }) {
  const [open, setOpen] = useState(false)
  if (!text) return null
  return (
    <button
      type="button"
      className={`last-error ${open ? 'open' : ''}`}
      title={text}
      aria-expanded={open}
      onClick={() => setOpen(!open)}
    >
      {text}
    </button>
  )
}
