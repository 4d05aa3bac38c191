import type { Call } from '../api/types'
import { medianE2e } from '../lib/latencies'
import { latency } from '../lib/time'
import { CopyId } from '../ui/copy-id'
import type { CallSnapshot } from './call-session'

interface CallFactsListProps {
  call: CallSnapshot
  record: Call | null
}

/** What one asks about this call in a log or in another tool. */
export function CallFactsList({ call, record }: CallFactsListProps) {
  if (call.callId === null) return null
  return (
    <dl className="call-facts">
      <div>
        <dt>Call</dt>
        <dd>
          <CopyId id={call.callId} label="call id" />
        </dd>
      </div>
      <div>
        <dt>Version</dt>
        <dd>{record?.version ? `v${record.version}` : '–'}</dd>
      </div>
      <div className="call-room">
        <dt>Room</dt>
        <dd>{call.room === null ? '–' : <CopyId id={call.room} label="room" />}</dd>
      </div>
      <div title="Median of this call: from the end of what the caller said to the first sound of the answer">
        <dt>E2E p50</dt>
        <dd>{latency(medianE2e(record?.turns ?? [])) ?? '–'}</dd>
      </div>
    </dl>
  )
}
