import { CSPProvider } from '@base-ui/react/csp-provider'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Session } from './access/session-gate.tsx'
import { queries } from './api.ts'
import { followNotifications } from './push/device.ts'
import { router } from './router.tsx'
import { followTheme } from './shell/theme.ts'
import './style.css'

followTheme()
followNotifications()
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Session>
          <RouterProvider router={router} />
        </Session>
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
)
