import type { ReactNode } from 'react'

import { IconWarn } from './icons'

interface NoticeProps {
  tone: 'amber' | 'red' | 'grey'
  children: ReactNode
  action?: ReactNode
}

export function Notice({ tone, children, action }: NoticeProps) {
  return (
    <div className={`notice notice-${tone}`} role={tone === 'red' ? 'alert' : 'status'}>
      <IconWarn />
      <div className="notice-text">{children}</div>
      {action}
    </div>
  )
}
