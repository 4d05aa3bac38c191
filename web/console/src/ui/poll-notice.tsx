import { clock } from '../lib/time'
import type { Poll } from '../lib/use-poll'
import { Notice } from './notice'

/** When the API is away: since when the page shows old news, or that it has none. */
export function PollNotice({ poll, what }: { poll: Poll<unknown>; what: string }) {
  if (!poll.error || poll.error.status === 401) return null
  return (
    <Notice
      tone={poll.staleSince === undefined ? 'red' : 'amber'}
      action={
        <button type="button" className="button" onClick={poll.refresh}>
          Try now
        </button>
      }
    >
      {poll.staleSince === undefined ? (
        <>
          Could not load {what}. {poll.error.message}
        </>
      ) : (
        <>
          Stale since <b>{clock(new Date(poll.staleSince).toISOString())}</b>. {poll.error.message} Trying
          again by itself.
        </>
      )}
    </Notice>
  )
}
