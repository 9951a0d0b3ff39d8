import { makeEncoder, type Encoder, type EncoderOptions } from '../context/recall/encoder.ts'
import { Recall } from '../context/recall/recall.ts'
import type { Spend } from '../governance/spend/spend.ts'
import { FactotumError } from '../lib/errors.ts'
import type { Store } from '../store/index.ts'

/** No encoder makes more tokens of a text than it has bytes. */
const BYTES_PER_TOKEN = 1
const TIMEOUT_MS = 60_000

/** A company's recall: words alone, or with the encoder that it has set up, whose use is metered where it has a price. */
export function recallOf(store: Store, options: EncoderOptions | null, spend: Spend): Recall {
  if (options === null) return new Recall(store)
  const encoder = makeEncoder(options)
  if (options === 'offline' || !options.price) return new Recall(store, encoder)
  const price = { microsPerToken: options.price.perMillion, currency: options.price.currency }
  return new Recall(store, metered(store, encoder, price, spend), price)
}

type Price = { readonly microsPerToken: number; readonly currency: string }

/** Reserves the most that a call can cost before it is made, and settles what it did cost. Throws `encoder.over_budget`. */
function metered(store: Store, encoder: Encoder, { microsPerToken, currency }: Price, spend: Spend): Encoder {
  return {
    ...encoder,
    async embed(texts) {
      const id = store.newId('use')
      const most = Math.ceil(Buffer.byteLength(texts.join('')) / BYTES_PER_TOKEN) + texts.length
      const { over } = await spend.reserveNow({
        id,
        agent: 'recall',
        tier: null,
        model: encoder.name,
        workflow: null,
        run: null,
        action: null,
        connector: null,
        subject: null,
        meter: 'billed',
        micros: Math.ceil(most * microsPerToken),
        currency,
        tokens: most,
        timeoutMs: TIMEOUT_MS,
      })
      if (over !== null) throw new FactotumError('encoder.over_budget', `The encoder is not asked: ${over}.`)
      const embedded = await encoder.embed(texts)
      const tokens = embedded.tokens > 0 ? embedded.tokens : most
      await spend.settleNow(id, { micros: Math.ceil(tokens * microsPerToken), tokens, tokensIn: tokens, tokensOut: 0 })
      return embedded
    },
  }
}
