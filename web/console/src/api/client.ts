/** Same-origin fetch. Every failure is an ApiError that a person can read. */

import { expireSession } from './session'

export interface FieldError {
  pointer: string
  detail: string
}

export class ApiError extends Error {
  constructor(
    message: string,
    /** 0 when the API did not answer at all. */
    readonly status: number,
    readonly errors: readonly FieldError[] = [],
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

interface Problem {
  title?: unknown
  detail?: unknown
  errors?: unknown
}

function fieldErrors(errors: unknown): FieldError[] {
  if (!Array.isArray(errors)) return []
  return errors.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return []
    const { pointer, detail } = entry as { pointer?: unknown; detail?: unknown }
    return typeof detail === 'string' ? [{ pointer: typeof pointer === 'string' ? pointer : '', detail }] : []
  })
}

async function problemOf(response: Response): Promise<ApiError> {
  let problem: Problem = {}
  try {
    problem = (await response.json()) as Problem
  } catch {
    // Not every proxy on the way speaks JSON.
  }
  const text = [problem.detail, problem.title].find(
    (part): part is string => typeof part === 'string' && part !== '',
  )
  return new ApiError(
    text ?? `The API answered ${response.status}.`,
    response.status,
    fieldErrors(problem.errors),
  )
}

export const isAbort = (error: unknown): boolean =>
  error instanceof DOMException && error.name === 'AbortError'

async function send(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (isAbort(error)) throw error
    throw new ApiError('The API does not answer. Is it running?', 0)
  }
}

export async function request<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const response = await send(method, path, body, signal)
  if (response.status === 401) expireSession()
  if (!response.ok) throw await problemOf(response)
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> =>
  request<T>('GET', path, undefined, signal)

export const post = <T>(path: string, body: unknown = {}): Promise<T> => request<T>('POST', path, body)

/** `/health` answers 503 with the same body when a part is down: that is news, not a failure to read it. */
export async function getHealth<T>(signal: AbortSignal): Promise<T> {
  const response = await send('GET', '/health', undefined, signal)
  if (!response.ok && response.status !== 503) throw await problemOf(response)
  return (await response.json()) as T
}

export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError(error instanceof Error ? error.message : String(error), 0)
}
