import { IconPlus } from '../ui/icons'

export function EmptyAgents({ onCreate }: { onCreate: () => void }) {
  return (
    <section className="empty">
      <h2>Make the first agent</h2>
      <p>An agent is its instructions, its voice and what it may do. Three steps bring one on the line:</p>
      <ol>
        <li>
          <b>Describe it.</b> A name, how it greets and what it answers. The offline voice needs no keys.
        </li>
        <li>
          <b>Deploy it.</b> It registers with LiveKit, and its status turns to running.
        </li>
        <li>
          <b>Talk to it.</b> Here in the browser, with the transcript of both sides.
        </li>
      </ol>
      <button type="button" className="button primary" data-testid="new-agent" onClick={onCreate}>
        <IconPlus />
        New agent
      </button>
    </section>
  )
}
