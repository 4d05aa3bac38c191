import type { FieldError } from '../api/client'
import { Field } from '../ui/field'
import { type Draft, errorAt } from './draft'
import { RulesEditor } from './rules-editor'

interface MindFieldsProps {
  draft: Draft
  errors: readonly FieldError[]
  onChange: (part: Partial<Draft>) => void
}

/** Where the answers come from. */
export function MindFields({ draft, errors, onChange }: MindFieldsProps) {
  return (
    <fieldset className="mind">
      <legend>Answers come from</legend>
      <div className="segmented">
        <Choice
          label="Written answers"
          detail="Offline, no keys"
          checked={draft.mind === 'scripted'}
          onSelect={() => onChange({ mind: 'scripted' })}
        />
        <Choice
          label="A language model"
          detail="OpenAI or compatible"
          checked={draft.mind === 'openai'}
          onSelect={() => onChange({ mind: 'openai' })}
        />
      </div>
      {draft.mind === 'scripted' ? (
        <>
          <RulesEditor rules={draft.rules} errors={errors} onChange={(rules) => onChange({ rules })} />
          <Field label="Otherwise it says" error={errorAt(errors, '/config/llm/options/otherwise')}>
            {(props) => (
              <input
                {...props}
                value={draft.otherwise}
                onChange={(event) => onChange({ otherwise: event.target.value })}
              />
            )}
          </Field>
        </>
      ) : (
        <ModelFields draft={draft} errors={errors} onChange={onChange} />
      )}
    </fieldset>
  )
}

/** One field of this form may be an option of three providers; the first that complains speaks for all. */
const everywhere = (option: string) =>
  ['llm', 'stt', 'tts'].map((kind) => `/config/${kind}/options/${option}`)

function ModelFields({ draft, errors, onChange }: MindFieldsProps) {
  return (
    <>
      <Field
        label="Base URL"
        hint="Empty for OpenAI itself; any compatible server works."
        error={errorAt(errors, ...everywhere('baseUrl'))}
      >
        {(props) => (
          <input
            {...props}
            type="url"
            placeholder="https://api.openai.com/v1"
            value={draft.baseUrl}
            onChange={(event) => onChange({ baseUrl: event.target.value })}
          />
        )}
      </Field>
      <Field
        label="API key"
        hint="Kept sealed; never shown again."
        error={errorAt(errors, ...everywhere('apiKey'))}
      >
        {(props) => (
          <input
            {...props}
            type="password"
            autoComplete="off"
            value={draft.apiKey}
            onChange={(event) => onChange({ apiKey: event.target.value })}
          />
        )}
      </Field>
      <Field label="Model" error={errorAt(errors, '/config/llm/options/model')}>
        {(props) => (
          <input
            {...props}
            className="mono"
            placeholder="gpt-4.1-mini"
            value={draft.model}
            onChange={(event) => onChange({ model: event.target.value })}
          />
        )}
      </Field>
      <label className="check">
        <input
          type="checkbox"
          checked={draft.sameVoice}
          onChange={(event) => onChange({ sameVoice: event.target.checked })}
        />
        This server also hears and speaks; otherwise that happens offline
      </label>
    </>
  )
}

interface ChoiceProps {
  label: string
  detail: string
  checked: boolean
  onSelect: () => void
}

function Choice({ label, detail, checked, onSelect }: ChoiceProps) {
  return (
    <label className={`choice ${checked ? 'checked' : ''}`}>
      <input type="radio" name="mind" checked={checked} onChange={onSelect} />
      <b>{label}</b>
      <span>{detail}</span>
    </label>
  )
}
