import { action, type Connector } from '../../src/connector.ts'
import { z } from '../../src/index.ts'

/** A connector that writes to somebody: what it sent is ours in the conversation with them. */
export function post(subject: string, signals: Connector['signals'] = []) {
  const send = action<{ to: string; text: string }, null>('post.send', {
    risk: 'reversible',
    input: z.object({ to: z.string(), text: z.string() }),
    output: z.null(),
    title: () => 'send',
    run: async () => null,
    undo: async () => {},
    message: (m) => ({ party: m.to, subject, text: m.text, ids: [`to-${m.to}`] }),
  })
  const connector: Connector = {
    name: 'post',
    actions: [send],
    signals,
    open: async () => null,
    close: async () => {},
    describe: () => 'post',
  }
  return { send, connector }
}
