/**
 * Development fixture, never shipped: enough of the API to draw every page without servers.
 * `/dev-state?down=livekit`, `?signedOut` and `?empty` set what it answers; the plain address sets it back.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Plugin } from 'vite'

import type { Agent } from '../src/api/types'
import { CALLS, callOf, EXAMPLES, newAgent, transition } from './examples'

const agents: Agent[] = EXAMPLES
let signedIn = true
let down: string | null = null

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

function answer(response: ServerResponse, status: number, body?: unknown): void {
  response.statusCode = status
  response.setHeader('content-type', status < 400 ? 'application/json' : 'application/problem+json')
  response.end(body === undefined ? '' : JSON.stringify(body))
}

const problem = (response: ServerResponse, status: number, detail: string, errors: unknown[] = []) =>
  answer(response, status, { type: 'about:blank', title: 'Not accepted', status, detail, errors })

function deploy(agent: Agent): void {
  const version = (agent.deployment?.version ?? 0) + 1
  const broken = agent.config.llm?.options?.model === 'broken'
  agent.deployment = {
    id: crypto.randomUUID(),
    version,
    status: 'validating',
    reason: null,
    replicas: 1,
    actor: 'console',
    createdAt: new Date().toISOString(),
    attempt: 1,
    workflowUrl: 'http://localhost:8233/namespaces/default/workflows/agent-1',
    transitions: [],
  }
  agent.lastError = null
  transition(agent, 'validating', 'Deploy asked for')
  setTimeout(() => transition(agent, 'starting', null), 900)
  setTimeout(() => {
    if (broken) {
      agent.lastError = 'The model “broken” does not exist at the provider. Check /config/llm/options/model.'
      transition(agent, 'failed', agent.lastError)
      return
    }
    agent.replicas = { desired: 1, ready: 1 }
    agent.liveVersion = version
    transition(agent, 'running', null)
  }, 2400)
}

function stop(agent: Agent): void {
  transition(agent, 'draining', 'Stop asked for')
  setTimeout(() => {
    agent.replicas = { desired: 0, ready: 0 }
    transition(agent, 'stopped', null)
  }, 1800)
}

async function agentRoute(
  request: IncomingMessage,
  response: ServerResponse,
  parts: string[],
): Promise<void> {
  const [ref, action] = parts
  if (ref === undefined && request.method === 'POST') {
    const body = await bodyOf(request)
    if (body.name === '') {
      problem(response, 400, 'Some fields are wrong.', [{ pointer: '/name', detail: 'must not be empty' }])
      return
    }
    const agent = newAgent(String(body.name), body.config as Agent['config'])
    agents.push(agent)
    answer(response, 201, agent)
    return
  }
  if (ref === undefined) {
    const items = agents.map((agent) => ({ ...agent, config: undefined, deployment: undefined }))
    answer(response, 200, { items, nextCursor: null })
    return
  }
  const agent = agents.find(({ id, slug }) => id === ref || slug === ref)
  if (!agent) {
    problem(response, 404, `There is no agent “${ref}”.`)
    return
  }
  if (action === 'deploy' || action === 'retry') deploy(agent)
  if (action === 'stop') stop(agent)
  if (action !== undefined) {
    answer(response, 202, agent.deployment)
    return
  }
  if (request.method === 'DELETE') {
    agents.splice(agents.indexOf(agent), 1)
    answer(response, 204)
    return
  }
  if (request.method === 'PATCH') {
    const body = (await bodyOf(request)) as Partial<Agent>
    const extra = Object.keys(body.config?.llm?.options ?? {}).find((option) => option === 'modle')
    if (extra) {
      problem(response, 400, "The agent's config is not valid.", [
        { pointer: '/config/llm/options/modle', detail: 'is not an option; did you mean `model`?' },
      ])
      return
    }
    Object.assign(agent, body, { updatedAt: new Date().toISOString() })
  }
  answer(response, 200, agent)
}

async function route(request: IncomingMessage, response: ServerResponse, next: () => void): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const [root, resource, ...parts] = url.pathname.split('/').filter((part) => part !== '')
  if (root === 'login' && request.method === 'POST') {
    signedIn = (await bodyOf(request)).apiKey === 'dev'
    if (signedIn) answer(response, 204)
    else problem(response, 401, 'Unknown API key.')
    return
  }
  // What a screenshot needs: ?down=livekit and ?signedOut on any address under /dev-state.
  if (root === 'dev-state') {
    down = url.searchParams.get('down')
    signedIn = !url.searchParams.has('signedOut')
    if (url.searchParams.has('empty')) agents.length = 0
    answer(response, 200, {})
    return
  }
  if (root === 'health') {
    const names = ['postgres', 'temporal', 'livekit', 'runtime']
    const components = names.map((name) => [
      name,
      name === down
        ? { status: 'down', detail: 'ws://localhost:7880 refused the connection.' }
        : { status: 'ok' },
    ])
    const body = { status: down ? 'down' : 'ok', components: Object.fromEntries(components) as unknown }
    answer(response, down ? 503 : 200, body)
    return
  }
  if (root !== 'api') {
    next()
    return
  }
  if (!signedIn) {
    problem(response, 401, 'Sign in first.')
    return
  }
  if (resource === 'console') {
    answer(response, 200, {
      temporalUiUrl: 'http://localhost:8233',
      livekitUrl: 'ws://localhost:7880',
      version: '0.1.0',
    })
    return
  }
  if (resource === 'agents') return agentRoute(request, response, parts)
  if (resource === 'calls') {
    const [id] = parts
    if (id !== undefined) {
      answer(response, 200, callOf(id))
      return
    }
    answer(response, 200, {
      items: CALLS.filter(({ agentId }) => agentId === url.searchParams.get('agent')),
      nextCursor: null,
    })
    return
  }
  problem(response, 404, 'The fixture does not know this address.')
}

export const mockApi = (): Plugin => ({
  name: 'mock-api',
  apply: 'serve',
  configureServer(server) {
    server.middlewares.use((request, response, next) => {
      void route(request, response, next)
    })
  },
})
