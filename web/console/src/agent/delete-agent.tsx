import { useState } from 'react'

import { deleteAgent } from '../api/agents'
import { toApiError } from '../api/client'
import type { Agent } from '../api/types'
import { navigate } from '../router'
import { Dialog } from '../ui/dialog'
import { toast } from '../ui/toast'

export function DeleteAgent({ agent }: { agent: Agent }) {
  const [asking, setAsking] = useState(false)
  const [busy, setBusy] = useState(false)
  const remove = async () => {
    setBusy(true)
    try {
      await deleteAgent(agent.id)
      navigate('/')
    } catch (error) {
      toast(`${agent.name} was not deleted: ${toApiError(error).message}`)
      setBusy(false)
      setAsking(false)
    }
  }
  return (
    <p className="danger-line">
      <button type="button" className="button quiet danger" onClick={() => setAsking(true)}>
        Delete agent…
      </button>
      {asking ? (
        <Dialog title={`Delete ${agent.name}?`} onClose={() => setAsking(false)}>
          <div className="form">
            <div className="form-body">
              <p>It is stopped and takes no calls any more. Its address {agent.slug} becomes free.</p>
            </div>
            <footer className="form-foot">
              <span className="form-problem" />
              <button type="button" className="button" onClick={() => setAsking(false)}>
                Keep it
              </button>
              <button
                type="button"
                className="button danger-fill"
                disabled={busy}
                onClick={() => void remove()}
              >
                Delete agent
              </button>
            </footer>
          </div>
        </Dialog>
      ) : null}
    </p>
  )
}
