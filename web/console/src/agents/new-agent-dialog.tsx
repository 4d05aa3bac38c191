import { type SubmitEvent, useState } from 'react'

import { createAgent } from '../api/agents'
import { type ApiError, toApiError } from '../api/client'
import { navigate } from '../router'
import { Dialog } from '../ui/dialog'
import { Field } from '../ui/field'
import { configOf, type Draft, errorAt, errorsElsewhere, NEW_DRAFT } from './draft'
import { MindFields } from './mind-fields'

const SHOWN = [
  '/name',
  '/config/instructions',
  '/config/greeting',
  '/config/llm/options/rules',
  '/config/stt/options/grammar',
  '/config/llm/options/otherwise',
  '/config/llm/options/baseUrl',
  '/config/llm/options/apiKey',
  '/config/llm/options/model',
  '/config/stt/options/baseUrl',
  '/config/stt/options/apiKey',
  '/config/tts/options/baseUrl',
  '/config/tts/options/apiKey',
]

interface NewAgentDialogProps {
  onClose: () => void
  onCreated: () => void
}

export function NewAgentDialog({ onClose, onCreated }: NewAgentDialogProps) {
  const [draft, setDraft] = useState<Draft>(NEW_DRAFT)
  const [error, setError] = useState<ApiError | null>(null)
  const [saving, setSaving] = useState(false)
  const errors = error?.errors ?? []
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part })

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    setSaving(true)
    setError(null)
    try {
      const agent = await createAgent({ name: draft.name.trim(), config: configOf(draft) })
      onCreated()
      navigate(`/agents/${agent.slug}`)
    } catch (problem) {
      setError(toApiError(problem))
      setSaving(false)
    }
  }

  return (
    <Dialog title="New agent" onClose={onClose}>
      <form className="form" onSubmit={(event) => void submit(event)} noValidate>
        <div className="form-body">
          <Field label="Name" error={errorAt(errors, '/name', '/slug')}>
            {(props) => (
              <input
                {...props}
                autoFocus
                value={draft.name}
                placeholder="Reception"
                autoComplete="off"
                onChange={(event) => change({ name: event.target.value })}
              />
            )}
          </Field>
          <Field label="Instructions" error={errorAt(errors, '/config/instructions')}>
            {(props) => (
              <textarea
                {...props}
                rows={3}
                value={draft.instructions}
                onChange={(event) => change({ instructions: event.target.value })}
              />
            )}
          </Field>
          <Field
            label="Greeting"
            hint="Said first. Leave it empty and the caller speaks first."
            error={errorAt(errors, '/config/greeting')}
          >
            {(props) => (
              <input
                {...props}
                value={draft.greeting}
                onChange={(event) => change({ greeting: event.target.value })}
              />
            )}
          </Field>
          <MindFields draft={draft} errors={errors} onChange={change} />
          <label className="check">
            <input
              type="checkbox"
              checked={draft.video}
              onChange={(event) => change({ video: event.target.checked })}
            />
            Callers may switch on their camera
          </label>
        </div>
        <footer className="form-foot">
          <FormProblem error={error} />
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" data-testid="create-agent" disabled={saving}>
            {saving ? 'Creating…' : 'Create agent'}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

/** What is wrong beyond the fields above. */
function FormProblem({ error }: { error: ApiError | null }) {
  if (!error) return <span className="form-problem" />
  const elsewhere = errorsElsewhere(error.errors, [...SHOWN, '/slug'])
  return (
    <span className="form-problem" role="alert">
      {error.message}
      {elsewhere.map(({ pointer, detail }) => (
        <span key={pointer}>
          {' '}
          <code>{pointer}</code> {detail}
        </span>
      ))}
    </span>
  )
}
