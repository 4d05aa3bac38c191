/** Agents and calls to look at while developing. */

import type { Agent, AgentConfig, Call, CallEvent, CallSummary, Recording, Turn } from '../src/api/types'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

const CONFIG: AgentConfig = {
  instructions:
    'You answer the phone for Lindholm & Sons, a small furniture shop.\nBe friendly and brief. Never promise a date that is not in the order.',
  greeting: 'Lindholm and Sons, how can I help?',
  language: 'en',
  stt: {
    provider: 'offline',
    options: { grammar: ['where is my order', 'talk to a human', 'opening hours'] },
  },
  llm: {
    provider: 'scripted',
    options: {
      rules: [
        { when: 'where is my order', say: 'It ships today and arrives tomorrow.' },
        { when: 'talk to a human', say: 'I will get someone for you.' },
      ],
      otherwise: 'Sorry, I did not get that.',
    },
  },
  tts: { provider: 'offline', options: { voice: 'en' } },
  video: false,
}

export function transition(
  agent: Agent,
  status: string,
  reason: string | null,
  at = new Date().toISOString(),
): void {
  agent.status = status
  agent.updatedAt = at
  if (!agent.deployment) return
  agent.deployment.status = status
  agent.deployment.reason = reason
  agent.deployment.transitions.push({
    at,
    status,
    actor: 'console',
    reason,
    attempt: agent.deployment.attempt,
  })
}

export function newAgent(name: string, config: AgentConfig): Agent {
  return {
    id: crypto.randomUUID(),
    slug: name.toLowerCase().replace(/[^a-z0-9]+/g, '-'),
    name,
    status: 'draft',
    liveVersion: null,
    replicas: { desired: 0, ready: 0 },
    activeCalls: 0,
    callsToday: 0,
    lastError: null,
    updatedAt: ago(0),
    config,
    deployment: null,
  }
}

type Past = [status: string, secondsAgo: number, reason?: string][]

function example(name: string, change: Partial<Agent>, past: Past, attempt = 1): Agent {
  const agent = { ...newAgent(name, CONFIG), ...change }
  const first = past[0]
  if (!first) return agent
  agent.deployment = {
    id: crypto.randomUUID(),
    version: change.liveVersion ?? 1,
    status: 'validating',
    reason: null,
    replicas: 1,
    actor: 'console',
    createdAt: ago(first[1]),
    attempt,
    workflowUrl: 'http://localhost:8233/namespaces/default/workflows/agent-1',
    transitions: [],
  }
  for (const [status, seconds, reason] of past) transition(agent, status, reason ?? null, ago(seconds))
  return agent
}

const REFUSED =
  'LiveKit at wss://eu.example.com refused the API key. Check the agent’s livekitConfig, or Settings → LiveKit.'
const LOST = 'LiveKit has not answered for 14 s; reconnecting. Running calls are kept.'

export const EXAMPLES: Agent[] = [
  example(
    'Reception',
    {
      liveVersion: 7,
      replicas: { desired: 2, ready: 2 },
      activeCalls: 3,
      callsToday: 148,
      config: { ...CONFIG, video: true },
    },
    [
      ['validating', 7260.9, 'Deploy asked for'],
      ['starting', 7260.2],
      ['running', 7259.8],
    ],
  ),
  example(
    'Order desk',
    { liveVersion: 12, replicas: { desired: 3, ready: 2 }, activeCalls: 1, callsToday: 61, lastError: LOST },
    [
      ['validating', 86500],
      ['starting', 86499],
      ['running', 86498],
      ['degraded', 14, LOST],
    ],
  ),
  example(
    'Night line',
    { liveVersion: null, lastError: REFUSED },
    [
      ['validating', 310, 'Deploy asked for'],
      ['starting', 309.4],
      ['failed', 308.1, REFUSED],
    ],
    3,
  ),
  example('Appointments', { liveVersion: 2, replicas: { desired: 1, ready: 0 } }, [
    ['validating', 3],
    ['starting', 2],
  ]),
  example('Survey', { liveVersion: 4, activeCalls: 2, callsToday: 9, replicas: { desired: 0, ready: 1 } }, [
    ['running', 90000],
    ['draining', 40, 'Stop asked for'],
  ]),
  example('Christmas hotline', { liveVersion: 1, callsToday: 0 }, [
    ['running', 900000],
    ['stopped', 500000],
  ]),
  newAgent('Concierge', CONFIG),
]

