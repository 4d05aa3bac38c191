/** The "New agent" form's state, and the config it becomes. */

import type { FieldError } from '../api/client'
import type { AgentConfig, ProviderChoice } from '../api/types'

export interface Rule {
  when: string
  say: string
}

export interface Draft {
  name: string
  instructions: string
  greeting: string
  mind: 'scripted' | 'openai'
  rules: Rule[]
  otherwise: string
  baseUrl: string
  apiKey: string
  model: string
  /** The language model's server also hears and speaks. */
  sameVoice: boolean
  video: boolean
}

export const NEW_DRAFT: Draft = {
  name: '',
  instructions: 'You answer the phone for a small shop. Be friendly and brief.',
  greeting: 'Hello, how can I help?',
  mind: 'scripted',
  rules: [
    { when: 'where is my order', say: 'It ships today and arrives tomorrow.' },
    { when: 'talk to a human', say: 'I will get someone for you.' },
  ],
  otherwise: 'Sorry, I did not get that.',
  baseUrl: '',
  apiKey: '',
  model: '',
  sameVoice: true,
  video: false,
}

type Providers = Record<'stt' | 'llm' | 'tts', ProviderChoice>

const OFFLINE_VOICE: ProviderChoice = { provider: 'offline', options: { voice: 'en' } }

const filled = (rules: readonly Rule[]) =>
  rules.filter(({ when, say }) => when.trim() !== '' || say.trim() !== '')

const present = (options: Record<string, string>) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value.trim() !== ''))

function writtenAnswers(draft: Draft): Providers {
  const rules = filled(draft.rules)
  // The offline ear hears best when it is told what to expect.
  const grammar = rules.map(({ when }) => when.trim().toLowerCase()).filter((phrase) => phrase !== '')
  return {
    stt: { provider: 'offline', options: grammar.length > 0 ? { grammar } : {} },
    llm: { provider: 'scripted', options: { rules, ...present({ otherwise: draft.otherwise.trim() }) } },
    tts: OFFLINE_VOICE,
  }
}

function languageModel({ baseUrl, apiKey, model, sameVoice }: Draft): Providers {
  const server = present({ baseUrl, apiKey })
  return {
    stt: sameVoice ? { provider: 'openai', options: server } : { provider: 'offline', options: {} },
    llm: { provider: 'openai', options: { ...server, ...present({ model }) } },
    tts: sameVoice ? { provider: 'openai', options: server } : OFFLINE_VOICE,
  }
}

export function configOf(draft: Draft): AgentConfig {
  return {
    instructions: draft.instructions.trim(),
    ...(draft.greeting.trim() === '' ? {} : { greeting: draft.greeting.trim() }),
    language: 'en',
    ...(draft.mind === 'scripted' ? writtenAnswers(draft) : languageModel(draft)),
    video: draft.video,
  }
}

/** What is wrong with the field at `pointer`, or below it. */
export function errorAt(errors: readonly FieldError[], ...pointers: string[]): string | undefined {
  const found = errors.filter(({ pointer }) =>
    pointers.some((wanted) => pointer === wanted || pointer.startsWith(`${wanted}/`)),
  )
  return found.length === 0 ? undefined : [...new Set(found.map(({ detail }) => detail))].join('; ')
}

/** Errors about fields that this form doesn't show: they are said above the buttons instead. */
export function errorsElsewhere(errors: readonly FieldError[], shown: readonly string[]): FieldError[] {
  return errors.filter(
    ({ pointer }) => !shown.some((wanted) => pointer === wanted || pointer.startsWith(`${wanted}/`)),
  )
}
