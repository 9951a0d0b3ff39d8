import type { CostMeter } from '../../context/decisions.ts'
import type { Model, ModelReply, ModelRequest } from './models.ts'
import type { Price, Usage } from './meter.ts'

/** One answer of a scripted model: its text, an object that becomes it, an error to throw, or a function of the request. */
export type ScriptedReply =
  | string
  | object
  | Error
  | ((request: ModelRequest) => Promise<ScriptedReply> | ScriptedReply)

export interface ScriptedModel extends Model {
  /** What it was asked, oldest first. */
  readonly requests: readonly ModelRequest[]
}

/**
 * A model for tests: answers in order, and throws when it is asked more often than that.
 *
 *     const light = scriptedModel([{ value: 'refund', confidence: 0.9, because: 'it asks for money' }])
 *     await using company = await testCompany({ workflows, models: { light } })
 */
export function scriptedModel(
  replies: readonly ScriptedReply[],
  options: { readonly name?: string; readonly price?: Price; readonly meter?: CostMeter; readonly usage?: Usage } = {},
): ScriptedModel {
  const left = [...replies]
  const requests: ModelRequest[] = []
  const usage = options.usage ?? { tokensIn: 100, cachedIn: 0, tokensOut: 20 }
  return {
    model: options.name ?? 'scripted',
    meter: options.meter ?? 'imputed',
    price: options.price ?? null,
    requests,
    async ask(request): Promise<ModelReply> {
      requests.push(request)
      if (left.length === 0) throw new Error(`The script had ${replies.length} answers, and this asks for one more.`)
      let reply: ScriptedReply = left.shift()!
      while (typeof reply === 'function') reply = await reply(request)
      if (reply instanceof Error) throw reply
      return { text: typeof reply === 'string' ? reply : JSON.stringify(reply), usage }
    },
  }
}
