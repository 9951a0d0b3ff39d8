import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publish } from './index.ts'

type Variables = Readonly<Record<string, string>>

const PATH = 'factotum-live.txt'

/** Pushes one commit to a real repository, and one that takes it back. */
export const live = {
  variables: {
    PUBLISH_LIVE_URL: 'the repository, without credentials: https://git.example.org/me/try.git',
    PUBLISH_LIVE_BRANCH: 'a branch of it that may be pushed to',
    PUBLISH_LIVE_USER: 'the user; any word for services that only look at the token',
    PUBLISH_LIVE_PASSWORD: 'the password or token',
  },
  plan: (v: Variables) =>
    `Push a commit that adds ${PATH} to ${v.PUBLISH_LIVE_BRANCH} of ${v.PUBLISH_LIVE_URL}, and one that takes it back. Both commits stay.`,
  connector: (v: Variables) =>
    publish.repository({
      url: v.PUBLISH_LIVE_URL!,
      branch: v.PUBLISH_LIVE_BRANCH!,
      author: { name: 'Factotum', email: 'factotum@example.org' },
      user: v.PUBLISH_LIVE_USER!,
      password: () => v.PUBLISH_LIVE_PASSWORD,
    }),
  read: null,
  write: () => ({
    action: 'publish.commit',
    input: { message: 'A test of factotum', files: [{ path: PATH, content: 'Hello\n' }] },
  }),
  /** The files of the branch, as one hash, asked for by git alone. */
  outside: async (v: Variables) => {
    const basic = Buffer.from(`${v.PUBLISH_LIVE_USER}:${v.PUBLISH_LIVE_PASSWORD}`).toString('base64')
    const folder = await mkdtemp(join(tmpdir(), 'factotum-live-'))
    const env = {
      PATH: process.env.PATH,
      GIT_TERMINAL_PROMPT: '0',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `http.${v.PUBLISH_LIVE_URL}.extraHeader`,
      GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
    }
    const git = (...args: string[]) => promisify(execFile)('git', args, { cwd: folder, env })
    try {
      await git('init', '--bare', '--quiet')
      await git('fetch', '--quiet', '--depth=1', '--', v.PUBLISH_LIVE_URL!, `refs/heads/${v.PUBLISH_LIVE_BRANCH}`)
      return (await git('rev-parse', 'FETCH_HEAD^{tree}')).stdout.trim()
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}
