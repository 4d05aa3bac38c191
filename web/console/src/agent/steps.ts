/** A deployment's transitions as steps on a line: each with its time and how long it took. */

import type { Transition } from '../api/types'
import { inProgress } from '../lib/status'
import { between } from '../lib/time'

export interface Step extends Transition {
  /** Milliseconds until the next step, or until now while it is under way; null where it simply holds. */
  took: number | null
  current: boolean
}

export function stepsOf(transitions: readonly Transition[], now: number): Step[] {
  const ordered = [...transitions].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return ordered.map((transition, index) => {
    const next = ordered[index + 1]
    const current = next === undefined
    const took = next
      ? between(transition.at, next.at)
      : inProgress(transition.status)
        ? Math.max(0, between(transition.at, now))
        : null
    return { ...transition, took, current }
  })
}

/** What a step that is under way waits for. */
export function waitsFor(status: string): string | null {
  switch (status) {
    case 'validating':
      return 'Checking the config and the LiveKit credentials'
    case 'starting':
      return 'Waiting for a runtime host to register it with LiveKit'
    case 'draining':
      return 'Waiting for running calls to finish'
    default:
      return null
  }
}
