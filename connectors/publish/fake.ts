import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Fault = 'credentials' | 'echo' | 'rate_limit' | 'slow' | 'garbage' | 'down'

/** A real bare repository, served over HTTP by git itself (git-http-backend), for tests. */
export interface FakeRepository extends AsyncDisposable {
  readonly url: string
  readonly path: string
  /** `path: mode content` of everything on the branch. */
  files(): Record<string, string>
  /** The subjects of all commits, newest first. */
  log(): string[]
  /** Runs git in the repository. */
  git(args: readonly string[], input?: string): string
  /** Somebody else's commit, pushed while nobody looks. */
  push(files: Readonly<Record<string, string>>, message: string): void
  fault(fault: Fault | null): Promise<void>
}

const WHO = {
  GIT_AUTHOR_NAME: 'Somebody',
  GIT_AUTHOR_EMAIL: 'somebody@example.org',
  GIT_COMMITTER_NAME: 'Somebody',
  GIT_COMMITTER_EMAIL: 'somebody@example.org',
}
const CLEAN = { PATH: process.env.PATH ?? '', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', ...WHO }

export async function makeRepository(): Promise<FakeRepository> {
  const path = await mkdtemp(join(tmpdir(), 'factotum-remote-'))
  const git = (args: readonly string[], input = '', env = {}) =>
    execFileSync('git', [...args], { cwd: path, input, env: { ...CLEAN, ...env }, encoding: 'utf8' })
  git(['init', '--bare', '--quiet', '--initial-branch=main', '--template='])
  git(['config', 'http.receivepack', 'true'])

  const push = (files: Readonly<Record<string, string>>, message: string) => {
    const env = { GIT_INDEX_FILE: join(path, 'fake.index') }
    const parent = git(['for-each-ref', '--format=%(objectname)', 'refs/heads/main']).trim()
    if (parent) git(['read-tree', parent], '', env)
    for (const [name, content] of Object.entries(files)) {
      const blob = git(['hash-object', '-w', '--stdin'], content).trim()
      git(['update-index', '--add', '--cacheinfo', `100644,${blob},${name}`], '', env)
    }
    const tree = git(['write-tree'], '', env).trim()
    const commit = git(['commit-tree', tree, ...(parent ? ['-p', parent] : []), '-m', message]).trim()
    git(['update-ref', 'refs/heads/main', commit])
  }
  push({ 'site/index.html': '<h1>Northlight</h1>\n', 'site/about.html': 'About\n' }, 'The site')

  let fault: Fault | null = null
  const held: (() => void)[] = []
  const server = createServer((request, response) => {
    const said = String(request.headers.authorization)
    const writing = request.url!.includes('receive-pack')
    if (fault === 'credentials' || request.headers.authorization === undefined)
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    if (fault === 'rate_limit' && writing) return void response.writeHead(429, { 'retry-after': '90' }).end()
    if (fault === 'echo') {
      response.writeHead(403, { 'content-type': 'text/plain' })
      return void response.end(`You are ${said}, which is ${Buffer.from(said.slice(6), 'base64').toString()}\n`)
    }
    backend(path, request, (head, body) => {
      if (fault === 'slow' && request.method === 'POST' && writing) held.push(() => response.destroy())
      else if (fault === 'garbage' && request.method === 'POST' && writing) response.writeHead(200).end('<html>Welcome')
      else response.writeHead(head.status, head.headers).end(body)
    })
  })
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/site.git`,
    path,
    files: () =>
      Object.fromEntries(
        git(['ls-tree', '-r', 'main'])
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => {
            const [, mode, blob, name] = /^(\d+) \w+ (\w+)\t(.*)$/.exec(line)!
            return [name!, `${mode} ${git(['cat-file', '-p', blob!])}`]
          }),
      ),
    log: () => git(['log', '--format=%s', 'main']).trim().split('\n'),
    git,
    push,
    async fault(wanted) {
      if (fault === 'down') await listen(port)
      fault = wanted
      if (fault === 'down') await close()
      for (const release of held.splice(0)) release()
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) await close()
      await rm(path, { recursive: true, force: true })
    },
  }
}

interface Head {
  status: number
  headers: Record<string, string>
}

/** Lets git answer a request, as a web server does (RFC 3875). */
function backend(path: string, request: IncomingMessage, done: (head: Head, body: Buffer) => void): void {
  const url = new URL(request.url ?? '/', 'http://fake')
  const env = {
    ...CLEAN,
    GIT_PROJECT_ROOT: path,
    GIT_HTTP_EXPORT_ALL: '1',
    REMOTE_USER: 'tester',
    REQUEST_METHOD: request.method,
    QUERY_STRING: url.search.slice(1),
    PATH_INFO: url.pathname.replace('/site.git', ''),
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
  }
  const child = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.on('error', () => {})
  request.pipe(child.stdin)
  child.on('close', () => {
    const answer = Buffer.concat(chunks)
    const end = answer.indexOf('\r\n\r\n')
    const lines = answer.subarray(0, end).toString().split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => line.split(': ', 2) as [string, string]))
    const { Status: status = '200', ...rest } = headers
    done({ status: Number.parseInt(status, 10), headers: rest }, answer.subarray(end + 4))
  })
}
