import { ApiError, get, post, request } from './client'
import type { Agent, AgentConfig, AgentSummary, Call, CallSummary, Deployment, Page } from './types'

const path = (id: string, rest = '') => `/api/agents/${encodeURIComponent(id)}${rest}`

/** The first `pages` pages of agents as one list: the table polls all it shows. */
export async function listAgents(pages: number, signal?: AbortSignal): Promise<Page<AgentSummary>> {
  const items: AgentSummary[] = []
  let cursor: string | null = null
  for (let page = 0; page < pages; page += 1) {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer: Page<AgentSummary> = await get<Page<AgentSummary>>(`/api/agents?limit=100${query}`, signal)
    items.push(...answer.items)
    cursor = answer.nextCursor
    if (!cursor) break
  }
  return { items, nextCursor: cursor }
}

const idOfSlug = new Map<string, string>()

/** An agent by id or slug: addresses on this page carry the slug. */
export async function getAgent(ref: string, signal?: AbortSignal): Promise<Agent> {
  try {
    const agent = await get<Agent>(path(idOfSlug.get(ref) ?? ref), signal)
    idOfSlug.set(agent.slug, agent.id)
    return agent
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 400)) throw error
    idOfSlug.delete(ref)
    const found = (await listAgents(20, signal)).items.find((agent) => agent.slug === ref)
    if (!found) throw new ApiError(`There is no agent “${ref}”.`, 404)
    return get<Agent>(path(found.id), signal)
  }
}

export interface NewAgent {
  name: string
  config: AgentConfig
}

export const createAgent = (agent: NewAgent) => post<Agent>('/api/agents', agent)
export const updateAgent = (id: string, change: Partial<NewAgent>) =>
  request<Agent>('PATCH', path(id), change)
export const deleteAgent = (id: string) => request<undefined>('DELETE', path(id))

export const deploy = (id: string) => post<Deployment>(path(id, '/deploy'))
export const retry = (id: string) => post<Deployment>(path(id, '/retry'))
export const stop = (id: string) => post<Deployment>(path(id, '/stop'), { drain: true })

export const listCalls = (agentId: string, signal?: AbortSignal) =>
  get<Page<CallSummary>>(`/api/calls?agent=${encodeURIComponent(agentId)}`, signal)

export const getCall = (id: string, signal?: AbortSignal) =>
  get<Call>(`/api/calls/${encodeURIComponent(id)}`, signal)
