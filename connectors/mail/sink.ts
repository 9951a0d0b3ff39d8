import { existsSync } from 'node:fs'
import { open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'
import { LIMITS } from './message.ts'
import { fieldValue, splitHeader } from './header-block.ts'

/** A mail that the sink accepted. `from` and `to` are the envelope's, `raw` is the mail as it was sent. */
export type SinkMail = { messageId: string; from: string; to: string[]; raw: Uint8Array }

/** What goes wrong at the sink, until it is set otherwise. */
export type SinkFaults = {
  /** Answers 550 to the sender, to every recipient, or to the content. */
  refuse?: 'sender' | 'recipient' | 'content' | undefined
  /** Answers 451 at that step. */
  greylist?: 'sender' | 'recipient' | 'content' | undefined
  /** Answers 550 to these recipients only. */
  refuseRecipients?: readonly string[] | undefined
  /**
   * Breaks the connection: before the content is asked for; with the content under way, nothing kept; or with the mail
   * accepted and kept, but the answer never sent.
   */
  drop?: 'before-data' | 'during-data' | 'after-accept' | undefined
  /** What it says when it refuses, besides the code. */
  text?: string | undefined
  /** Accepts and keeps the mail, and answers with what has no meaning there. */
  garbage?: boolean | undefined
  /** Waits this many milliseconds before the answer to the content. */
  slow_ms?: number | undefined
}

export type SinkOptions = {
  /** Accepted mails are kept here, one .eml file each, and read again at the next start. */
  folder?: string | undefined
  /** 0 (the default) for any free port. */
  port?: number | undefined
  faults?: SinkFaults | undefined
  /** The login that is asked for. Without it none is offered. */
  login?: { user: string; password: string } | undefined
  /** PEM key and certificate; with them STARTTLS is offered. */
  tls?: { key: string; cert: string } | undefined
}

export type Sink = {
  port: number
  /** Everything accepted, oldest first: the outside world's own record. */
  messages(): readonly SinkMail[]
  /** How often a mail with this Message-ID (without `<>`) was accepted. */
  count(messageId: string): number
  /**
   * The first mail accepted here that `isIt` knows by its Message-ID, or null. Null is proof for what connected so far:
   * from then on no connection that is open now can bring such a mail, wherever in its transfer it is.
   */
  settle(isIt: (messageId: string) => boolean): Promise<SinkMail | null>
  setFaults(faults: SinkFaults): void
  close(): Promise<void>
}

type Done = (error?: Error | null, message?: string) => void
type Step = 'sender' | 'recipient' | 'content'

const refusal = (responseCode: number, text: string) => Object.assign(new Error(text), { responseCode })

function readMail(raw: Buffer, from: string, to: string[]): SinkMail {
  const id = fieldValue(splitHeader(raw).fields, 'message-id') ?? ''
  return { messageId: id.replace(/^<|>$/g, ''), from, to, raw }
}

/** A real SMTP server on 127.0.0.1 that keeps what it accepts: for the sample company and for tests. */
export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const { folder, login, tls } = options
  const kept: SinkMail[] = folder === undefined ? [] : await readKept(folder)
  const sockets = new Map<number, Socket>()
  let faults: SinkFaults = options.faults ?? {}
  // One file after the other, so that their numbers are the order of acceptance.
  let lastFile: Promise<unknown> = Promise.resolve()
  // Connections are numbered as they come. A mail that was settled as absent is no longer taken from those up to `upTo`.
  const numbers = new WeakMap<SMTPServerSession, number>()
  const barred: { readonly isIt: (messageId: string) => boolean; readonly upTo: number }[] = []
  let connections = 0
  let closed = false

  const faultAt = (step: Step): Error | null => {
    if (faults.refuse === step) return refusal(550, `5.7.1 ${step} refused${faults.text ? `: ${faults.text}` : ''}`)
    return faults.greylist === step ? refusal(451, '4.7.1 greylisted, try again later') : null
  }
  const breakOff = (session: SMTPServerSession) => sockets.get(session.remotePort)?.destroy()

  async function accept(raw: Buffer, session: SMTPServerSession): Promise<void> {
    const { mailFrom, rcptTo } = session.envelope
    const mail = readMail(
      raw,
      mailFrom === false ? '' : mailFrom.address,
      rcptTo.map((to) => to.address),
    )
    const number = numbers.get(session) ?? 0
    if (closed || barred.some((bar) => number <= bar.upTo && bar.isIt(mail.messageId))) throw new Error('Too late')
    if (folder !== undefined) await keep(folder, kept.length + 1, mail)
    kept.push(mail)
  }

  /** Decides about a mail whose content is in, and answers unless a fault keeps the answer back. */
  async function conclude(raw: Buffer, oversized: boolean, session: SMTPServerSession, done: Done): Promise<void> {
    if (oversized || faults.drop === 'during-data') return done()
    const fault = faultAt('content')
    if (fault !== null) return done(fault)
    const stored = lastFile.then(() => accept(raw, session))
    lastFile = stored.catch(() => undefined)
    try {
      await stored
    } catch {
      return done(refusal(452, '4.3.1 the mail could not be stored'))
    }
    if (faults.drop === 'after-accept') return void breakOff(session)
    if (faults.garbage) return done(refusal(354, 'and now?'))
    // Closing the sink must not wait for a slow answer.
    setTimeout(done, faults.slow_ms ?? 0, null, 'accepted').unref()
  }

  const server = new SMTPServer({
    name: 'sink.localhost',
    ...tls,
    disabledCommands: [...(login === undefined ? ['AUTH'] : []), ...(tls === undefined ? ['STARTTLS'] : [])],
    authOptional: login === undefined,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    size: LIMITS.mail_bytes,
    rejectOversized: true,
    closeTimeout: 100,
    onConnect(session, done) {
      numbers.set(session, ++connections)
      done()
    },
    onAuth: (auth, _session, done) =>
      auth.username === login?.user && auth.password === login?.password
        ? done(null, { user: auth.username })
        : // With the password in it, as careless servers do: what comes back must not reach a log.
          done(refusal(535, `5.7.8 authentication failed for ${auth.username} with ${auth.password}`)),
    onMailFrom: (_from, _session, done) => done(faultAt('sender')),
    onRcptTo(to, session, done) {
      if (faults.drop === 'before-data') return void breakOff(session)
      done(faults.refuseRecipients?.includes(to.address) ? refusal(550, '5.1.1 no such user') : faultAt('recipient'))
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (faults.drop === 'during-data') breakOff(session)
      })
      stream.on('end', () => void conclude(Buffer.concat(chunks), stream.sizeExceeded, session, done))
    },
  })
  // A client that goes away in the middle is what the sink is there to try out.
  server.on('error', () => undefined)
  server.server.on('connection', (socket) => {
    const { remotePort = 0 } = socket
    sockets.set(remotePort, socket)
    socket.once('close', () => sockets.delete(remotePort))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })

  return {
    port: (server.server.address() as AddressInfo).port,
    messages: () => kept,
    count: (messageId) => kept.filter((mail) => mail.messageId === messageId).length,
    async settle(isIt) {
      const found = () => kept.find((mail) => isIt(mail.messageId)) ?? null
      if (found() !== null) return found()
      barred.push({ isIt, upTo: connections })
      // What passed the bar before it was there is being stored now.
      await lastFile
      return found()
    },
    setFaults(next) {
      faults = next
    },
    async close() {
      closed = true
      for (const socket of sockets.values()) socket.destroy()
      await new Promise<void>((resolve) => server.close(resolve))
      await lastFile
    },
  }
}

