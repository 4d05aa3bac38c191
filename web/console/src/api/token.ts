/** A call's token, over tRPC: the same endpoint that the widget and any other browser uses. */

import { createTRPCUntypedClient, httpBatchLink } from '@trpc/client'

import { toApiError } from './client'
import type { CallToken } from './types'

const client = createTRPCUntypedClient({ links: [httpBatchLink({ url: '/api/trpc' })] })

export async function getToken(agentId: string, participantName: string): Promise<CallToken> {
  try {
    return (await client.mutation('livekit.getToken', { agentId, participantName })) as CallToken
  } catch (error) {
    throw toApiError(error)
  }
}
