import { useState } from 'react'

/** A short id with copy: the end of it is what tells two apart. */
export function CopyId({ id, label }: { id: string; label: string }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(id)
      setCopied(true)
      setTimeout(() => setCopied(false), 1200)
    } catch {
      // Without https there is no clipboard; the whole id is in the title.
    }
  }
  return (
    <button type="button" className="copy-id" title={`Copy ${label} ${id}`} onClick={() => void copy()}>
      {copied ? 'copied' : id.length > 12 ? `…${id.slice(-8)}` : id}
    </button>
  )
}
