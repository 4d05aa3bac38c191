/**
 * Asks again and again while the page is visible. Keeps the last answer when the API is away, and says since when;
 * hands out the same object while the answer is the same, so that nothing is drawn anew without news.
 */

import { useCallback, useEffect, useRef, useState } from 'react'

import { type ApiError, isAbort, toApiError } from '../api/client'

export interface Poll<T> {
  data: T | undefined
  /** The last failure; gone with the next success. */
  error: ApiError | undefined
  /** Epoch milliseconds of the last good answer, when there has been a failure since. */
  staleSince: number | undefined
  refresh: () => void
}

interface Entry {
  data: unknown
  text: string
  at: number
}

interface Failure {
  key: string
  error: ApiError
}

/** The last answers by key: going back to a page shows it at once. */
const cache = new Map<string, Entry>()

export function usePoll<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number | null,
): Poll<T> {
  const [, draw] = useState(0)
  const [failure, setFailure] = useState<Failure | undefined>(undefined)
  const loader = useRef(load)
  const kick = useRef<() => void>(() => undefined)

  useEffect(() => {
    loader.current = load
  })

  useEffect(() => {
    let controller = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let stopped = false

    const run = async (): Promise<void> => {
      clearTimeout(timer)
      controller.abort()
      controller = new AbortController()
      const { signal } = controller
      try {
        const data = await loader.current(signal)
        if (signal.aborted) return
        const text = JSON.stringify(data)
        const known = cache.get(key)
        cache.set(key, { data: known?.text === text ? known.data : data, text, at: Date.now() })
        setFailure(undefined)
        if (known?.text !== text) draw((count) => count + 1)
      } catch (error) {
        if (isAbort(error) || signal.aborted) return
        setFailure({ key, error: toApiError(error) })
      }
      schedule()
    }
    const schedule = () => {
      if (!stopped && everyMs !== null && !document.hidden) timer = setTimeout(() => void run(), everyMs)
    }
    const onVisibility = () => {
      clearTimeout(timer)
      if (!document.hidden && everyMs !== null) void run()
    }

    kick.current = () => void run()
    document.addEventListener('visibilitychange', onVisibility)
    void run()
    return () => {
      stopped = true
      clearTimeout(timer)
      controller.abort()
      document.removeEventListener('visibilitychange', onVisibility)
    }
  }, [key, everyMs])

  const refresh = useCallback(() => kick.current(), [])
  const entry = cache.get(key)
  const failed = failure?.key === key ? failure : undefined
  return {
    data: entry?.data as T | undefined,
    error: failed?.error,
    staleSince: failed && entry ? entry.at : undefined,
    refresh,
  }
}
