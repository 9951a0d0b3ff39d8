import { gateTitled, type Stage } from './stage.ts'

export interface Screen {
  readonly name: string
  readonly path: (stage: Stage) => Promise<string>
  /** What is there once it is drawn. */
  readonly ready: string
}

const item = (words: string) => async (stage: Stage) => `/queue?item=${await gateTitled(stage.company, words)}`
const at = (path: string) => async () => path

/** Every screen of the console, with something on it. */
export const SCREENS: readonly Screen[] = [
  { name: 'queue-mail', path: item('grace@museum.example'), ready: '[data-mail]' },
  { name: 'queue-stale', path: item('ch_77'), ready: '[data-moved]' },
  { name: 'queue-conflict', path: item('Which is right'), ready: '[data-item]' },
  { name: 'queue-dead', path: item('illustrations'), ready: '[data-item]' },
  { name: 'queue', path: at('/queue'), ready: '[data-row]' },
]
