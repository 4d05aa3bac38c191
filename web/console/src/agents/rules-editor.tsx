import type { FieldError } from '../api/client'
import { IconClose, IconPlus } from '../ui/icons'
import { errorAt, type Rule } from './draft'

interface RulesEditorProps {
  rules: Rule[]
  errors: readonly FieldError[]
  onChange: (rules: Rule[]) => void
}

/** What callers say, and what the agent answers. */
export function RulesEditor({ rules, errors, onChange }: RulesEditorProps) {
  const change = (index: number, part: Partial<Rule>) =>
    onChange(rules.map((rule, at) => (at === index ? { ...rule, ...part } : rule)))
  return (
    <div className="rules" role="group" aria-label="Phrases and answers">
      <div className="rules-head" aria-hidden="true">
        <span>When the caller says</span>
        <span>The agent answers</span>
      </div>
      {rules.map((rule, index) => {
        const error = errorAt(
          errors,
          `/config/llm/options/rules/${index}`,
          `/config/stt/options/grammar/${index}`,
        )
        return (
          <div className="rule" key={index}>
            <input
              value={rule.when}
              aria-label={`Phrase ${index + 1}`}
              aria-invalid={error !== undefined}
              placeholder="what are your opening hours"
              onChange={(event) => change(index, { when: event.target.value })}
            />
            <input
              value={rule.say}
              aria-label={`Answer ${index + 1}`}
              aria-invalid={error !== undefined}
              placeholder="From nine to five, every day."
              onChange={(event) => change(index, { say: event.target.value })}
            />
            <button
              type="button"
              className="button quiet square"
              aria-label={`Remove phrase ${index + 1}`}
              disabled={rules.length === 1}
              onClick={() => onChange(rules.filter((_, at) => at !== index))}
            >
              <IconClose />
            </button>
            {error ? <p className="field-error">{error}</p> : null}
          </div>
        )
      })}
      <button
        type="button"
        className="button quiet"
        onClick={() => onChange([...rules, { when: '', say: '' }])}
      >
        <IconPlus />
        Add a phrase
      </button>
    </div>
  )
}
