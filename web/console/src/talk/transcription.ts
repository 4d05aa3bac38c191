/** Reads LiveKit's `lk.transcription` text streams into transcript segments. */

import type { Room } from 'livekit-client'

import type { SegmentUpdate } from '../lib/transcript'

const TOPIC = 'lk.transcription'

export function readTranscription(room: Room, onUpdate: (update: SegmentUpdate) => void): void {
  let opened = 0
  room.registerTextStreamHandler(TOPIC, (reader, sender) => {
    const stream = (opened += 1)
    const at = Date.now()
    const id = reader.info.attributes?.['lk.segment_id'] ?? reader.info.id
    // The agent transcribes both sides, and sends the caller's words in the caller's name.
    const role = sender.identity === room.localParticipant.identity ? 'user' : 'agent'
    let text = ''
    const report = (final: boolean) => onUpdate({ id, role, text, final, at, stream })

    void (async () => {
      try {
        for await (const chunk of reader) {
          text += chunk
          report(false)
        }
        // The closing packet of a stream may carry the attribute that the opening one didn't have yet.
        report(reader.info.attributes?.['lk.transcription_final'] === 'true')
      } catch {
        // Cut off in the middle, as when the agent's process dies: what was said stands.
        report(true)
      }
    })()
  })
}
