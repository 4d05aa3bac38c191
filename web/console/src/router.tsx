/** Addresses without hashes, in forty lines. */

import { type MouseEvent, type ReactNode, useSyncExternalStore } from 'react'

const CHANGED = 'bionic:navigate'

export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  dispatchEvent(new Event(CHANGED))
  scrollTo(0, 0)
}

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener)
  addEventListener(CHANGED, listener)
  return () => {
    removeEventListener('popstate', listener)
    removeEventListener(CHANGED, listener)
  }
}

export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname)

interface LinkProps {
  to: string
  className?: string
  children: ReactNode
  title?: string
  testId?: string
  current?: boolean
}

/** A real link: middle click, copy address and "open in new tab" keep working. */
export function Link({ to, className, children, title, testId, current }: LinkProps) {
  const onClick = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(to)
  }
  return (
    <a
      href={to}
      className={className}
      title={title}
      data-testid={testId}
      aria-current={current ? 'page' : undefined}
      onClick={onClick}
    >
      {children}
    </a>
  )
}
