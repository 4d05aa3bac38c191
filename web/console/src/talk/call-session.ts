/**
 * One call, outside of React: connects, listens to the room and offers an immutable snapshot of what is known.
 * The page draws snapshots; nothing else of LiveKit reaches it but the tracks.
 */

import {
  DisconnectReason,
  type LocalAudioTrack,
  type LocalVideoTrack,
  type RemoteParticipant,
  type RemoteTrack,
  Room,
  RoomEvent,
  Track,
} from 'livekit-client'

import { getToken } from '../api/token'
import { applySegment, finalizeAll, type Transcript } from '../lib/transcript'
import { type CallFacts, type Microphone, microphoneTrouble } from './call-state'
import { readTranscription } from './transcription'

export interface CallSnapshot extends Omit<CallFacts, 'aloneFor'> {
  callId: string | null
  room: string | null
  startedAt: number | null
  endedAt: number | null
  /** Since when the room has been without an agent. */
  aloneSince: number | null
  microphone: Microphone
  camera: 'off' | 'asking' | 'on' | 'failed'
  audioBlocked: boolean
  transcript: Transcript
  microphoneTrack: LocalAudioTrack | null
  cameraTrack: LocalVideoTrack | null
  agentAudio: RemoteTrack | null
  agentVideo: RemoteTrack | null
}

export const BEFORE_CALL: CallSnapshot = {
  phase: 'idle',
  agentHere: false,
  agentWasHere: false,
  agentState: null,
  givenUp: false,
  reason: null,
  callId: null,
  room: null,
  startedAt: null,
  endedAt: null,
  aloneSince: null,
  microphone: 'off',
  camera: 'off',
  audioBlocked: false,
  transcript: [],
  microphoneTrack: null,
  cameraTrack: null,
  agentAudio: null,
  agentVideo: null,
}

const ENDED_BY_US = new Set<DisconnectReason | undefined>([DisconnectReason.CLIENT_INITIATED])
const ENDED_BY_PLATFORM = new Set<DisconnectReason | undefined>([
  DisconnectReason.ROOM_DELETED,
  DisconnectReason.ROOM_CLOSED,
  DisconnectReason.PARTICIPANT_REMOVED,
])

/** What the platform itself tells those in a room. */
const PLATFORM_TOPIC = 'bionic.call'

