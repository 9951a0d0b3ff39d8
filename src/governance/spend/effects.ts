import type { EventInput, Guard } from '../../store/index.ts'
import type { Spend } from './spend.ts'

/** What there is to know of an effect to meter it. */
interface Paid {
  readonly id: string
  readonly run: string
  readonly workflow: string | null
  readonly action: string
  readonly token: number
  readonly undoes: string | null
  readonly approved_by: string | null
  /** JSON: `{ micros, currency }`, the most that one use costs. */
  readonly cost: string | null
}

/**
 * Meters effects: what has a price, and what a budget counts. Every try is a use of its own; to take something back is
 * none. What the operator approved goes over a budget.
 */
export function effectMeter(spend: Spend) {
  const useOf = (effect: Paid, token: number) => `use_${effect.id}:${token}`
  return {
    async reserve(
      effect: Paid,
      token: number,
      connector: string,
    ): Promise<{
      readonly events: readonly EventInput[]
      readonly guards: readonly Guard[]
      readonly over: string | null
    }> {
      const cost = effect.cost === null ? null : (JSON.parse(effect.cost) as { micros: number; currency: string })
      const of = { workflow: effect.workflow, action: effect.action, connector }
      if (effect.undoes !== null || (cost === null && !spend.counts(of))) return { events: [], guards: [], over: null }
      return spend.reserve(
        {
          id: useOf(effect, token),
          agent: null,
          tier: null,
          model: null,
          run: effect.run,
          ...of,
          subject: effect.id,
          meter: 'billed',
          micros: cost?.micros ?? 0,
          currency: cost?.currency ?? null,
          tokens: 0,
        },
        { overBudget: effect.approved_by !== null },
      )
    },
    /** `spent`: whether the call was or may have been made. Of the try that the effect's token counts. */
    async settle(effect: Paid, spent: boolean): Promise<readonly EventInput[]> {
      return spend.close(useOf(effect, effect.token), spent, spent ? 'used' : 'nothing')
    },
  }
}
