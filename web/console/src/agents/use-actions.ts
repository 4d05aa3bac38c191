import { useState } from 'react'

import * as api from '../api/agents'
import { toApiError } from '../api/client'
import { toast } from '../ui/toast'

export type Doing = 'deploy' | 'retry' | 'stop'

const DO: Record<Doing, (id: string) => Promise<unknown>> = {
  deploy: api.deploy,
  retry: api.retry,
  stop: api.stop,
}

const FAILED: Record<Doing, string> = {
  deploy: 'Deploy was not accepted',
  retry: 'Retry was not accepted',
  stop: 'Stop was not accepted',
}

/** Deploy, retry and stop for one agent; one at a time, and a refusal is said aloud. */
export function useActions(agent: { id: string; name: string }, onDone: () => void) {
  const [doing, setDoing] = useState<Doing | null>(null)
  const act = async (what: Doing) => {
    setDoing(what)
    try {
      await DO[what](agent.id)
    } catch (error) {
      const problem = toApiError(error)
      const fields = problem.errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ')
      toast(`${FAILED[what]} for ${agent.name}: ${problem.message}${fields ? ` ${fields}` : ''}`)
    } finally {
      setDoing(null)
      onDone()
    }
  }
  return { doing, act: (what: Doing) => void act(what) }
}
