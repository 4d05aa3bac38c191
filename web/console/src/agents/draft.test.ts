import { describe, expect, it } from 'vitest'

import { configOf, errorAt, errorsElsewhere, NEW_DRAFT } from './draft'

describe('a new agent', () => {
  it('listens for the phrases it has answers to', () => {
    const config = configOf({
      ...NEW_DRAFT,
      rules: [
        { when: 'Opening Hours', say: 'Nine to five.' },
        { when: '', say: '' },
      ],
    })
    expect(config.stt).toEqual({ provider: 'offline', options: { grammar: ['opening hours'] } })
    expect(config.llm?.options?.rules).toEqual([{ when: 'Opening Hours', say: 'Nine to five.' }])
  })

  it('sends no empty greeting and no empty grammar', () => {
    const config = configOf({ ...NEW_DRAFT, greeting: ' ', rules: [{ when: '', say: '' }] })
    expect(config).not.toHaveProperty('greeting')
    expect(config.stt).toEqual({ provider: 'offline', options: {} })
  })

  it('hears, thinks and speaks with one server when asked to', () => {
    const draft = {
      ...NEW_DRAFT,
      mind: 'openai' as const,
      baseUrl: 'http://localhost:9000/v1',
      model: 'small',
    }
    const server = { baseUrl: 'http://localhost:9000/v1' }
    expect(configOf(draft)).toMatchObject({
      stt: { provider: 'openai', options: server },
      llm: { provider: 'openai', options: { ...server, model: 'small' } },
      tts: { provider: 'openai', options: server },
    })
    expect(configOf({ ...draft, sameVoice: false }).tts?.provider).toBe('offline')
  })
})

describe('field errors', () => {
  const errors = [
    { pointer: '/config/llm/options/rules/1/say', detail: 'must not be empty' },
    { pointer: '/config/video', detail: 'is not available' },
  ]

  it('land at their field, or at the one above it', () => {
    expect(errorAt(errors, '/config/llm/options/rules/1')).toBe('must not be empty')
    expect(errorAt(errors, '/config/llm/options/rules/10', '/config/vid')).toBeUndefined()
  })

  it('are not lost when no field shows them', () => {
    expect(errorsElsewhere(errors, ['/config/llm/options/rules'])).toEqual([errors[1]])
  })
})
