import { useEffect, useRef } from 'react'

import type { TurnLatencies } from '../lib/latencies'
import { clock } from '../lib/time'
import type { Segment } from '../lib/transcript'
import type { CallSnapshot } from './call-session'
import { Latency } from './latency'
import { SayHint } from './say-hint'

interface TranscriptViewProps {
  call: CallSnapshot
  latencies: ReadonlyMap<string, TurnLatencies>
  /** What the agent understands, when that is limited. */
  phrases: readonly string[]
}

/** What both sides say, as they say it. Follows the newest words unless the reader scrolled back. */
export function TranscriptView({ call, latencies, phrases }: TranscriptViewProps) {
  const open = call.phase === 'idle' || call.phase === 'dialing' || call.phase === 'connected'
  const unsaid = open && call.transcript.every(({ role }) => role === 'agent')
  const box = useRef<HTMLDivElement>(null)
  const follow = useRef(true)
  useEffect(() => {
    const element = box.current
    if (element && follow.current) element.scrollTop = element.scrollHeight
  }, [call.transcript, latencies])

  return (
    <section className="transcript-panel" aria-label="Transcript">
      <div
        ref={box}
        className="transcript"
        data-testid="transcript"
        role="log"
        tabIndex={0}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget
          follow.current = scrollHeight - scrollTop - clientHeight < 40
        }}
      >
        {call.transcript.length === 0 ? (
          <p className="transcript-empty">
            {call.phase === 'idle'
              ? 'What you and the agent say appears here, as it is said.'
              : call.phase === 'connected'
                ? 'Nothing has been said yet.'
                : ' '}
          </p>
        ) : null}
        {call.transcript.map((segment) => (
          <TurnView
            key={`${segment.role}-${segment.id}`}
            segment={segment}
            latencies={latencies.get(segment.id)}
          />
        ))}
        {unsaid ? <SayHint phrases={phrases} /> : null}
      </div>
    </section>
  )
}

function TurnView({ segment, latencies }: { segment: Segment; latencies: TurnLatencies | undefined }) {
  return (
    <article
      className={`turn turn-${segment.role} ${segment.final ? '' : 'interim'}`}
      data-testid={`turn-${segment.role}`}
      data-final={segment.final}
    >
      <header>
        <b>{segment.role === 'user' ? 'You' : 'Agent'}</b>
        <time>{clock(new Date(segment.at).toISOString())}</time>
      </header>
      <p className="turn-text">{segment.text}</p>
      {segment.role === 'agent' ? <Latency of={latencies} /> : null}
    </article>
  )
}
