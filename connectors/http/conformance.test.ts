import { z } from 'zod'
import { connectorConformance } from '../../src/testing.ts'
import { startFakeCrm, type FakeCrm } from './fake.ts'
import { http } from './index.ts'

const Note = z.object({ id: z.string(), text: z.string() })

function crm(world: FakeCrm, secret: string, how: { readonly honoursKey: boolean; readonly finds: boolean }) {
  return http.service('crm', {
    base: world.url,
    headers: { authorization: () => `Bearer ${secret}` },
    allow: ['127.0.0.1'],
    probe: { path: 'notes' },
    actions: {
      createNote: http.write<{ text: string }, z.infer<typeof Note>>({
        risk: 'compensable',
        input: z.object({ text: z.string() }),
        output: Note,
        title: (i) => `Note: ${i.text}`,
        request: (i) => ({ method: 'POST', path: 'notes', body: { text: i.text } }),
        undo: {
          request: (_, note) => ({ method: 'DELETE', path: ['notes', note.id] }),
          find: { request: (_, note) => ({ path: ['notes', note.id] }), undone: ({ status }) => status === 404 },
        },
        honoursKey: how.honoursKey,
        observe: () => ({ path: 'notes' }),
        ...(how.finds
          ? {
              find: {
                request: (_, { key }) => ({ path: 'notes', query: { key } }),
                found: ({ body }) => (body as { notes: z.infer<typeof Note>[] }).notes[0] ?? null,
                absentAfterMs: 50,
              },
            }
          : {}),
      }),
    },
  }).connector
}

for (const [name, how] of Object.entries({
  'a service that can be asked': { honoursKey: false, finds: true },
  'a service that honours the key': { honoursKey: true, finds: false },
  'a service that can neither': { honoursKey: false, finds: false },
}))
  connectorConformance(`http, ${name}`, {
    world: () => startFakeCrm(how),
    connector: (world, secret) => crm(world, secret, how),
    action: 'crm.createNote',
    input: () => ({ text: 'Called about the invoice' }),
    outside: (world) => ({
      state: structuredClone(world.notes) as { id: string; text: string; key: string }[],
      done: world.made(),
    }),
    fault: (world, fault) => world.fault(fault),
    credentialsCode: 'http.credentials',
  })
