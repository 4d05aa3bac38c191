import { get, getHealth } from '../api/client'
import type { ConsoleInfo, Health } from '../api/types'
import { usePoll } from '../lib/use-poll'
import { Link } from '../router'
import { IconAgents, IconExternal } from '../ui/icons'
import { HealthBanner, HealthLine } from './health'
import { ThemeToggle } from './theme-toggle'

const loadInfo = (signal: AbortSignal) => get<ConsoleInfo>('/api/console', signal)
const loadHealth = (signal: AbortSignal) => getHealth<Health>(signal)

export function Rail() {
  const info = usePoll('console', loadInfo, 60_000).data
  const health = usePoll('health', loadHealth, 5000)
  return (
    <>
      <nav className="rail" aria-label="Main">
        <Link to="/" className="brand">
          <img src="/favicon.svg" width="22" height="22" alt="" />
          Bionic Agents
        </Link>
        <ul>
          <li>
            <Link to="/" className="rail-link" current>
              <IconAgents />
              Agents
            </Link>
          </li>
        </ul>
        <footer className="rail-foot">
          {info?.temporalUiUrl ? (
            <a
              className="rail-link"
              href={info.temporalUiUrl}
              target="_blank"
              rel="noreferrer"
              title="Workflows, in the Temporal UI"
            >
              <IconExternal />
              <span className="rail-text">Temporal</span>
            </a>
          ) : null}
          <HealthLine health={health} />
          <div className="rail-row">
            <span className="version">{info ? info.version : ' '}</span>
            <ThemeToggle />
          </div>
        </footer>
      </nav>
      <HealthBanner health={health} />
    </>
  )
}
