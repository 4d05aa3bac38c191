import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'

import { CallSession, type CallSnapshot } from './call-session'

/** The call of this page. Each start is a new session; leaving the page hangs up. */
export function useCall(agentId: string | undefined): {
  call: CallSnapshot
  session: CallSession
  start: () => void
} {
  const [session, setSession] = useState(() => new CallSession())
  useEffect(() => () => session.dispose(), [session])
  const start = useCallback(() => {
    if (agentId === undefined) return
    const next = new CallSession()
    setSession(next)
    void next.start(agentId, 'Console')
  }, [agentId])
  return { call: useSyncExternalStore(session.subscribe, session.read), session, start }
}
