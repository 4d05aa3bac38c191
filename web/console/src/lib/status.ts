/** What each status word means for colour, symbol and the actions a person may take. */

export const AGENT_STATUSES = [
  'draft',
  'validating',
  'starting',
  'running',
  'degraded',
  'draining',
  'stopped',
  'failed',
] as const
export type AgentStatus = (typeof AGENT_STATUSES)[number]

export type Tone = 'green' | 'amber' | 'red' | 'blue' | 'grey'

const TONES: Record<AgentStatus, Tone> = {
  draft: 'grey',
  validating: 'blue',
  starting: 'blue',
  running: 'green',
  degraded: 'amber',
  draining: 'amber',
  stopped: 'grey',
  failed: 'red',
}

const CALL_TONES = new Map<string, Tone>([
  ['waiting', 'blue'],
  ['active', 'green'],
  ['recovering', 'amber'],
  ['failed', 'red'],
])

const isAgentStatus = (word: string): word is AgentStatus =>
  (AGENT_STATUSES as readonly string[]).includes(word)

/** The tone of an agent's or a deployment's status; a word this page doesn't know yet is grey, never an error. */
export const agentTone = (word: string): Tone => (isAgentStatus(word) ? TONES[word] : 'grey')

export const callTone = (word: string): Tone => CALL_TONES.get(word) ?? 'grey'

export type Action = 'talk' | 'deploy' | 'retry' | 'stop'

const ACTIONS: Record<AgentStatus, readonly Action[]> = {
  draft: ['deploy'],
  validating: ['stop'],
  starting: ['stop'],
  running: ['talk', 'deploy', 'stop'],
  degraded: ['talk', 'deploy', 'stop'],
  draining: ['deploy'],
  stopped: ['deploy'],
  failed: ['retry', 'deploy'],
}

/** What may be done now, the main action first. After a failure a changed draft is what to try next. */
export function actionsFor(word: string, draftChanged = false): readonly Action[] {
  if (!isAgentStatus(word)) return ['deploy', 'stop']
  return word === 'failed' && draftChanged ? ['deploy', 'retry'] : ACTIONS[word]
}

/** Failed ones first; the others stay in their order. */
export const failedFirst = <T extends { status: string }>(agents: readonly T[]): T[] =>
  [...agents].sort((a, b) => Number(b.status === 'failed') - Number(a.status === 'failed'))

/** True while the platform is working on it and the next word is on its way. */
export const inProgress = (word: string): boolean =>
  word === 'validating' || word === 'starting' || word === 'draining'

export interface StatusCount {
  status: string
  tone: Tone
  count: number
}

const URGENCY: Record<Tone, number> = { red: 0, amber: 1, blue: 2, green: 3, grey: 4 }

/** "Is everything all right?" in one line: how many agents are in which state, the worst first. */
export function summarize(statuses: readonly string[]): StatusCount[] {
  const counts = new Map<string, number>()
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1)
  return [...counts]
    .map(([status, count]) => ({ status, count, tone: agentTone(status) }))
    .sort((a, b) => URGENCY[a.tone] - URGENCY[b.tone] || a.status.localeCompare(b.status))
}
