import { describe, expect, it } from 'vitest'

import { ALONE_TOO_LONG, type CallFacts, microphoneHelp, microphoneTrouble, stateLine } from './call-state'

const facts = (part: Partial<CallFacts>): CallFacts => ({
  phase: 'connected',
  agentHere: true,
  agentWasHere: true,
  agentState: 'listening',
  givenUp: false,
  aloneFor: 0,
  reason: null,
  ...part,
})

const word = (part: Partial<CallFacts>) => stateLine(facts(part)).word
const gone = { agentHere: false, agentState: null }

describe('the state line', () => {
  it('follows the agent', () => {
    expect(
      ['listening', 'thinking', 'speaking', 'initializing', null].map((agentState) => word({ agentState })),
    ).toEqual(['listening', 'thinking', 'speaking', 'waiting', 'listening'])
  })

  it('waits for an agent, and after ten seconds says so with the cure', () => {
    expect(word({ ...gone, agentWasHere: false })).toBe('waiting')
    const late = stateLine(facts({ ...gone, agentWasHere: false, aloneFor: ALONE_TOO_LONG }))
    expect(late).toMatchObject({ word: 'no-agent', tone: 'red', cure: true })
  })

  it('tells a lost agent from one that never came', () => {
    expect(word(gone)).toBe('recovering')
    expect(stateLine(facts({ ...gone, aloneFor: ALONE_TOO_LONG })).title).toBe('The agent has not come back')
  })

  it('says at once that no agent can be reached when the platform does', () => {
    expect(stateLine(facts({ ...gone, givenUp: true }))).toMatchObject({ word: 'no-agent', cure: true })
  })

  it('gives the reason of a refused call', () => {
    expect(stateLine(facts({ phase: 'refused', reason: 'The agent is not deployed.' })).detail).toBe(
      'The agent is not deployed.',
    )
  })

  it('never says listening without a connection', () => {
    expect(
      (['idle', 'dialing', 'reconnecting', 'ended', 'lost'] as const).map((phase) => word({ phase })),
    ).toEqual(['idle', 'connecting', 'reconnecting', 'ended', 'lost'])
  })
})

describe('the microphone', () => {
  const failure = (name: string) => Object.assign(new Error(name), { name })

  it('has its trouble named, with a cure', () => {
    expect(microphoneTrouble(failure('NotAllowedError'), true)).toBe('denied')
    expect(microphoneTrouble(failure('NotFoundError'), true)).toBe('missing')
    expect(microphoneTrouble(failure('NotReadableError'), true)).toBe('busy')
    expect(microphoneTrouble(failure('TypeError'), false)).toBe('insecure')
    expect(microphoneHelp('denied')).toContain('Allow it')
  })

  it('needs no words while it works', () => {
    expect([microphoneHelp('on'), microphoneHelp('muted'), microphoneHelp('off')]).toEqual([null, null, null])
  })
})
