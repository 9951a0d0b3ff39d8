/** A company in which every kind of field holds a word of its own of somebody, so that a leak names its place. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { agent, attribute, entity, signal, workflow, z } from '../../src/index.ts'
import { scriptedModel, testCompany, type TestCompany, type TestCompanyOptions } from '../../src/testing.ts'
import { mail } from '../../connectors/mail/index.ts'
import { files } from '../../connectors/files/index.ts'

const Customer = entity('customer', {
  name: z.string(),
  wish: z.string(),
  plan: z.string(),
  phone: attribute(z.string(), { conflict: 'ask' }),
  tier: attribute(z.string(), { personal: false }),
})
const Draft = z.object({ body: z.string() })

const triage = agent('triage', { input: mail.Message, output: z.string(), tiers: ['light', 'operator'] })
const write = agent('write', { input: z.object({ about: z.string() }), output: Draft, tiers: ['light', 'operator'] })

const sort = agent('sort', {
  input: z.object({ text: z.string() }),
  output: z.string(),
  tiers: [
    ({ text }: { text: string }) => ({
      value: text.replace('form', 'sorted'),
      confidence: 1,
      because: text.replace('form', 'sortedbecause'),
      options: [{ value: text.replace('form', 'other'), whyNot: text.replace('form', 'whynot') }],
    }),
  ],
})

export const remember = workflow('remember', { input: z.object({ note: z.string() }) }, async (ctx, { note }) =>
  ctx.step('file it', () => Promise.resolve(`${note} ${note.replace('child', 'childstep')}`)),
)

/** The words of one person: `anna-subject`. */
export const word = (who: string, what: string) => `x${who}x${what}x`
export const addressOf = (who: string) => `${word(who, 'address')}@example.org`
export const secondOf = (who: string) => `${word(who, 'second')}@example.org`

const answer = workflow('answer', { on: mail.received }, async (ctx, message) => {
  const who = /x(\w+?)xaddressx/.exec(message.from)![1]!
  const topic = await ctx.decide(triage, message)
  const customer = await ctx.facts.about(Customer, message.from)
  await ctx.recall('anything', { about: customer })
  await ctx.scratch.set('mood', word(who, 'scratch'), { ttl: '30d' })
  await ctx.facts.assert(customer, { name: word(who, 'name'), wish: word(who, 'wish') }, { because: topic })
  await ctx.facts.assert(customer, { wish: word(who, 'newwish') }, { name: 'again', quote: word(who, 'body') })
  await ctx.step('bytes', () => Promise.resolve(Buffer.from(word(who, 'stepblob'))))
  await ctx.child(remember, { note: word(who, 'child') })
  await ctx.step('fails', () => Promise.reject(new Error(word(who, 'steperror')))).catch(() => {})
  const asked = await ctx.ask({ title: word(who, 'question'), options: ['yes', word(who, 'option')] as string[] })
  const reply = await ctx.delegate(write, { about: word(who, 'delegated') })
  await ctx.act(mail.reply, { to: message, body: reply.value.body }, { hold: '5s' })
  await ctx.act(files.write, { path: `letters/${who}.txt`, content: word(who, 'file'), encoding: 'utf8' })
  return { said: asked, end: word(who, 'result') }
})

/** A form that says whom it is from in its payload alone. */
export const asked = signal(
  'form.asked',
  z.object({ email: z.string(), text: z.string(), phone: z.string().optional() }),
)
const form = workflow('form', { on: asked }, async (ctx, { email, text, phone }) => {
  const customer = await ctx.facts.about(Customer, email)
  await ctx.facts.assert(customer, { plan: text.replace('form', 'plan') })
  if (phone !== undefined) {
    await ctx.decide(sort, { text })
    await ctx.facts.assert(customer, { phone }, { name: 'phone' })
    await ctx.documents.add({ text: text.replace('form', 'formdoc'), title: text.replace('form', 'formdoctitle') })
    const task = await ctx.tasks.add({
      text: text.replace('form', 'taskwords'),
      why: text.replace('form', 'taskwhy'),
      by: '1d',
    })
    await ctx.tasks.done(task, { note: text.replace('form', 'tasknote') })
  }
  return text.replace('form', 'formresult')
})

