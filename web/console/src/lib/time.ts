/** Times as people read them: relative, with the exact one on hover. */

const pad = (value: number, digits = 2) => String(value).padStart(digits, '0')

/** "now", "12 s ago", "5 min ago", "3 h ago", "2 d ago". A clock that is a little ahead still reads "now". */
export function ago(iso: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(iso)) / 1000)
  if (Number.isNaN(seconds)) return '–'
  if (seconds < 5) return 'now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`
  return `${Math.floor(seconds / 86400)} d ago`
}

/** "2026-11-23 15:04:31" in the reader's own time zone. */
export function exact(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return '–'
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(iso)}`
}

/** "15:04:31" */
export function clock(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return '–'
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
}

/** A span in milliseconds: "34 ms", "1.2 s", "42 s", "3 min 05 s", "2 h 10 min". */
export function span(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`
  return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} min`
}

/** A running call's clock: "0:07", "12:40", "1:02:03". */
export function callClock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}:${pad(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(seconds % 60)}`
}

/** A latency in seconds, as whole milliseconds: "1,240 ms"; nothing for a value that isn't there. */
export function latency(seconds: number | null | undefined): string | null {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return null
  return `${Math.round(seconds * 1000).toLocaleString('en-US')} ms`
}

export const between = (from: string, to: string | number): number =>
  (typeof to === 'number' ? to : Date.parse(to)) - Date.parse(from)
