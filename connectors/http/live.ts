import { z } from 'zod'
import type { Json } from '../../src/connector.ts'
import { http } from './index.ts'

type Variables = Readonly<Record<string, string>>

const Made = z.looseObject({ id: z.union([z.string(), z.number()]) })

/** Makes one thing in a REST collection, reads it, and deletes it. */
export const live = {
  variables: {
    HTTP_LIVE_BASE: 'where the API is: https://api.example.org/v1/',
    HTTP_LIVE_AUTHORIZATION: 'the Authorization header: Bearer ...',
    HTTP_LIVE_COLLECTION: 'the collection below it: notes. POST makes one, which has an "id"; GET and DELETE take it',
    HTTP_LIVE_BODY: 'what is posted, as JSON: {"text":"A test of factotum"}',
  },
  optional: { HTTP_LIVE_ALLOW: 'an address or range that may be called although it is not public' },
  plan: (v: Variables) =>
    `POST ${v.HTTP_LIVE_BODY} to ${v.HTTP_LIVE_COLLECTION} of ${v.HTTP_LIVE_BASE}, look at the collection, and DELETE what was made.`,
  connector: (v: Variables) =>
    http.service('live', {
      base: v.HTTP_LIVE_BASE!,
      headers: { authorization: () => v.HTTP_LIVE_AUTHORIZATION },
      ...(v.HTTP_LIVE_ALLOW ? { allow: [v.HTTP_LIVE_ALLOW] } : {}),
      actions: {
        list: http.read({
          input: z.object({}),
          output: z.json(),
          title: () => 'List',
          request: () => ({ path: v.HTTP_LIVE_COLLECTION! }),
        }),
        make: http.write({
          risk: 'compensable',
          input: z.object({}),
          output: Made,
          title: () => 'Make',
          request: () => ({
            method: 'POST',
            path: v.HTTP_LIVE_COLLECTION!,
            body: JSON.parse(v.HTTP_LIVE_BODY!) as Json,
          }),
          undo: {
            request: (_, made) => ({
              method: 'DELETE',
              path: [...v.HTTP_LIVE_COLLECTION!.split('/'), made.id],
            }),
          },
        }),
      },
    }).connector,
  read: () => ({ action: 'live.list', input: {} }),
  write: () => ({ action: 'live.make', input: {} }),
  /** The collection, asked for without the connector. */
  outside: async (v: Variables) => {
    const url = `${v.HTTP_LIVE_BASE!.replace(/\/$/, '')}/${v.HTTP_LIVE_COLLECTION}`
    const response = await fetch(url, { headers: { authorization: v.HTTP_LIVE_AUTHORIZATION! } })
    return `${response.status} ${await response.text()}`
  },
}
