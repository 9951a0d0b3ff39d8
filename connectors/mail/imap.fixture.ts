import { createServer, type AddressInfo, type Socket } from 'node:net'
import { createSecureContext, createServer as createTlsServer, TLSSocket } from 'node:tls'
import { fieldValue, splitHeader } from './header-block.ts'

/** What goes wrong at the server, until it is set otherwise. */
export interface ImapFaults {
  /** Answers NO to the login, with the password in it, as careless servers do. */
  readonly login?: 'refused' | 'unavailable'
  /** Breaks the connection there; `after-append` when the mail is stored and before that is said. */
  readonly drop?: 'greeting' | 'search' | 'append' | 'after-append'
  /** Answers NO to these. */
  readonly refuse?: 'search' | 'append'
  /** Names every mail of the folder, whatever is searched for. */
  readonly findsEverything?: boolean
  /** Waits so many milliseconds before each answer. */
  readonly slow_ms?: number
  /** Answers with something else than IMAP. */
  readonly garbage?: boolean
}

interface ImapFolder {
  readonly path: string
  /** RFC 6154 2: `\Sent`, `\Drafts`, … */
  readonly use?: string
}

export interface ImapOptions {
  readonly login: { readonly user: string; readonly password: string }
  /** Default: INBOX and Sent, which is marked as the one of sent mails. */
  readonly folders?: readonly ImapFolder[]
  /** PEM key and certificate. With them STARTTLS is offered, or TLS is spoken from the first byte. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly implicit?: boolean }
  readonly faults?: ImapFaults
}

interface StoredMail {
  readonly uid: number
  readonly flags: readonly string[]
  readonly raw: Buffer
}

export interface ImapServer {
  readonly port: number
  mails(folder: string): readonly StoredMail[]
  /** Puts a mail there as the provider itself would. */
  put(folder: string, raw: Uint8Array): void
  setFaults(faults: ImapFaults): void
  /** How many connections are open. */
  readonly open: number
  /** The first word of each command, in order. */
  readonly commands: readonly string[]
  close(): Promise<void>
}

/** An argument: an atom or string, or the bytes of a literal. A parenthesis is an atom of its own. */
type Token = string | Buffer

const LITERAL = /\{(\d+)(\+?)\}$/

function tokens(text: string): string[] {
  const found = text.match(/"(?:[^"\\]|\\.)*"|[()]|[^\s()"]*\[[^\]]*\][^\s()]*|[^\s()"]+/g) ?? []
  return found.map((token) => (token.startsWith('"') ? token.slice(1, -1).replace(/\\(.)/g, '$1') : token))
}

/** Takes what a client sends apart into commands, literals included (RFC 9051 4.3). */
class CommandReader {
  #buffer = Buffer.alloc(0)
  #command: Token[] = []
  #literal: number | null = null

