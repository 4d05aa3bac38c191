import { useState } from 'react'

import { IconAuto, IconMoon, IconSun } from '../ui/icons'

const THEMES = ['auto', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

const LABEL: Record<Theme, string> = { auto: 'as the system', light: 'light', dark: 'dark' }

function stored(): Theme {
  const theme = document.documentElement.dataset.theme
  return theme === 'light' || theme === 'dark' ? theme : 'auto'
}

function apply(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  try {
    localStorage.setItem('bionic.theme', theme)
  } catch {
    // Blocked storage: it holds for this page.
  }
}

export function ThemeToggle() {
  const [theme, setTheme] = useState(stored)
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto'
  const label = `Theme: ${LABEL[theme]}. Switch to ${LABEL[next]}.`
  return (
    <button
      type="button"
      className="button quiet square"
      data-testid="theme"
      title={label}
      aria-label={label}
      onClick={() => {
        apply(next)
        setTheme(next)
      }}
    >
      {theme === 'auto' ? <IconAuto /> : theme === 'light' ? <IconSun /> : <IconMoon />}
    </button>
  )
}
