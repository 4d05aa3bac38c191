import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

import { mockApi } from './dev/mock'

// `vite` serves the console against a running API (BIONIC_API=http://localhost:8080) or, without one, against the
// fixture in dev/mock.ts. `vite build` knows nothing of either.
const api = process.env.BIONIC_API

export default defineConfig({
  plugins: [react(), ...(api ? [] : [mockApi()])],
  server: {
    port: 5173,
    ...(api ? { proxy: { '/api': api, '/health': api, '/login': api } } : {}),
  },
  build: { target: 'es2022', assetsDir: 'assets', sourcemap: false, chunkSizeWarningLimit: 700 },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
