/** The few symbols there are: 16-px strokes in the text's colour. */

import type { ReactNode } from 'react'

const icon = (children: ReactNode) =>
  function Icon() {
    return (
      <svg
        className="icon"
        width="16"
        height="16"
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
      >
        {children}
      </svg>
    )
  }

export const IconAgents = icon(<path d="M3 6.5v3M6 4v8M9 2.5v11M12 5.5v5M14.5 7.2v1.6M1.2 7.4v1.2" />)
export const IconMic = icon(
  <>
    <rect x="5.75" y="1.75" width="4.5" height="8" rx="2.25" />
    <path d="M3 7.5a5 5 0 0 0 10 0M8 12.5v2" />
  </>,
)
export const IconMicOff = icon(
  <>
    <path d="M5.75 5.2V4a2.25 2.25 0 0 1 4.5 0v3.5M3 7.5a5 5 0 0 0 7.6 4.3M13 7.5a5 5 0 0 1-.4 1.9M8 12.5v2M2 2l12 12" />
  </>,
)
export const IconCamera = icon(
  <>
    <rect x="1.5" y="4" width="9" height="8" rx="1.75" />
    <path d="m10.5 7.2 4-2.2v6l-4-2.2" />
  </>,
)
export const IconPhone = icon(
  <path d="M3.2 2.5h2.3l1.2 3-1.6 1.1a8 8 0 0 0 4.3 4.3l1.1-1.6 3 1.2v2.3a1.2 1.2 0 0 1-1.3 1.2A10.8 10.8 0 0 1 2 3.8a1.2 1.2 0 0 1 1.2-1.3Z" />,
)
export const IconPhoneOff = icon(
  <g transform="rotate(135 8 8)" fill="currentColor">
    <path d="M3.2 2.5h2.3l1.2 3-1.6 1.1a8 8 0 0 0 4.3 4.3l1.1-1.6 3 1.2v2.3a1.2 1.2 0 0 1-1.3 1.2A10.8 10.8 0 0 1 2 3.8a1.2 1.2 0 0 1 1.2-1.3Z" />
  </g>,
)
export const IconPlus = icon(<path d="M8 3v10M3 8h10" />)
export const IconClose = icon(<path d="m4 4 8 8M12 4l-8 8" />)
export const IconExternal = icon(
  <path d="M6.500 3.500H3.500v9h9v-3M9.500 2.500h4v4M13.200 2.800 7.500 8.500" />,
)
export const IconBack = icon(<path d="M9.500 3.500 5 8l4.500 4.500" />)
export const IconWarn = icon(<path d="M8 2.200 14.600 13.500H1.400L8 2.200ZM8 6.500v3.200M8 11.600v.1" />)
export const IconCheck = icon(<path d="m3.500 8.500 3 3 6-7" />)
export const IconSun = icon(
  <>
    <circle cx="8" cy="8" r="2.750" />
    <path d="M8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.9.900M11.700 11.700l.9.900M12.600 3.400l-.9.900M4.300 11.700l-.9.900" />
  </>,
)
export const IconMoon = icon(
  <path d="M13.200 9.600A5.600 5.600 0 0 1 6.400 2.800a5.600 5.600 0 1 0 6.800 6.800Z" />,
)
export const IconAuto = icon(
  <>
    <circle cx="8" cy="8" r="5.750" />
    <path d="M8 2.250v11.500M8 5l3.700-1M8 8h5.600M8 11l3.700 1" />
  </>,
)
export const IconSound = icon(
  <path d="M2 6v4h2.500L8 13V3L4.500 6H2ZM10.700 5.700a3.300 3.300 0 0 1 0 4.600M12.700 3.700a6 6 0 0 1 0 8.600" />,
)
