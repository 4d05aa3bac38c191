/** A config as text to edit: the database keeps no order of keys, people like what matters first. */

const FIRST = [
  'name',
  'instructions',
  'greeting',
  'language',
  'provider',
  'when',
  'say',
  'url',
  'stt',
  'llm',
  'tts',
  'options',
  'model',
  'rules',
]

const rank = (key: string) => {
  const index = FIRST.indexOf(key)
  return index < 0 ? FIRST.length : index
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b))
  return Object.fromEntries(entries.map(([key, inner]) => [key, ordered(inner)]))
}

export const configText = (config: object): string => JSON.stringify(ordered(config), null, 2)
