import { type SubmitEvent, useState } from 'react'

import { type ApiError, request, toApiError } from '../api/client'
import { resumeSession } from '../api/session'
import { Field } from '../ui/field'

export function SignIn() {
  const [apiKey, setApiKey] = useState('')
  const [error, setError] = useState<ApiError | null>(null)
  const [busy, setBusy] = useState(false)

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    setBusy(true)
    try {
      await request('POST', '/login', { apiKey: apiKey.trim() })
      resumeSession()
    } catch (problem) {
      setError(toApiError(problem))
      setBusy(false)
    }
  }

  const message =
    error === null
      ? undefined
      : error.status === 401
        ? 'This is not a key of this installation.'
        : error.message
  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <img src="/favicon.svg" width="36" height="36" alt="" />
        <h1>Sign in</h1>
        <p>
          Open the login link in the terminal where <code>make up</code> runs. If it has expired, stop and run{' '}
          <code>make up</code> again for a new one.
        </p>
        <p>
          Or paste the API key. It is kept in <code>.bionic/api-key</code>; under Docker it is{' '}
          <code>BIONIC_API_KEY</code> from <code>.env</code>.
        </p>
        <Field label="API key" error={message}>
          {(props) => (
            <input
              {...props}
              type="password"
              className="mono"
              autoComplete="current-password"
              autoFocus
              value={apiKey}
              onChange={(event) => setApiKey(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="button primary wide" disabled={busy || apiKey.trim() === ''}>
          Sign in
        </button>
      </form>
    </main>
  )
}
