/** Whether the API still knows us. One answer of 401 anywhere shows the sign-in page. */

import { useSyncExternalStore } from 'react'

let signedIn = true
const listeners = new Set<() => void>()

function set(value: boolean) {
  if (signedIn === value) return
  signedIn = value
  for (const listener of listeners) listener()
}

export const expireSession = () => set(false)
export const resumeSession = () => set(true)

export const useSignedIn = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => signedIn,
  )
