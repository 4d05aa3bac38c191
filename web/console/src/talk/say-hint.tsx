/** As many as a glance takes in. */
const SHOWN = 8

/** What the agent understands, so that nobody has to guess. */
export function SayHint({ phrases }: { phrases: readonly string[] }) {
  if (phrases.length === 0) return null
  const more = phrases.length - SHOWN
  return (
    <div className="say-hint" data-testid="say-hint">
      <p>You can say:</p>
      <ul>
        {phrases.slice(0, SHOWN).map((phrase) => (
          <li key={phrase}>“{phrase}”</li>
        ))}
        {more > 0 ? <li title={phrases.slice(SHOWN).join('\n')}>and {more} more</li> : null}
      </ul>
    </div>
  )
}
