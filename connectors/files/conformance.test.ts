import { connectorConformance } from '../../src/testing.ts'
import { makeFolders } from './fake.ts'
import { files } from './index.ts'

const NO_SERVICE = 'a folder answers at once, or not at all'
const LACKS = {
  credentials: 'a folder asks for none: what it refuses is told as files.denied',
  echo: 'a folder is given no credentials',
  rate_limit: 'a folder takes any number of writes',
  slow: NO_SERVICE,
  garbage: NO_SERVICE,
  down: NO_SERVICE,
}

connectorConformance('files, a page that is there', {
  world: makeFolders,
  connector: () => files.folder({ allow: ['site'] }),
  action: 'files.write',
  input: () => ({ path: 'site/index.html', content: '<h1>Welcome</h1>\n' }),
  outside: async (world) => {
    const state = await world.files()
    return { state, done: state['site/index.html']!.includes('Welcome') ? 1 : 0 }
  },
  fault: () => {},
  credentialsCode: 'files.denied',
  lacks: LACKS,
})

connectorConformance('files, a new page in a new folder', {
  world: makeFolders,
  connector: () => files.folder({ allow: ['site'] }),
  action: 'files.write',
  input: () => ({ path: 'site/2026/11/news.html', content: 'TmV3cw==', encoding: 'base64' }),
  outside: async (world) => {
    const state = await world.files()
    return { state, done: 'site/2026/11/news.html' in state ? 1 : 0 }
  },
  fault: () => {},
  credentialsCode: 'files.denied',
  lacks: LACKS,
})

connectorConformance('files, a move', {
  world: makeFolders,
  connector: () => files.folder({ allow: ['site', 'archive'] }),
  action: 'files.move',
  input: () => ({ from: 'site/index.html', to: 'archive/2026/index.html' }),
  outside: async (world) => {
    // Opening makes the allowed folders.
    const { archive: _, ...state } = await world.files()
    return { state, done: 'archive/2026/index.html' in state ? 1 : 0 }
  },
  fault: () => {},
  credentialsCode: 'files.denied',
  lacks: LACKS,
})

connectorConformance('files, a deletion', {
  world: makeFolders,
  connector: () => files.folder({ allow: ['site'] }),
  action: 'files.delete',
  input: () => ({ path: 'site/index.html' }),
  outside: async (world) => {
    const state = await world.files()
    return { state, done: 'site/index.html' in state ? 0 : 1 }
  },
  fault: () => {},
  credentialsCode: 'files.denied',
  lacks: LACKS,
})
