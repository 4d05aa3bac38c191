import type { Component, Health } from '../api/types'
import type { Poll } from '../lib/use-poll'
import { Notice } from '../ui/notice'
import { ToneDot } from '../ui/status'

const NAMES: Record<string, string> = {
  postgres: 'Postgres',
  temporal: 'Temporal',
  livekit: 'LiveKit',
  runtime: 'Runtime host',
}

const MEANS: Record<string, string> = {
  postgres: 'Nothing can be read or saved.',
  temporal: 'Live calls go on; deploy, retry and stop wait until it is back.',
  livekit: 'New calls can’t be opened.',
  runtime: 'No agent can start until a host is back.',
}

const nameOf = (component: string) => NAMES[component] ?? component

const partsOf = (health: Health | undefined, word: Component['status']) =>
  Object.entries(health?.components ?? {}).filter(([, { status }]) => status === word)

const names = (parts: [string, Component][]) => parts.map(([name]) => nameOf(name)).join(', ')

interface HealthProps {
  health: Poll<Health>
}

/** One quiet line while all is well. */
export function HealthLine({ health: { data, error } }: HealthProps) {
  const down = partsOf(data, 'down')
  const limited = partsOf(data, 'degraded')
  const components = Object.entries(data?.components ?? {})
  const title = components
    .map(([name, { status, detail }]) => `${nameOf(name)}: ${detail ?? status}`)
    .join('\n')
  if (error) {
    return (
      <p className="health tone-red" title={error.message}>
        <ToneDot tone="red" />
        API away
      </p>
    )
  }
  if (!data) return <p className="health">&nbsp;</p>
  const tone = down.length > 0 ? 'red' : limited.length > 0 ? 'amber' : 'green'
  return (
    <p className={`health ${tone === 'green' ? '' : `tone-${tone}`}`} title={title} data-testid="health">
      <ToneDot tone={tone} />
      <span className="health-text">
        {tone === 'red' && `${names(down)} down`}
        {tone === 'amber' && `${names(limited)} degraded`}
        {tone === 'green' && 'All systems up'}
      </span>
    </p>
  )
}

/** Clear words when a part is down, or does not do all that it is for. */
export function HealthBanner({ health: { data } }: HealthProps) {
  const down = partsOf(data, 'down')
  const limited = partsOf(data, 'degraded')
  if (down.length + limited.length === 0) return null
  const severe = down.some(([name]) => name === 'postgres' || name === 'livekit')
  return (
    <div className="banner">
      <Notice tone={severe ? 'red' : 'amber'}>
        {down.map(([name, { detail }]) => (
          <p key={name}>
            <b>{nameOf(name)} is down.</b> {MEANS[name]} {detail}
          </p>
        ))}
        {limited.map(([name, { detail }]) => (
          <p key={name}>
            <b>{nameOf(name)} is degraded.</b> {detail}
          </p>
        ))}
      </Notice>
    </div>
  )
}