  read(chunk: Buffer, goOn: () => void): Token[][] {
    const whole: Token[][] = []
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    for (;;) {
      if (this.#literal !== null) {
        if (this.#buffer.length < this.#literal) return whole
        this.#command.push(this.#take(this.#literal))
        this.#literal = null
      }
      const end = this.#buffer.indexOf('\r\n')
      if (end === -1) return whole
      const line = this.#take(end + 2)
        .toString('latin1')
        .slice(0, -2)
      const literal = LITERAL.exec(line)
      this.#command.push(...tokens(literal ? line.slice(0, literal.index) : line))
      if (literal) {
        this.#literal = Number(literal[1])
        if (literal[2] === '') goOn()
        continue
      }
      whole.push(this.#command.splice(0))
    }
  }

  #take(bytes: number): Buffer {
    const taken = this.#buffer.subarray(0, bytes)
    this.#buffer = this.#buffer.subarray(bytes)
    return taken
  }
}

const header = (mail: StoredMail, name: string) => fieldValue(splitHeader(mail.raw).fields, name.toLowerCase()) ?? ''

/** A real IMAP server (RFC 9051) on 127.0.0.1, with as much of it as filing and finding sent mails takes. */
export async function startImap(options: ImapOptions): Promise<ImapServer> {
  const folders = options.folders ?? [{ path: 'INBOX' }, { path: 'Sent', use: '\\Sent' }]
  const stored = new Map<string, StoredMail[]>(folders.map((folder) => [folder.path, []]))
  const sockets = new Set<Socket>()
  const commands: string[] = []
  const { tls } = options
  let faults = options.faults ?? {}
  let uids = 0

  const put = (folder: string, raw: Uint8Array, flags: readonly string[] = []) =>
    void stored.get(folder)!.push({ uid: ++uids, flags, raw: Buffer.from(raw) })

  function serve(socket: Socket): void {
    let wire = socket
    let reader = new CommandReader()
    let selected: StoredMail[] | null = null
    let loggedIn = false
    let sasl: string | null = null

    const say = (...lines: string[]) => {
      const text = faults.garbage ? 'HTTP/1.1 400 Bad Request\r\n\r\n' : lines.map((line) => `${line}\r\n`).join('')
      if (faults.slow_ms === undefined) wire.write(text, 'latin1')
      else setTimeout(() => wire.writable && wire.write(text, 'latin1'), faults.slow_ms).unref()
    }
    const capabilities = () =>
      ['IMAP4rev1', 'ID', 'ENABLE', 'NAMESPACE', 'SPECIAL-USE', 'UIDPLUS', 'AUTH=PLAIN']
        .concat(tls && !(wire instanceof TLSSocket) ? ['STARTTLS'] : [])
        .join(' ')

    function login(tag: string, user: string, password: string): void {
      if (faults.login === 'unavailable') return say(`${tag} NO [UNAVAILABLE] the user database is away`)
      loggedIn = faults.login === undefined && user === options.login.user && password === options.login.password
      if (loggedIn) say(`${tag} OK [CAPABILITY ${capabilities()}] welcome`)
      else say(`${tag} NO [AUTHENTICATIONFAILED] no ${user} with ${password}`)
    }

    function list(tag: string, pattern: string): void {
      if (pattern === '') return say('* LIST (\\Noselect) "/" ""', `${tag} OK listed`)
      const shown = folders.filter((folder) => pattern === '*' || folder.path === pattern)
      say(
        ...shown.map((f) => `* LIST (\\HasNoChildren${f.use ? ` ${f.use}` : ''}) "/" "${f.path}"`),
        `${tag} OK listed`,
      )
    }

    function search(tag: string, args: readonly Token[]): void {
      if (faults.drop === 'search') return void wire.destroy()
      if (faults.refuse === 'search') return say(`${tag} NO [SERVERBUG] the index is broken`)
      const [key, name = '', value = ''] = args.map(String)
      const hits = (selected ?? []).filter(
        (mail) => faults.findsEverything || (key?.toUpperCase() === 'HEADER' && header(mail, name).includes(value)),
      )
      say(`* SEARCH${hits.map((mail) => ` ${mail.uid}`).join('')}`, `${tag} OK searched`)
    }

    function fetch(tag: string, uid: number): void {
      const at = (selected ?? []).findIndex((mail) => mail.uid === uid)
      if (at === -1) return say(`${tag} OK fetched`)
      const field = `Message-ID: ${header(selected![at]!, 'message-id')}\r\n\r\n`
      const size = Buffer.byteLength(field, 'latin1')
      say(`* ${at + 1} FETCH (UID ${uid} BODY[HEADER.FIELDS (MESSAGE-ID)] {${size}}\r\n${field})`, `${tag} OK fetched`)
    }

    function append(tag: string, args: readonly Token[]): void {
      if (faults.drop === 'append') return void wire.destroy()
      if (faults.refuse === 'append') return say(`${tag} NO [OVERQUOTA] the mailbox is full`)
      const folder = String(args[0])
      const raw = args.at(-1)
      if (!stored.has(folder)) return say(`${tag} NO [TRYCREATE] no such folder`)
      put(
        folder,
        raw as Buffer,
        args
          .slice(1, -1)
          .map(String)
          .filter((flag) => flag.startsWith('\\')),
      )
      if (faults.drop === 'after-append') return void wire.destroy()
      say(`${tag} OK [APPENDUID 1 ${uids}] stored`)
    }

    function open(tag: string, folder: string): void {
      selected = stored.get(folder) ?? null
      if (selected === null) return say(`${tag} NO [NONEXISTENT] no such folder`)
      say('* FLAGS (\\Seen)', `* ${selected.length} EXISTS`, '* OK [UIDVALIDITY 1] ids', `${tag} OK [READ-ONLY] open`)
    }

    function startTls(tag: string): void {
      wire.write(`${tag} OK begin\r\n`)
      socket.removeAllListeners('data')
      wire = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(tls) })
      reader = new CommandReader()
      listen()
    }

