import { describe, expect, it } from 'vitest'

import type { Agent } from '../api/types'
import { changedSinceFailure } from './draft-change'

const second = (count: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, count)).toISOString()

const failed = (updatedAt: string): Agent => ({
  id: 'a',
  slug: 'a',
  name: 'A',
  status: 'failed',
  liveVersion: null,
  replicas: null,
  activeCalls: 0,
  callsToday: 0,
  lastError: 'refused',
  updatedAt,
  config: {},
  deployment: {
    id: 'd',
    version: 1,
    status: 'failed',
    reason: 'refused',
    replicas: 1,
    actor: 'console',
    createdAt: second(0),
    attempt: 1,
    workflowUrl: null,
    transitions: [{ at: second(10), status: 'failed', actor: null, reason: 'refused', attempt: 1 }],
  },
})

describe('a draft and the deployment that failed', () => {
  it('is newer when it was saved after the last transition', () => {
    expect(changedSinceFailure(failed(second(60)))).toBe(true)
  })

  it('is not newer by the time that writing the failure took', () => {
    expect([second(10), second(11)].map((at) => changedSinceFailure(failed(at)))).toEqual([false, false])
  })

  it('matters only where a deployment failed', () => {
    expect(changedSinceFailure({ ...failed(second(60)), status: 'stopped' })).toBe(false)
    expect(changedSinceFailure({ ...failed(second(60)), deployment: null })).toBe(false)
  })
})
