/** Whether an agent's draft is newer than the deployment that failed: then Retry would only fail again. */

import type { Agent } from '../api/types'

/** The agent's row is written some moments after the last transition that it tells of. */
const WRITING = 3000

export function changedSinceFailure({ status, deployment, updatedAt }: Agent): boolean {
  if (status !== 'failed' || deployment === null) return false
  const last = Math.max(
    Date.parse(deployment.createdAt),
    ...deployment.transitions.map(({ at }) => Date.parse(at)),
  )
  return Date.parse(updatedAt) > last + WRITING
}