/** Looks at two people at once. */
export const compare = workflow('compare', { input: z.array(z.string()) }, async (ctx, both) => {
  const seen = []
  for (const one of both) seen.push(await ctx.facts.about(Customer, one, { key: both.indexOf(one) }))
  return seen.length
})

/** Reads about several people, asks, and reads on. */
export const wonder = workflow('wonder', { input: z.array(z.string()) }, async (ctx, both) => {
  const names = []
  const seen = []
  for (const one of both) seen.push(await ctx.facts.about(Customer, one, { key: both.indexOf(one) }))
  await ctx.ask({ title: 'Go on?', options: ['on'] as string[] })
  for (const one of seen) names.push(one.name ?? null)
  return names
})

export function office(url: string | undefined, more: TestCompanyOptions = {}): Promise<TestCompany> {
  const who = (text: string) => /x(\w+?)x\w+?x/.exec(text)?.[1] ?? 'nobody'
  const light = scriptedModel(
    Array.from({ length: 40 }, () => (request: { readonly prompt?: unknown }) => {
      const name = who(JSON.stringify(request))
      const draft = JSON.stringify(request).includes('xdelegatedx')
      return draft
        ? {
            value: { body: word(name, 'draft') },
            confidence: 0.99,
            because: word(name, 'draftbecause'),
          }
        : {
            value: word(name, 'topic'),
            confidence: 0.6,
            because: word(name, 'opinion'),
          }
    }),
  )
  return testCompany({
    workflows: [answer, remember, form, compare, wonder],
    connectors: [mail.outbox({ from: 'Us <us@example.com>' }), files.folder({ allow: ['letters'] })],
    agents: [triage, write, sort],
    entities: [Customer],
    models: { light },
    ...(url ? { url } : {}),
    ...more,
  })
}

/** A mail with an attachment. `refers`: the Message-ID it answers. */
export function mailOf(who: string, n: number, refers?: string): string {
  const attachment = Buffer.from(word(who, 'attachment')).toString('base64')
  return [
    `From: ${word(who, 'fromname')} <${addressOf(who)}>`,
    'To: us@example.com',
    `Subject: ${word(who, 'subject')}`,
    `Message-ID: <${who}-${n}@example.org>`,
    ...(refers ? [`References: <${refers}>`, `In-Reply-To: <${refers}>`] : []),
    'Date: Mon, 02 Nov 2026 10:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    `Hello, ${word(who, 'body')} number ${n}`,
    '--b',
    `Content-Type: text/plain; name="${word(who, 'attname')}.txt"`,
    `Content-Disposition: attachment; filename="${word(who, 'attname')}.txt"`,
    'Content-Transfer-Encoding: base64',
    '',
    attachment,
    '--b--',
    '',
  ].join('\r\n')
}

/** Every word of somebody that stands anywhere: in a file of the folder, or in a row of the database. */
export async function wordsLeft(folder: string | null, url: string | undefined, who: string): Promise<string[]> {
  const found = new Set<string>()
  const look = (where: string, bytes: Uint8Array | string) => {
    const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1')
    for (const hit of text.matchAll(new RegExp(`x${who}x([a-z]+?)x`, 'gi')))
      found.add(`${hit[1]!} in ${where.replace(/^company\.db.*/, 'the database')}`)
  }
  for (const entry of folder === null ? [] : await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    look(path.slice(folder!.length + 1), path.slice(folder!.length))
    look(path.slice(folder!.length + 1), await readFile(path))
  }
  if (url) {
    const client = new pg.Client(url)
    await client.connect()
    try {
      const tables = await client.query<{ name: string }>(
        `select table_name as name from information_schema.tables where table_schema = 'public'`,
      )
      for (const { name } of tables.rows)
        for (const row of (await client.query<Record<string, unknown>>(`select * from ${name}`)).rows)
          for (const [column, value] of Object.entries(row))
            look(`${name}.${column}`, Buffer.isBuffer(value) ? value : (JSON.stringify(value) ?? ''))
      const samples = await client.query<{ tablename: string; attname: string; text: string }>(
        `select tablename, attname, most_common_vals::text || ' ' || coalesce(histogram_bounds::text, '') as text from pg_stats`,
      )
      for (const { tablename, attname, text } of samples.rows) look(`statistics of ${tablename}.${attname}`, text ?? '')
    } finally {
      await client.end()
    }
  }
  return [...found].sort()
}
