/** What is measured on a call's tracks while it runs. */

import { createAudioAnalyser, type LocalAudioTrack, type RemoteTrack } from 'livekit-client'

/** Calls back with the microphone's level (0…1) at each frame. Returns what ends it. */
export function watchLevel(track: LocalAudioTrack, onLevel: (level: number) => void): () => void {
  let frame = 0
  let cleanup: (() => Promise<void>) | undefined
  try {
    const analyser = createAudioAnalyser(track, { cloneTrack: false, smoothingTimeConstant: 0.6 })
    cleanup = analyser.cleanup
    const step = () => {
      onLevel(Math.min(1, analyser.calculateVolume() * 1.6))
      frame = requestAnimationFrame(step)
    }
    step()
  } catch {
    // No Web Audio here: the meter stays empty, the call is unharmed.
  }
  return () => {
    cancelAnimationFrame(frame)
    onLevel(0)
    void cleanup?.()
  }
}

/** Bytes received on a remote track so far, from the browser's own WebRTC statistics. */
export async function bytesReceived(track: RemoteTrack): Promise<number> {
  const report = await track.getRTCStatsReport()
  let bytes = 0
  report?.forEach((stats: { type: string; bytesReceived?: number }) => {
    if (stats.type === 'inbound-rtp') bytes += stats.bytesReceived ?? 0
  })
  return bytes
}
