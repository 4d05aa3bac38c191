import type { LocalVideoTrack, RemoteTrack } from 'livekit-client'
import { useEffect, useRef, useState } from 'react'

import { bytesReceived } from './media'

interface AgentAudioProps {
  track: RemoteTrack | null
  blocked: boolean
}

/** The agent's voice. Tells on itself whether sound really comes in: bytes from WebRTC's statistics, each second. */
export function AgentAudio({ track, blocked }: AgentAudioProps) {
  const element = useRef<HTMLAudioElement>(null)
  const [bytes, setBytes] = useState(0)
  const [playing, setPlaying] = useState(false)

  useEffect(() => {
    const audio = element.current
    if (!audio || !track) return
    track.attach(audio)
    const timer = setInterval(() => {
      void bytesReceived(track).then(setBytes, () => undefined)
      setPlaying(!audio.paused)
    }, 1000)
    return () => {
      clearInterval(timer)
      track.detach(audio)
    }
  }, [track])

  const state = track === null ? 'waiting' : blocked ? 'blocked' : playing ? 'playing' : 'paused'
  return (
    <audio
      ref={element}
      autoPlay
      data-testid="agent-audio"
      data-state={state}
      data-bytes-received={track ? bytes : 0}
    />
  )
}

interface VideoProps {
  track: LocalVideoTrack | RemoteTrack
  label: string
  testId: string
  own?: boolean
}

export function Video({ track, label, testId, own = false }: VideoProps) {
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const video = element.current
    if (!video) return
    track.attach(video)
    return () => void track.detach(video)
  }, [track])
  return (
    <figure className={`video ${own ? 'own' : ''}`}>
      <video ref={element} autoPlay playsInline muted data-testid={testId} />
      <figcaption>{label}</figcaption>
    </figure>
  )
}
