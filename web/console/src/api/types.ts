/** What the API answers, as far as this page reads it. */

export interface Replicas {
  desired: number
  ready: number
}

export interface AgentSummary {
  id: string
  slug: string
  name: string
  status: string
  liveVersion: number | null
  replicas: Replicas | null
  activeCalls: number
  callsToday: number
  lastError: string | null
  updatedAt: string
}

export interface ProviderChoice {
  provider: string
  options?: Record<string, unknown> | null
}

export interface AgentConfig {
  instructions?: string
  greeting?: string | null
  language?: string
  stt?: ProviderChoice
  llm?: ProviderChoice
  tts?: ProviderChoice
  video?: boolean
  livekitConfig?: Record<string, unknown> | null
  [key: string]: unknown
}

export interface Transition {
  at: string
  status: string
  actor: string | null
  reason: string | null
  attempt: number | null
}

export interface Deployment {
  id: string
  version: number
  status: string
  reason: string | null
  replicas: number | Replicas | null
  actor: string | null
  createdAt: string
  attempt: number | null
  workflowUrl: string | null
  transitions: Transition[]
}

export interface Agent extends AgentSummary {
  config: AgentConfig
  deployment: Deployment | null
}

export interface Page<T> {
  items: T[]
  nextCursor: string | null
}

export interface CallSummary {
  id: string
  agentId: string
  version: number | null
  status: string
  createdAt: string
  startedAt: string | null
  endedAt: string | null
  identity: string | null
  endReason: string | null
  turnCount: number
  /** How often another agent was sent, since the one before was lost or did not come. */
  recoveries: number
}

/** All in seconds. */
export interface Latencies {
  transcriptionDelay?: number | null
  endOfTurnDelay?: number | null
  llmNodeTtft?: number | null
  ttsNodeTtfb?: number | null
  e2eLatency?: number | null
}

export interface Turn {
  seq: number
  role: 'user' | 'agent'
  text: string
  at: string
  interrupted: boolean
  latencies: Latencies | null
}

/** What happened in a call beside what was said. */
export interface CallEvent {
  event: string
  at: string
  attempt: number | null
  data: Record<string, unknown> | null
}

export interface Recording {
  attempt: number
  state: 'storing' | 'stored' | 'lost'
  seconds: number | null
  salvaged: boolean
  url: string | null
}

export interface Call extends CallSummary {
  room: string
  turns: Turn[]
  events: CallEvent[]
  recordings: Recording[]
}

export interface ConsoleInfo {
  temporalUiUrl: string | null
  livekitUrl: string | null
  version: string
}

export interface Component {
  status: 'ok' | 'degraded' | 'down'
  detail?: string | null
}

export interface Health {
  status: string
  components: Record<string, Component>
}

export interface CallToken {
  token: string
  url: string
  room: string
  callId: string
  identity: string
  expiresAt: string
}
