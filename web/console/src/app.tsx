import { lazy, Suspense } from 'react'

import { AgentPage } from './agent/agent-page'
import { AgentsPage } from './agents/agents-page'
import { useSignedIn } from './api/session'
import { Link, usePath } from './router'
import { Rail } from './shell/rail'
import { SignIn } from './shell/sign-in'
import { Toast } from './ui/toast'

/** LiveKit's client is most of the weight here: it comes only to those who talk. */
const TalkPage = lazy(() => import('./talk/talk-page').then((module) => ({ default: module.TalkPage })))

function Page({ path }: { path: string }) {
  const [section, ref, rest, ...more] = path.split('/').filter((part) => part !== '')
  if (section === undefined || (section === 'agents' && ref === undefined)) return <AgentsPage />
  if (section === 'agents' && ref !== undefined && more.length === 0) {
    const name = decodeURIComponent(ref)
    if (rest === undefined) return <AgentPage key={name} agentRef={name} />
    if (rest === 'talk') return <TalkPage key={name} agentRef={name} />
  }
  return (
    <main className="page">
      <section className="empty">
        <h2>There is no such page</h2>
        <p>The address may be cut off, or from a version with more pages.</p>
        <Link to="/" className="button primary">
          Go to the agents
        </Link>
      </section>
    </main>
  )
}

export function App() {
  const signedIn = useSignedIn()
  const path = usePath()
  if (!signedIn) return <SignIn />
  return (
    <div className="shell">
      <Rail />
      <div className="content">
        <Suspense fallback={null}>
          <Page path={path} />
        </Suspense>
      </div>
      <Toast />
    </div>
  )
}
