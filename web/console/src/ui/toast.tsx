import { useSyncExternalStore } from 'react'

import { IconClose, IconWarn } from './icons'

let message: string | null = null
const listeners = new Set<() => void>()

/** Says why something a person asked for did not happen. Stays until it is closed or the next one comes. */
export function toast(text: string | null): void {
  message = text
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function Toast() {
  const text = useSyncExternalStore(subscribe, () => message)
  return (
    <div className="toast-area" role="alert">
      {text === null ? null : (
        <div className="toast" data-testid="toast">
          <IconWarn />
          <span>{text}</span>
          <button
            type="button"
            className="button quiet square"
            aria-label="Dismiss"
            onClick={() => toast(null)}
          >
            <IconClose />
          </button>
        </div>
      )}
    </div>
  )
}
