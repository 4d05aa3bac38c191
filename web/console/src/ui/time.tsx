import { ago, exact } from '../lib/time'

/** Relative, with the exact time on hover. */
export function Ago({ at, now }: { at: string; now: number }) {
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at, now)}
    </time>
  )
}
