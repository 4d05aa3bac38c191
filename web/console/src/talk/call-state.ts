/** What a caller is told, made from what is known. Pure, so that every sentence can be tested. */

import type { Tone } from '../lib/status'

export type Phase = 'idle' | 'dialing' | 'connected' | 'reconnecting' | 'ended' | 'lost' | 'refused'
export type Microphone = 'off' | 'asking' | 'on' | 'muted' | 'denied' | 'missing' | 'busy' | 'insecure'

export interface CallFacts {
  phase: Phase
  /** An agent is in the room. */
  agentHere: boolean
  /** An agent was in the room before. */
  agentWasHere: boolean
  /** LiveKit's `lk.agent.state` of the agent, when it tells. */
  agentState: string | null
  /** The platform has told that no agent comes, try as it may. */
  givenUp: boolean
  /** Milliseconds without an agent in a connected room. */
  aloneFor: number
  /** Why the call was refused or lost. */
  reason: string | null
}

export interface StateLine {
  /** A stable word for tests and styles. */
  word: string
  title: string
  detail: string
  tone: Tone
  /** Nobody came: point at the deployment. */
  cure: boolean
}

export const ALONE_TOO_LONG = 10_000

const line = (word: string, title: string, detail: string, tone: Tone, cure = false): StateLine => ({
  word,
  title,
  detail,
  tone,
  cure,
})

function alone({ aloneFor, agentWasHere, givenUp }: CallFacts): StateLine {
  if (givenUp) {
    return line(
      'no-agent',
      'No agent can be reached',
      'It is tried on, ever more slowly; you may as well call again later. See what its deployment says.',
      'red',
      true,
    )
  }
  if (aloneFor >= ALONE_TOO_LONG) {
    return line(
      'no-agent',
      agentWasHere ? 'The agent has not come back' : 'No agent has joined',
      'You are connected, but nobody is on the other side yet. See what its deployment says.',
      'red',
      true,
    )
  }
  return agentWasHere
    ? line(
        'recovering',
        'Agent lost, bringing another',
        'Stay on the line: the conversation goes on.',
        'amber',
      )
    : line('waiting', 'Waiting for the agent', 'You are connected. The agent is on its way.', 'blue')
}

function withAgent(state: string | null): StateLine {
  switch (state) {
    case 'speaking':
      return line('speaking', 'Agent speaking', 'Speak at any time to interrupt.', 'green')
    case 'thinking':
      return line('thinking', 'Thinking', 'The agent is making its answer.', 'blue')
    case 'initializing':
      return line('waiting', 'Agent joining', 'It is in the room and getting ready.', 'blue')
    default:
      return line('listening', 'Listening', 'Say something.', 'green')
  }
}

export function stateLine(facts: CallFacts): StateLine {
  switch (facts.phase) {
    case 'idle':
      return line('idle', 'Ready to call', 'The call opens in this browser, with your microphone.', 'grey')
    case 'dialing':
      return line('connecting', 'Connecting', 'Getting a token and opening the room.', 'blue')
    case 'reconnecting':
      return line('reconnecting', 'Connection lost, reconnecting', 'The call is kept meanwhile.', 'amber')
    case 'ended':
      return line(
        'ended',
        'Call ended',
        facts.reason ?? 'The transcript stays with the agent’s calls.',
        'grey',
      )
    case 'lost':
      return line('lost', 'Connection lost', facts.reason ?? 'Call again to go on.', 'red')
    case 'refused':
      return line('refused', 'The call could not start', facts.reason ?? 'Try again.', 'red')
    case 'connected':
      return facts.agentHere ? withAgent(facts.agentState) : alone(facts)
  }
}

/** What to do about a microphone that doesn't work; null while it does. */
export function microphoneHelp(microphone: Microphone): string | null {
  switch (microphone) {
    case 'denied':
      return 'The browser refused the microphone, so the agent can’t hear you. Allow it at the lock in the address bar, then try again. You still hear the agent.'
    case 'missing':
      return 'No microphone was found, so the agent can’t hear you. Plug one in, then try again. You still hear the agent.'
    case 'busy':
      return 'The microphone could not be opened; another program may be holding it. Close that, then try again.'
    case 'insecure':
      return 'Browsers give the microphone only to pages on https or localhost. Open the console there to speak; here you can listen.'
    default:
      return null
  }
}

/** Which trouble a failed `getUserMedia` means. */
export function microphoneTrouble(error: unknown, secure: boolean): Microphone {
  if (!secure) return 'insecure'
  const name = error instanceof Error ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError' || name === 'PermissionDeniedError')
    return 'denied'
  if (name === 'NotFoundError' || name === 'DevicesNotFoundError' || name === 'OverconstrainedError')
    return 'missing'
  return 'busy'
}
