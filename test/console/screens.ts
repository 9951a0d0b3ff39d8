import { gateTitled, type Stage } from './stage.ts'

export interface Screen {
  readonly name: string
  readonly path: (stage: Stage) => Promise<string>
  /** What is there once it is drawn. */
  readonly ready: string
}

const item = (words: string) => async (stage: Stage) => `/queue?item=${await gateTitled(stage.company, words)}`
const at = (path: string) => async () => path
const newest = (lens: 'runs' | 'effects' | 'signals') => async (stage: Stage) => {
  const [first] = await stage.company.list(lens, {})
  return `/history?lens=${lens}&id=${first!.id}`
}
const entity = async (stage: Stage) => {
  const [first] = await stage.company.list('entities', {})
  return `/company?id=${first!.id}`
}

/** Every screen of the console, with something on it. */
export const SCREENS: readonly Screen[] = [
  { name: 'today', path: at('/'), ready: '[aria-label="Needs you"]' },
  { name: 'queue', path: at('/queue'), ready: '[data-row]' },
  { name: 'queue-mail', path: item('grace@museum.example'), ready: '[data-mail]' },
  { name: 'queue-stale', path: item('ch_77'), ready: '[data-moved]' },
  { name: 'queue-conflict', path: item('Which is right'), ready: '[data-item]' },
  { name: 'queue-dead', path: item('illustrations'), ready: '[data-item]' },
  { name: 'queue-group', path: async () => '/queue?kind=effect&q=Remind', ready: '[data-row]' },
  { name: 'history-runs', path: newest('runs'), ready: '[data-item]' },
  { name: 'history-effects', path: newest('effects'), ready: '[data-item] details' },
  { name: 'history-signals', path: newest('signals'), ready: '[data-item]' },
  { name: 'history-ledger', path: at('/history?lens=ledger&id=20'), ready: '[data-item]' },
  { name: 'company-facts', path: entity, ready: '[data-item]' },
  { name: 'company-conversations', path: at('/company?lens=conversations'), ready: '[data-row]' },
  { name: 'company-tasks', path: at('/company?lens=tasks'), ready: 'main' },
  { name: 'company-documents', path: at('/company?lens=documents&q=booking&id=recall'), ready: 'article' },
  { name: 'company-decisions', path: at('/company?lens=decisions'), ready: 'main' },
  { name: 'money', path: at('/money'), ready: '[aria-label="Add up by"]' },
  { name: 'agents', path: at('/money?lens=agents'), ready: 'main' },
  { name: 'settings', path: at('/settings'), ready: 'table' },
  { name: 'settings-policies', path: at('/settings?lens=policies'), ready: 'table' },
  { name: 'settings-access', path: at('/settings?lens=access'), ready: 'form' },
  { name: 'settings-company', path: at('/settings?lens=company'), ready: 'dl' },
]
