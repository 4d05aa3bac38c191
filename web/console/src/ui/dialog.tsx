import { type ReactNode, useEffect, useRef } from 'react'

import { IconClose } from './icons'

interface DialogProps {
  title: string
  onClose: () => void
  children: ReactNode
}

/** The browser's own modal dialog: focus stays inside, Escape closes. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = ref.current
    if (dialog && !dialog.open) dialog.showModal()
    return () => dialog?.close()
  }, [])
  return (
    <dialog ref={ref} className="dialog" aria-label={title} onCancel={onClose}>
      <header className="dialog-head">
        <h2>{title}</h2>
        <button type="button" className="button quiet square" aria-label="Close" onClick={onClose}>
          <IconClose />
        </button>
      </header>
      {children}
    </dialog>
  )
}
