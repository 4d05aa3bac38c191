/** Development fixture, never shipped: the talk page in each of its states, without a LiveKit server. `?state=…` */

import '../src/styles/index.css'

import { createRoot } from 'react-dom/client'

import { applySegment, type Transcript } from '../src/lib/transcript'
import { matchLatencies } from '../src/lib/latencies'
import { BEFORE_CALL, type CallSnapshot } from '../src/talk/call-session'
import { TalkView } from '../src/talk/talk-view'
import { callOf, EXAMPLES, TURNS } from './examples'

const now = Date.now()
const transcript = TURNS.reduce<Transcript>(
  (all, { seq, role, text }) =>
    applySegment(all, {
      id: String(seq),
      role,
      text,
      final: seq < 5,
      at: now - 60_000 + seq * 6000,
      stream: seq,
    }),
  [],
)
const live: CallSnapshot = {
  ...BEFORE_CALL,
  phase: 'connected',
  agentHere: true,
  agentWasHere: true,
  agentState: 'speaking',
  callId: '0197c1aa-0001-7c11-9e2f-5a1b2c3d4e5f',
  room: 'agent-reception-0197c1aa-0001',
  startedAt: now - 62_000,
  microphone: 'on',
  transcript,
}
const STATES: Record<string, CallSnapshot> = {
  idle: BEFORE_CALL,
  speaking: live,
  alone: { ...live, agentHere: false, agentWasHere: false, aloneSince: now - 11_000, transcript: [] },
  denied: { ...live, agentState: 'listening', microphone: 'denied', audioBlocked: true },
  recovering: { ...live, agentHere: false, aloneSince: now - 1000 },
  greeted: { ...live, agentState: 'listening', transcript: transcript.slice(0, 1) },
  ended: { ...live, phase: 'ended', endedAt: now },
}
const call = STATES[new URLSearchParams(location.search).get('state') ?? 'speaking'] ?? live
const nothing = () => Promise.resolve()

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <main className="page talk-page">
      <TalkView
        agent={EXAMPLES[0]}
        agentRef="reception"
        call={call}
        session={{
          toggleMute: nothing,
          toggleCamera: nothing,
          startAudio: nothing,
          openMicrophone: nothing,
          end: nothing,
        }}
        onStart={() => undefined}
        now={now}
        record={call.callId === null ? null : { ...callOf(call.callId), turns: TURNS }}
        latencies={matchLatencies(transcript, TURNS)}
      />
    </main>,
  )
}
