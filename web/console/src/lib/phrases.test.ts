import { describe, expect, it } from 'vitest'

import { phrasesOf } from './phrases'

describe('what a caller can say', () => {
  it('are the phrases of an offline grammar', () => {
    const options = { grammar: ['where is my order', ' ', 7, 'talk to a human'] }
    expect(phrasesOf({ stt: { provider: 'offline', options } })).toEqual([
      'where is my order',
      'talk to a human',
    ])
  })

  it('is anything where no grammar limits it', () => {
    const grammar = ['hello']
    expect([
      phrasesOf(undefined),
      phrasesOf({}),
      phrasesOf({ stt: { provider: 'offline', options: null } }),
      phrasesOf({ stt: { provider: 'offline', options: { grammar: 'hello' } } }),
      phrasesOf({ stt: { provider: 'openai', options: { grammar } } }),
    ]).toEqual([[], [], [], [], []])
  })
})
