import { connectorConformance } from '../../src/testing.ts'
import { makeRepository } from './fake.ts'
import { publish } from './index.ts'

const shared = {
  action: 'publish.commit',
  input: () => ({
    message: 'Say welcome\n\nOn the first page.',
    files: [
      { path: 'site/index.html', content: '<h1>Welcome</h1>\n' },
      { path: 'site/news/2026.html', content: 'News\n' },
      { path: 'site/about.html', content: null },
    ],
  }),
  credentialsCode: 'publish.credentials',
} as const
const site = { branch: 'main', author: { name: 'Northlight', email: 'hello@northlight.example' } }

connectorConformance('publish, over HTTP', {
  ...shared,
  world: makeRepository,
  connector: (world, secret) => publish.repository({ ...site, url: world.url, password: () => secret }),
  outside: (world) => ({
    state: world.files(),
    done: world.log().filter((subject) => subject === 'Say welcome').length,
  }),
  fault: (world, fault) => world.fault(fault),
})

const LOCAL = 'a repository on this machine is on this machine'
connectorConformance('publish, to a repository on this machine', {
  ...shared,
  world: makeRepository,
  connector: (world) => publish.repository({ ...site, path: world.path }),
  outside: (world) => ({
    state: world.files(),
    done: world.log().filter((subject) => subject === 'Say welcome').length,
  }),
  fault: () => {},
  lacks: { credentials: LOCAL, echo: LOCAL, rate_limit: LOCAL, slow: LOCAL, garbage: LOCAL, down: LOCAL },
})
