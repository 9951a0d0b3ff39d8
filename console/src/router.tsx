import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from '@tanstack/react-router'
import { Empty } from './ui/bits.tsx'
import { Broken } from './shell/broken.tsx'
import { Layout } from './shell/layout.tsx'
import { QueuePage } from './queue/page.tsx'
import { parseSearch, stringifySearch } from './url.ts'

const root = createRootRoute({
  component: Layout,
  notFoundComponent: () => (
    <Empty title="There is no such page">
      <Link to="/" className="text-accent underline underline-offset-2">
        Go to Today
      </Link>
    </Empty>
  ),
})

/** The queue is where one comes to: it is there at once, the other pages come when they are asked for. */
const tree = root.addChildren([
  createRoute({ getParentRoute: () => root, path: '/queue', component: QueuePage }),
  createRoute({
    getParentRoute: () => root,
    path: '/',
    component: lazyRouteComponent(() => import('./today/page.tsx'), 'TodayPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/history',
    component: lazyRouteComponent(() => import('./history/page.tsx'), 'HistoryPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/company',
    component: lazyRouteComponent(() => import('./company/page.tsx'), 'CompanyPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/money',
    component: lazyRouteComponent(() => import('./money/page.tsx'), 'MoneyPage'),
  }),
  createRoute({
    getParentRoute: () => root,
    path: '/settings',
    component: lazyRouteComponent(() => import('./settings/page.tsx'), 'SettingsPage'),
  }),
])

export const router = createRouter({
  routeTree: tree,
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  // Of each page for itself: what is around it stays.
  defaultErrorComponent: Broken,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
