/** What an agent that hears offline understands: the phrases of its grammar. Empty when it understands anything. */

import type { AgentConfig } from '../api/types'

export function phrasesOf(config: AgentConfig | undefined): string[] {
  const { provider, options } = config?.stt ?? {}
  const grammar = options?.grammar
  if (provider !== 'offline' || !Array.isArray(grammar)) return []
  return grammar.filter((phrase): phrase is string => typeof phrase === 'string' && phrase.trim() !== '')
}
