import { describe, expect, it } from 'vitest'

import { ago, between, callClock, latency, span } from './time'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const before = (seconds: number) => new Date(NOW - seconds * 1000).toISOString()

describe('times', () => {
  it('are relative', () => {
    expect([0, 12, 300, 7200, 200_000].map((seconds) => ago(before(seconds), NOW))).toEqual([
      'now',
      '12 s ago',
      '5 min ago',
      '2 h ago',
      '2 d ago',
    ])
  })

  it('bear a clock that is ahead, and nonsense', () => {
    expect(ago(before(-3), NOW)).toBe('now')
    expect(ago('soon', NOW)).toBe('–')
  })

  it('span from milliseconds to hours', () => {
    expect([34.4, 1280, 9999, 42_000, 185_000, 7_800_000, -1].map(span)).toEqual([
      '34 ms',
      '1.2 s',
      '9.9 s',
      '42 s',
      '3 min 05 s',
      '2 h 10 min',
      '–',
    ])
  })

  it('count a call', () => {
    expect([0, 7000, 760_000, 3_723_000, -5].map(callClock)).toEqual([
      '0:00',
      '0:07',
      '12:40',
      '1:02:03',
      '0:00',
    ])
  })

  it('turn seconds of latency into milliseconds', () => {
    expect(latency(1.2404)).toBe('1,240 ms')
    expect(latency(0)).toBe('0 ms')
    expect([latency(null), latency(undefined), latency(Number.NaN)]).toEqual([null, null, null])
  })

  it('subtract', () => {
    expect(between(before(10), before(4))).toBe(6000)
    expect(between(before(10), NOW)).toBe(10_000)
  })
})