function saysNoAgent(payload: Uint8Array): boolean {
  try {
    return (JSON.parse(new TextDecoder().decode(payload)) as { status?: unknown }).status === 'no agent'
  } catch {
    return false
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

function tracksOf(agent: RemoteParticipant | undefined) {
  let agentAudio: RemoteTrack | null = null
  let agentVideo: RemoteTrack | null = null
  for (const publication of agent?.audioTrackPublications.values() ?? []) {
    agentAudio = publication.track ?? agentAudio
  }
  for (const publication of agent?.videoTrackPublications.values() ?? []) {
    agentVideo = publication.track ?? agentVideo
  }
  return { agentAudio, agentVideo }
}

export class CallSession {
  private snapshot = BEFORE_CALL
  private room: Room | undefined
  private closed = false
  private readonly listeners = new Set<() => void>()

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly read = (): CallSnapshot => this.snapshot

  private set(change: Partial<CallSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...change }
    for (const listener of this.listeners) listener()
  }

  async start(agentId: string, participantName: string): Promise<void> {
    this.set({ ...BEFORE_CALL, phase: 'dialing' })
    const room = new Room({ adaptiveStream: true, dynacast: true })
    this.room = room
    readTranscription(room, (update) =>
      this.set({ transcript: applySegment(this.snapshot.transcript, update) }),
    )
    this.listen(room)
    try {
      const token = await getToken(agentId, participantName)
      if (this.closed) return
      this.set({ callId: token.callId, room: token.room })
      await room.connect(token.url, token.token)
    } catch (error) {
      if (!this.closed) this.set({ phase: 'refused', reason: messageOf(error) })
      return
    }
    const now = Date.now()
    this.set({ phase: 'connected', startedAt: now, aloneSince: now, audioBlocked: !room.canPlaybackAudio })
    this.readAgent()
    await this.openMicrophone()
  }

  async openMicrophone(): Promise<void> {
    const local = this.room?.localParticipant
    if (!local) return
    this.set({ microphone: 'asking' })
    try {
      await local.setMicrophoneEnabled(true)
      const track = local.getTrackPublication(Track.Source.Microphone)?.audioTrack ?? null
      this.set({ microphone: track ? 'on' : 'missing', microphoneTrack: track })
    } catch (error) {
      this.set({ microphone: microphoneTrouble(error, isSecureContext), microphoneTrack: null })
    }
  }

  async toggleMute(): Promise<void> {
    const muted = this.snapshot.microphone === 'muted'
    if (!muted && this.snapshot.microphone !== 'on') return this.openMicrophone()
    await this.room?.localParticipant.setMicrophoneEnabled(muted)
    this.set({ microphone: muted ? 'on' : 'muted' })
  }

  async toggleCamera(): Promise<void> {
    const local = this.room?.localParticipant
    if (!local) return
    const enable = this.snapshot.camera !== 'on'
    if (enable) this.set({ camera: 'asking' })
    try {
      await local.setCameraEnabled(enable)
      const track = enable ? (local.getTrackPublication(Track.Source.Camera)?.videoTrack ?? null) : null
      this.set({ camera: track ? 'on' : 'off', cameraTrack: track })
    } catch {
      this.set({ camera: 'failed', cameraTrack: null })
    }
  }

  /** Browsers may want a click before they play sound. */
  async startAudio(): Promise<void> {
    await this.room?.startAudio()
    this.set({ audioBlocked: !(this.room?.canPlaybackAudio ?? true) })
  }

  async end(): Promise<void> {
    const dialing = this.snapshot.phase === 'dialing'
    if (dialing) this.finish('ended', 'You hung up before it was connected.')
    await this.room?.disconnect()
  }

  /** The page is left: hang up and tell nobody. */
  dispose(): void {
    this.closed = true
    this.listeners.clear()
    void this.room?.disconnect()
  }

  private listen(room: Room): void {
    const refresh = () => this.readAgent()
    const reconnecting = () => this.set({ phase: 'reconnecting' })
    room
      .on(RoomEvent.ParticipantConnected, refresh)
      .on(RoomEvent.ParticipantDisconnected, refresh)
      .on(RoomEvent.ParticipantAttributesChanged, refresh)
      .on(RoomEvent.TrackSubscribed, refresh)
      .on(RoomEvent.TrackUnsubscribed, refresh)
      .on(RoomEvent.AudioPlaybackStatusChanged, () => this.set({ audioBlocked: !room.canPlaybackAudio }))
      .on(RoomEvent.SignalReconnecting, reconnecting)
      .on(RoomEvent.Reconnecting, reconnecting)
      .on(RoomEvent.Reconnected, () => {
        this.set({ phase: 'connected' })
        this.readAgent()
      })
      .on(RoomEvent.DataReceived, (payload, sender, _kind, topic) => {
        // Only the server sends without a sender: nobody in the room can pretend to be the platform.
        if (topic === PLATFORM_TOPIC && !sender && saysNoAgent(payload)) this.set({ givenUp: true })
      })
      .on(RoomEvent.Disconnected, (reason) => this.onDisconnected(reason))
  }

  /** Reads who is there from the room itself rather than from the order of events. */
  private readAgent(): void {
    const { phase, agentHere, agentWasHere, aloneSince } = this.snapshot
    if (!this.room || (phase !== 'connected' && phase !== 'reconnecting')) return
    const agents = [...this.room.remoteParticipants.values()].filter((participant) => participant.isAgent)
    // While a lost agent's ghost lingers, the one that came last is the one that talks.
    const agent = agents.sort((a, b) => Number(a.joinedAt ?? 0) - Number(b.joinedAt ?? 0)).at(-1)
    const here = agent !== undefined
    this.set({
      agentHere: here,
      agentWasHere: agentWasHere || here,
      agentState: agent?.attributes['lk.agent.state'] ?? null,
      givenUp: this.snapshot.givenUp && !here,
      aloneSince: here ? null : agentHere ? Date.now() : (aloneSince ?? Date.now()),
      ...tracksOf(agent),
    })
  }

  private onDisconnected(reason: DisconnectReason | undefined): void {
    const { phase } = this.snapshot
    // A failed connect reports itself with a better reason.
    if (phase === 'dialing' || phase === 'refused' || phase === 'ended') return
    if (ENDED_BY_US.has(reason)) this.finish('ended', null)
    else if (ENDED_BY_PLATFORM.has(reason)) {
      const { givenUp } = this.snapshot
      if (givenUp)
        this.finish('lost', 'No agent could come back, and the call was ended. Call again to go on.')
      else this.finish('ended', 'The agent or the platform closed the call.')
    } else
      this.finish('lost', 'The connection to LiveKit broke and could not be restored. Call again to go on.')
  }

  private finish(phase: 'ended' | 'lost', reason: string | null): void {
    this.set({
      phase,
      reason,
      endedAt: Date.now(),
      agentHere: false,
      agentState: null,
      aloneSince: null,
      microphone: 'off',
      camera: 'off',
      microphoneTrack: null,
      cameraTrack: null,
      agentAudio: null,
      agentVideo: null,
      transcript: finalizeAll(this.snapshot.transcript),
    })
  }
}
