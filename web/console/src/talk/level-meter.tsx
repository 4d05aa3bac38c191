import type { LocalAudioTrack } from 'livekit-client'
import { useEffect, useRef } from 'react'

import { watchLevel } from './media'

/** The microphone's level. Written straight to the element: sixty times a second is not React's business. */
export function LevelMeter({ track }: { track: LocalAudioTrack | null }) {
  const bar = useRef<HTMLSpanElement>(null)
  useEffect(() => {
    if (!track) return
    return watchLevel(track, (level) => {
      if (bar.current) bar.current.style.transform = `scaleX(${level.toFixed(3)})`
    })
  }, [track])
  return (
    <div className="meter" role="img" aria-label={track ? 'Microphone level' : 'The microphone is off'}>
      <span ref={bar} className="meter-bar" />
    </div>
  )
}
