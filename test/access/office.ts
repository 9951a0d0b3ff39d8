import assert from 'node:assert/strict'
import { z } from 'zod'
import { OPERATIONS } from '../../src/server/operations.ts'
import { app } from '../../src/server/http/app.ts'
import { Access } from '../../src/server/access/access.ts'
import type { Place } from '../../src/server/access/place.ts'
import { makeLink } from '../../src/governance/access/links.ts'
import { attribute, entity, workflow } from '../../src/index.ts'
import { testCompany } from '../../src/testing.ts'

export const OWNER = 'the-token-of-the-owner'
export const PASSWORD = 'a sentence nobody else says'

const Person = entity('person', { name: z.string(), secret: attribute(z.string(), { writers: ['operator'] }) })
const meet = workflow('meet', { input: z.object({ who: z.string() }) }, async (ctx, i) => {
  await ctx.facts.about(Person, i.who)
})

const ask = workflow('ask', { input: z.object({ title: z.string() }) }, (ctx, i) =>
  ctx.ask({ title: i.title, options: ['1', '2'] }),
)

export interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly body: Record<string, unknown>
  readonly headers: Headers
}

/** A company over HTTP, as a browser and as programs ask it; no port is opened. */
export async function office(url: string | undefined, place?: Place) {
  const company = await testCompany({
    workflows: [ask, meet],
    entities: [Person],
    ...(url === undefined ? {} : { url }),
  })
  const access = new Access(company.open.store, OWNER, place)
  const http = app(company.open, access)
  const send = async (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body: unknown = {},
  ): Promise<Answer> => {
    const response = await http.request(path, {
      method,
      headers: { ...(method === 'GET' ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(method === 'GET' || method === 'HEAD'
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    let parsed: Record<string, unknown> = {}
    try {
      parsed = JSON.parse(text) as Record<string, unknown>
    } catch {
      // A greeting.
    }
    const code = typeof parsed.code === 'string' ? parsed.code : undefined
    return { status: response.status, code, body: parsed, headers: response.headers }
  }
  return {
    company,
    access,
    http,
    send,
    get: (path: string, headers?: Record<string, string>) => send('GET', path, headers),
    post: (path: string, body: unknown, headers?: Record<string, string>) => send('POST', path, headers, body),
    /** From a page of ours. */
    page: (path: string, body: unknown, cookie?: string) => send('POST', path, fromOurs(cookie), body),
    link: async () => (await makeLink(company.open.store, false)).key,
    /** Signed in as the operator: the cookie. */
    async signedIn(): Promise<string> {
      const { key } = await makeLink(company.open.store, false)
      return cookieOf(await send('POST', '/access/first', fromOurs(), { key }))
    },
    async [Symbol.asyncDispose]() {
      await access.refusals.flush()
      await company.check()
      await company[Symbol.asyncDispose]()
    },
  }
}

export type Office = Awaited<ReturnType<typeof office>>

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** What a browser sends along from a page of ours. */
export function fromOurs(cookie?: string): Record<string, string> {
  return { origin: 'http://localhost', 'sec-fetch-site': 'same-origin', ...(cookie ? { cookie } : {}) }
}

/** `name=value` of the one cookie that an answer sets. */
export function cookieOf(answer: Answer): string {
  const set = answer.headers.getSetCookie()
  assert.equal(set.length, 1, `${answer.status} ${answer.code}`)
  return set[0]!.split(';')[0]!
}

/** Every operation as it is asked, with arguments that are none of its own: who may is told before what is wrong. */
export const ROUTES = Object.entries(OPERATIONS).map(([name, { mood, scope }]) => ({
  name,
  method: mood === 'change' ? 'POST' : 'GET',
  path: mood === 'change' ? `/v1/${name}` : `/v1/${name}?of=nothing`,
  scope,
}))
