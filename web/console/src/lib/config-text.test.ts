import { expect, it } from 'vitest'

import { configText } from './config-text'

it('puts what matters first, at every depth, and loses nothing', () => {
  const config = {
    video: true,
    llm: { options: { otherwise: '?', rules: [{ say: 'b', when: 'a' }] }, provider: 'scripted' },
    instructions: 'Be brief.',
    drainSeconds: null,
  }
  const text = configText(config)
  expect(JSON.parse(text)).toEqual(config)
  expect(text.match(/"\w+"(?=:)/g)?.join(' ')).toBe(
    '"instructions" "llm" "provider" "options" "rules" "when" "say" "otherwise" "drainSeconds" "video"',
  )
})
