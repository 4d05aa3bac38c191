import { useState } from 'react'

import type { Agent, AgentConfig, ProviderChoice } from '../api/types'
import { ConfigEditor } from './config-editor'

interface ConfigPanelProps {
  agent: Agent
  onSaved: () => void
}

export function ConfigPanel({ agent, onSaved }: ConfigPanelProps) {
  const [editing, setEditing] = useState(false)
  return (
    <section className="panel" aria-labelledby="config">
      <header className="panel-head">
        <h2 id="config">Config</h2>
        {editing ? null : (
          <button type="button" className="button" data-testid="edit-config" onClick={() => setEditing(true)}>
            Edit
          </button>
        )}
      </header>
      {editing ? (
        <ConfigEditor
          agent={agent}
          onClose={() => setEditing(false)}
          onSaved={() => {
            setEditing(false)
            onSaved()
          }}
        />
      ) : (
        <ConfigSummary config={agent.config} />
      )}
    </section>
  )
}

function ConfigSummary({ config }: { config: AgentConfig }) {
  const own = config.livekitConfig?.url
  return (
    <dl className="facts">
      <dt>Instructions</dt>
      <dd className="prose">{config.instructions}</dd>
      <dt>Greeting</dt>
      <dd>{config.greeting ?? <span className="none">The caller speaks first</span>}</dd>
      <dt>Language</dt>
      <dd>{config.language ?? 'en'}</dd>
      <dt>Hears with</dt>
      <dd>
        <Provider choice={config.stt} />
      </dd>
      <dt>Thinks with</dt>
      <dd>
        <Provider choice={config.llm} />
      </dd>
      <dt>Speaks with</dt>
      <dd>
        <Provider choice={config.tts} />
      </dd>
      <dt>Camera</dt>
      <dd>{config.video ? 'callers may switch it on' : 'off'}</dd>
      {typeof own === 'string' ? (
        <>
          <dt>LiveKit</dt>
          <dd className="mono">{own}</dd>
        </>
      ) : null}
    </dl>
  )
}

function Provider({ choice }: { choice: ProviderChoice | undefined }) {
  if (!choice) return <span className="none">default</span>
  const said = optionsInWords(choice.options ?? {})
  return (
    <>
      {choice.provider}
      {said ? <span className="detail">{said}</span> : null}
    </>
  )
}

function optionsInWords(options: Record<string, unknown>): string {
  return Object.entries(options)
    .flatMap(([name, value]) => {
      if (Array.isArray(value)) return [`${value.length} ${name === 'grammar' ? 'phrases' : name}`]
      if (typeof value === 'string' || typeof value === 'number') {
        return name === 'otherwise' || value === '' || value === 0 ? [] : [`${name} ${value}`]
      }
      if (isSecret(value)) return value.set ? [`${name} ${value.hint ?? 'set'}`] : []
      return []
    })
    .join(' · ')
}

const isSecret = (value: unknown): value is { set: boolean; hint?: string } =>
  typeof value === 'object' && value !== null && 'set' in value
