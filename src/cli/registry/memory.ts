import type { Entries } from './entry.ts'

const PAGES = '[--limit N] [--cursor MORE]'

/** What the company knows, and of whom. */
export const MEMORY = {
  facts: {
    summary: 'What is believed, of whom, since when and why; as of then; what should be looked at again.',
    calls: [
      `facts [entity|address [attribute]] [--valid DATE] [--recorded DATE|SEQ] [--history] ${PAGES}`,
      `facts --due ${PAGES}`,
    ],
    operations: ['entities', 'facts', 'factHistory', 'factsDue'],
  },
  fact: {
    summary: 'Say that something is so, was recorded wrongly, has ended, or never was so.',
    calls: [
      'fact assert <entity|address> <attribute> <value> --reason TEXT [--from DATE] [--until DATE]',
      'fact correct <entity|address> <attribute> <value> --reason TEXT [--at DATE] [--was VALUE]',
      'fact end <entity|address> <attribute> [value] --reason TEXT [--at DATE]',
      'fact retract <entity|address> <attribute> [value] --reason TEXT [--at DATE]',
    ],
    operations: ['factAssert', 'factCorrect', 'factEnd', 'factRetract'],
  },
  entity: {
    summary: 'Make two entities one, take them apart again, or add a key by which one is found.',
    calls: [
      'entity merge <entity> <other> --reason TEXT',
      'entity split <entity> --reason TEXT',
      'entity key <entity> <address>',
    ],
    operations: ['entityMerge', 'entitySplit', 'entityKey'],
  },
  conversations: {
    summary: 'Who writes with us: whose turn it is, and since when. --mine: those that wait for us.',
    calls: [`conversations [--mine | --open | --closed] ${PAGES}`],
    operations: ['conversations'],
  },
  conversation: {
    summary: 'One conversation: messages, with decisions and effects beside them. Closes it, or says whose turn it is.',
    calls: ['conversation <conversation>', 'conversation <conversation> close|ours|theirs [--reason TEXT]'],
    operations: ['conversation', 'closeConversation', 'handOver'],
  },
  tasks: {
    summary: 'What is to be done, by whom and by when.',
    calls: [`tasks [--overdue | --all] [--for WHO] ${PAGES}`],
    operations: ['tasks'],
  },
  task: {
    summary:
      'One task; or add, end or move one. DATE: 3d, 2026-12-01 or 2026-12-01T18:00; WHO: operator, workflow:NAME.',
    calls: [
      'task <task>',
      'task add "<text>" --by DATE [--for WHO] [--why TEXT]',
      'task done <task> [--note TEXT]',
      'task drop <task> [--note TEXT]',
      'task move <task> [--by DATE] [--for WHO] [--note TEXT]',
    ],
    operations: ['task', 'addTask', 'endTask', 'moveTask'],
  },
  remember: {
    summary:
      'Keep notes and files (text, Markdown, HTML, PDF) to be recalled; "-" reads a note from the standard input.',
    calls: ['remember <file or ->… [--title TEXT] [--about ADDRESS] [--name NAME] [--trust LABEL]'],
    operations: ['remember'],
  },
  documents: {
    summary: 'The documents that are kept, newest first.',
    calls: [`documents [--about ADDRESS] ${PAGES}`],
    operations: ['documents'],
  },
  document: {
    summary: 'One document: its text, versions, and where it comes from; saves the file that it was read from.',
    calls: ['document <document> [--version N] [--out FILE]'],
    operations: ['document', 'file'],
  },
  recall: {
    summary: 'What was said, written or known that answers a question, with where each stands.',
    calls: ['recall "<question>" [--about ADDRESS] [--budget TOKENS] [--trust LABEL]', 'recall --rebuild'],
    operations: ['recall', 'recallIndex'],
  },
  scratch: {
    summary: 'Working state that runs and sessions hold, and until when; clear: take it away now, all sessions or one.',
    calls: [`scratch [run or session] [--values] ${PAGES}`, 'scratch clear [run or session] [--yes]'],
    operations: ['scratch', 'scratchClear'],
  },
  forget: {
    summary: 'Show what is kept of a person and what would stay, then erase it; alone: what was forgotten.',
    calls: ['forget', 'forget <entity|address> [--also ID]… [--end] [--snapshots] [--yes]'],
    operations: ['forget', 'forgetPlan', 'erasures'],
  },
} as const satisfies Entries
