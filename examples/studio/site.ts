import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publish } from 'factotum/publish'

const MARA = { name: 'Mara Lind', email: 'hello@northlight.example' }
const BRANCH = 'main'

/** The studio's site: a git repository of its own in `data/site.git`, where others would give the address of theirs. */
export function site(): ReturnType<typeof publish.repository> {
  const repository = publish.repository({ path: 'data/site.git', branch: BRANCH, author: MARA, allow: ['changelog'] })
  return {
    ...repository,
    async open(env) {
      await makeRepository(join(env.dataFolder, 'site.git'))
      return repository.open(env)
    },
  }
}

/** With one empty commit, unless it is there. */
async function makeRepository(folder: string): Promise<void> {
  const { name, email } = MARA
  const env = {
    PATH: process.env.PATH,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  }
  const run = promisify(execFile)
  const git = async (...args: string[]) => (await run('git', ['--git-dir', folder, ...args], { env })).stdout.trim()
  await git('init', '--bare', '--quiet', '--template=', `--initial-branch=${BRANCH}`)
  const known = await git('for-each-ref', `refs/heads/${BRANCH}`)
  if (known !== '') return
  const tree = await git('hash-object', '-t', 'tree', '-w', '/dev/null')
  await git('update-ref', `refs/heads/${BRANCH}`, await git('commit-tree', tree, '-m', 'The site begins'))
}
