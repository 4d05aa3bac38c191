import { useState } from 'react'

import { deploy, updateAgent } from '../api/agents'
import { ApiError, toApiError } from '../api/client'
import type { Agent, AgentConfig } from '../api/types'
import { configText } from '../lib/config-text'
import { Field } from '../ui/field'

interface ConfigEditorProps {
  agent: Agent
  onClose: () => void
  onSaved: () => void
}

function parse(text: string): AgentConfig {
  try {
    const config: unknown = JSON.parse(text)
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as AgentConfig
  } catch (error) {
    throw new ApiError(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`, 0)
  }
  throw new ApiError('A config is a JSON object: { … }', 0)
}

/** The draft as JSON, whole. Secrets read `{"set": true, …}`: left so they stay, replaced by a string they change. */
export function ConfigEditor({ agent, onClose, onSaved }: ConfigEditorProps) {
  const [name, setName] = useState(agent.name)
  const [text, setText] = useState(() => configText(agent.config))
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)
  const nameError = error?.errors.find(({ pointer }) => pointer === '/name')?.detail
  const others = error?.errors.filter(({ pointer }) => pointer !== '/name') ?? []

  const save = async (andDeploy: boolean) => {
    setBusy(true)
    setError(null)
    try {
      await updateAgent(agent.id, { name: name.trim(), config: parse(text) })
      if (andDeploy) await deploy(agent.id)
      onSaved()
    } catch (problem) {
      setError(toApiError(problem))
      setBusy(false)
    }
  }

  return (
    <form
      className="editor"
      onSubmit={(event) => {
        event.preventDefault()
        void save(false)
      }}
    >
      <Field label="Name" error={nameError}>
        {(props) => <input {...props} value={name} onChange={(event) => setName(event.target.value)} />}
      </Field>
      <Field label="Config" hint="Saving changes the draft; Deploy puts it on the line.">
        {(props) => (
          <textarea
            {...props}
            className="mono json"
            data-testid="config-json"
            rows={22}
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Field>
      {error ? (
        <div className="editor-errors" role="alert">
          <p>{error.message}</p>
          <ul>
            {others.map(({ pointer, detail }) => (
              <li key={`${pointer}${detail}`}>
                <code>{pointer}</code> {detail}
              </li>
            ))}
          </ul>
        </div>
      ) : null}
      <div className="editor-foot">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button" disabled={busy} onClick={() => void save(true)}>
          Save and deploy
        </button>
        <button type="submit" className="button primary" data-testid="save-config" disabled={busy}>
          Save draft
        </button>
      </div>
    </form>
  )
}