// RFC 5321 4.4: the server that delivers a mail records its envelope at the head of it.
const envelopeLines = (mail: SinkMail) => `Return-Path: <${mail.from}>\r\nX-Envelope-To: ${mail.to.join(', ')}\r\n`

/** Stores a mail so that it is either there whole or not at all, and stays there once this returns. */
async function keep(folder: string, number: number, mail: SinkMail): Promise<void> {
  const { file, path, temporary } = await newFile(folder, number)
  try {
    await file.writeFile(Buffer.concat([Buffer.from(envelopeLines(mail)), mail.raw]))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  const directory = await open(folder, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** A name that nothing has, from `number` on: who made its temporary file owns it, in whichever process. */
async function newFile(folder: string, number: number) {
  const stamp = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, 'Z')
  for (let n = number; ; n++) {
    const name = `${stamp}-${String(n).padStart(6, '0')}.eml`
    const path = join(folder, name)
    const temporary = join(folder, `.${name}.tmp`)
    const file = await open(temporary, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      return null
    })
    if (file === null) continue
    if (!existsSync(path)) return { file, path, temporary }
    await file.close()
    await unlink(temporary)
  }
}

/** The files of the mails kept in a folder that `isIt` knows by their Message-ID. */
export async function filesOf(folder: string, isIt: (messageId: string) => boolean): Promise<string[]> {
  if (!existsSync(folder)) return []
  const found: string[] = []
  for (const name of await keptNames(folder)) {
    const { fields } = splitHeader(await readFile(join(folder, name)))
    if (isIt((fieldValue(fields, 'message-id') ?? '').replace(/^<|>$/g, ''))) found.push(join(folder, name))
  }
  return found
}

async function keptNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.eml') && !name.startsWith('.')).sort()
}

/** The mails kept in a folder, in the order of their file names. */
export async function readKept(folder: string): Promise<SinkMail[]> {
  const mails: SinkMail[] = []
  for (const name of await keptNames(folder)) {
    const bytes = await readFile(join(folder, name))
    const envelope = /^Return-Path: <(.*)>\r\nX-Envelope-To: (.*)\r\n/.exec(bytes.toString('latin1', 0, 64 * 1024))
    const raw = bytes.subarray(envelope?.[0].length ?? 0)
    mails.push(readMail(raw, envelope?.[1] ?? '', (envelope?.[2] ?? '').split(', ')))
  }
  return mails
}
