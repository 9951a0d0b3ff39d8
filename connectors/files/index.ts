import { dirname, join } from 'node:path'
import type { Connector } from '../../src/connector.ts'
import { move, read, remove, write } from './actions.ts'
import { hashesIn, type FilesConnection } from './changes.ts'
import { keptUnder, openKept } from './contents.ts'
import { refused } from './errors.ts'
import { openRoots } from './paths.ts'

/**
 * Files in folders of the company's: only those in `allow` (`site`, `out/letters`) are read or changed. What a file held
 * before is kept in `data/files-kept`, so that every change can be taken back. `open` throws `files.bad_folder`.
 */
function folder(options: { readonly allow: readonly string[] }): Connector<FilesConnection> {
  const allow = [...new Set(options.allow.map((name) => name.replace(/\/+$/, '')))].toSorted()
  if (allow.length === 0) throw refused('bad_folder', 'files.folder allows no folder: name at least one in `allow`.')
  return {
    name: 'files',
    target: allow.join(', '),
    actions: [write, move, remove, read],
    signals: [],
    async open({ dataFolder }) {
      const roots = await openRoots(dirname(dataFolder), dataFolder, allow)
      return { roots, kept: await openKept(join(dataFolder, 'files-kept')), alone: oneAtATime() }
    },
    copies: ({ dataFolder }, keys) => keptUnder(join(dataFolder, 'files-kept'), keys, hashesIn),
    close: ({ alone }) => alone(async () => {}),
    describe: ({ roots }) => roots.map(({ real }) => real).join(', '),
  }
}

function oneAtATime(): FilesConnection['alone'] {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }
}

export const files = { folder, write, move, delete: remove, read } as const