    function answer(command: readonly Token[]): void {
      const [tag = '*', word = '', ...rest] = command.map((token) => (Buffer.isBuffer(token) ? token : String(token)))
      if (sasl !== null) {
        const [, user = '', password = ''] = Buffer.from(String(tag), 'base64').toString().split('\0')
        const of = sasl
        sasl = null
        return login(of, user, password)
      }
      const verb = String(word).toUpperCase()
      commands.push(verb === 'UID' ? `UID ${String(rest[0]).toUpperCase()}` : verb)
      reply(String(tag), verb, rest)
    }

    function reply(tag: string, verb: string, args: readonly Token[]): void {
      if (verb === 'CAPABILITY') return say(`* CAPABILITY ${capabilities()}`, `${tag} OK`)
      if (verb === 'ID') return say('* ID ("name" "fixture")', `${tag} OK`)
      if (verb === 'STARTTLS' && tls) return startTls(tag)
      if (verb === 'LOGOUT') return void wire.end(`* BYE\r\n${tag} OK\r\n`)
      if (verb === 'AUTHENTICATE') {
        sasl = tag
        return say('+ ')
      }
      if (verb === 'LOGIN') return login(tag, String(args[0]), String(args[1]))
      if (!loggedIn) return say(`${tag} BAD log in first`)
      if (verb === 'NAMESPACE') return say('* NAMESPACE (("" "/")) NIL NIL', `${tag} OK`)
      if (verb === 'LIST') return list(tag, String(args[1]))
      if (verb === 'EXAMINE' || verb === 'SELECT') return open(tag, String(args[0]))
      if (verb === 'APPEND') return append(tag, args)
      if (verb === 'STATUS')
        return say(`* STATUS "${String(args[0])}" (MESSAGES ${stored.get(String(args[0]))?.length ?? 0})`, `${tag} OK`)
      if (verb === 'UID' && /^search$/i.test(String(args[0]))) return search(tag, args.slice(1))
      if (verb === 'UID' && /^fetch$/i.test(String(args[0]))) return fetch(tag, Number(args[1]))
      say(['NOOP', 'ENABLE', 'LSUB', 'CLOSE', 'UNSELECT'].includes(verb) ? `${tag} OK` : `${tag} BAD unknown`)
    }

    const listen = () => {
      const own = reader
      wire.on('error', () => undefined)
      wire.on('data', (chunk: Buffer) => {
        for (const command of own.read(chunk, () => say('+ go on'))) answer(command)
      })
    }
    listen()
    if (faults.drop === 'greeting') return void wire.destroy()
    say('* OK fixture')
  }

  const server = tls?.implicit ? createTlsServer(tls, serve) : createServer(serve)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    mails: (folder) => stored.get(folder) ?? [],
    put,
    setFaults: (next) => void (faults = next),
    get open() {
      return sockets.size
    },
    commands,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