const reception = EXAMPLES[0]?.id ?? ''

const call = (id: string, change: Partial<CallSummary>): CallSummary => ({
  id,
  agentId: reception,
  version: 7,
  status: 'ended',
  createdAt: ago(400),
  startedAt: ago(400),
  endedAt: ago(310),
  identity: 'caller-4f2a',
  endReason: 'caller left',
  turnCount: 5,
  recoveries: 0,
  ...change,
})

export const CALLS: CallSummary[] = [
  call('0197c1aa-0001-7c11-9e2f-5a1b2c3d4e5f', {
    status: 'active',
    createdAt: ago(42),
    startedAt: ago(41),
    endedAt: null,
    identity: 'caller-91bc',
    turnCount: 3,
  }),
  call('0197c1aa-0002-7c11-9e2f-5a1b2c3d4e60', {
    status: 'recovering',
    createdAt: ago(90),
    startedAt: ago(89),
    endedAt: null,
    identity: 'caller-07de',
    endReason: null,
    recoveries: 1,
  }),
  call('0197c1aa-0003-7c11-9e2f-5a1b2c3d4e61', { recoveries: 2 }),
  call('0197c1aa-0004-7c11-9e2f-5a1b2c3d4e62', {
    status: 'failed',
    createdAt: ago(9000),
    startedAt: null,
    endedAt: ago(8990),
    endReason: 'No host is there.',
    turnCount: 0,
  }),
]

const turn = (seq: number, role: Turn['role'], text: string, latencies: Turn['latencies'] = null): Turn => ({
  seq,
  role,
  text,
  at: ago(60 - seq * 6),
  interrupted: false,
  latencies,
})

export const TURNS: Turn[] = [
  turn(1, 'agent', 'Lindholm and Sons, how can I help?', { ttsNodeTtfb: 0.031 }),
  turn(2, 'user', 'where is my order', { transcriptionDelay: 0.412, endOfTurnDelay: 1.12 }),
  turn(3, 'agent', 'It ships today and arrives tomorrow.', {
    llmNodeTtft: 0.004,
    ttsNodeTtfb: 0.029,
    e2eLatency: 1.212,
  }),
  turn(4, 'user', 'talk to a human', { transcriptionDelay: 0.388, endOfTurnDelay: 1.09 }),
  {
    ...turn(5, 'agent', 'I will get someone for you.', {
      llmNodeTtft: 0.005,
      ttsNodeTtfb: 0.03,
      e2eLatency: 1.187,
    }),
    interrupted: true,
  },
]

const happened = (event: string, at: string, attempt: number, reason: string): CallEvent => ({
  event,
  at,
  attempt,
  data: { reason },
})

/** Agents that were lost after the third turn, and one that never came. */
function eventsOf(summary: CallSummary): CallEvent[] {
  const at = TURNS[2]?.at ?? summary.createdAt
  const lost = Array.from({ length: summary.recoveries }, (_, number) =>
    happened('lost', at, number + 2, 'The agent’s process crashed.'),
  )
  const never = summary.status === 'failed' ? [happened('no_agent', ago(8990), 5, 'No host is there.')] : []
  return [...lost, ...never]
}

const recording = (id: string, attempt: number, salvaged: boolean): Recording => ({
  attempt,
  state: 'stored',
  seconds: 40 * attempt,
  salvaged,
  url: `/api/calls/${id}/recording?attempt=${attempt}`,
})

export function callOf(id: string): Call {
  const found = CALLS.find((summary) => summary.id === id) ?? call(id, {})
  return {
    ...found,
    room: `agent-reception-${id}`,
    turns: found.turnCount === 0 ? [] : TURNS.slice(0, found.turnCount),
    events: eventsOf(found),
    recordings: found.recoveries === 0 ? [] : [recording(id, 1, true), recording(id, 2, false)],
  }
}
