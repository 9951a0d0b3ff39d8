import { ask } from '../client.ts'
import { command } from '../command.ts'
import { describeLink } from '../links.ts'
import { time } from '../text.ts'

export const why = command('why', {
  arity: [1, 1],
  async run(call) {
    const links = await ask(call.folder, 'why', { id: call.positionals[0]! })
    if (call.json) call.print(links)
    else for (const link of links) call.out(`${String(link.seq).padStart(6)}  ${time(link.at)}  ${describeLink(link)}`)
    return 0
  },
})
