import { describe, expect, it } from 'vitest'

import { actionsFor, AGENT_STATUSES, agentTone, callTone, failedFirst, inProgress, summarize } from './status'

describe('status words', () => {
  it('colours each state', () => {
    expect(AGENT_STATUSES.map(agentTone)).toEqual([
      'grey',
      'blue',
      'blue',
      'green',
      'amber',
      'amber',
      'grey',
      'red',
    ])
    expect(['waiting', 'active', 'recovering', 'ended', 'failed'].map(callTone)).toEqual([
      'blue',
      'green',
      'amber',
      'grey',
      'red',
    ])
  })

  it('takes a word it does not know for grey', () => {
    expect(agentTone('levitating')).toBe('grey')
    expect(callTone('toString')).toBe('grey')
    expect(actionsFor('levitating')).toEqual(['deploy', 'stop'])
  })

  it('offers talk only where someone answers, and retry only after a failure', () => {
    expect(AGENT_STATUSES.filter((word) => actionsFor(word).includes('talk'))).toEqual([
      'running',
      'degraded',
    ])
    expect(AGENT_STATUSES.filter((word) => actionsFor(word).includes('retry'))).toEqual(['failed'])
    expect(AGENT_STATUSES.filter(inProgress)).toEqual(['validating', 'starting', 'draining'])
  })

  it('puts a changed draft before another try of what failed', () => {
    expect(actionsFor('failed')).toEqual(['retry', 'deploy'])
    expect(actionsFor('failed', true)).toEqual(['deploy', 'retry'])
    expect(actionsFor('running', true)).toEqual(actionsFor('running'))
  })

  it('lists failed agents first and leaves the others in their order', () => {
    const agents = ['draft', 'failed', 'running', 'stopped'].map((status, id) => ({ id, status }))
    expect(failedFirst(agents).map(({ id }) => id)).toEqual([1, 0, 2, 3])
  })

  it('names the worst first', () => {
    expect(
      summarize(['running', 'failed', 'running', 'degraded']).map(({ status, count }) => [status, count]),
    ).toEqual([
      ['failed', 1],
      ['degraded', 1],
      ['running', 2],
    ])
  })
})
