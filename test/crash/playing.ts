import assert from 'node:assert/strict'
import type { GateRow } from '../../src/governance/gates.ts'
import { sendSignal } from '../../src/input/receive.ts'
import { company as declare } from '../../src/server/company.ts'
import type { OpenCompany } from '../../src/server/open.ts'
import { operate } from '../../src/server/operations.ts'
import { sql } from '../../src/store/index.ts'
import type { Fate } from './life.ts'
import { lives, type Ending } from './lives.ts'
import { begin, compile, poke, type Compiled, type Program } from './program.ts'
import { assertOver, business, sound, type Business } from './state.ts'
import { World } from './world.ts'

const openGates = sql(`select * from gate where state = 'open' order by title, id`)
const openPokes = sql(`select op from wait where state = 'open' and kind = 'signal' order by op`)
const effectOf = sql('select key, input, error_code from effect where id = ?')
const gateNow = sql('select state, outcome from gate where id = ?')

export interface Played extends Ending<Business> {
  readonly world: World
}

export interface Playing {
  readonly fates: readonly Fate[]
  readonly folder: string
  readonly url?: string
  readonly hasty: boolean
}

/** Plays a program once, dying as `fates` say, with an operator and a world that follow its script. */
export async function playProgram(program: Program, how: Playing): Promise<Played> {
  const { folder, url, fates, hasty } = how
  const compiled = compile(program)
  const world = new World()
  const decided = new Map<string, string>()
  const ending = await lives(
    {
      folder,
      hasty,
      ...(url === undefined ? {} : { url }),
      company: (life) =>
        declare({ name: 'Crash', workflows: compiled.workflows(life, world), connectors: [world.connector(life)] }),
      async begin(company) {
        for (const { label, op } of compiled.parts.values())
          if (op.op === 'wait' && op.sent === 'early') await send(company, label)
        if (!hasty) await company.coordinator.idle()
        await sendSignal(company.store, 'world', begin, {}, { id: 'begin' })
      },
      act: async (company) =>
        (await decideOne(company, compiled, world, decided)) || (await pokeOne(company, compiled)),
    },
    fates,
    async (company) => {
      await sound(company)
      for (const [gate, outcome] of decided) {
        const row = await company.store.first<{ state: string; outcome: string }>(gateNow(gate))
        assert.deepEqual({ ...row }, { state: 'decided', outcome }, 'what was acknowledged as decided stays decided')
      }
      const state = await business(company)
      assertOver(state)
      return state
    },
  )
  return { ...ending, world }
}

async function send(company: OpenCompany, label: string): Promise<void> {
  await sendSignal(company.store, 'world', poke, { to: label }, { id: `poke ${label}` })
}

async function pokeOne(company: OpenCompany, compiled: Compiled): Promise<boolean> {
  for (const { op: label } of await company.store.read<{ op: string }>(openPokes())) {
    const part = compiled.parts.get(label)
    if (part?.op.op !== 'wait' || part.op.sent !== 'late') continue
    await send(company, label)
    return true
  }
  return false
}

async function decideOne(
  company: OpenCompany,
  compiled: Compiled,
  world: World,
  decided: Map<string, string>,
): Promise<boolean> {
  for (const gate of await company.store.read<GateRow>(openGates())) {
    const says = await answer(company, gate, compiled, world)
    if (!says) continue
    await operate(company, 'decide', { id: gate.id, ...says })
    decided.set(gate.id, says.outcome)
    return true
  }
  return false
}

interface Says {
  readonly outcome: string
  readonly reason?: string
  readonly value?: unknown
}

/** What the script has the operator say at a gate; null: nothing, it is left to its time-out. */
async function answer(company: OpenCompany, gate: GateRow, compiled: Compiled, world: World): Promise<Says | null> {
  const effect = await company.store.first<{ key: string; input: string; error_code: string | null }>(
    effectOf(gate.subject),
  )
  switch (gate.kind) {
    case 'question': {
      const part = compiled.parts.get(gate.title ?? '')
      return part?.op.op === 'ask' && part.op.answered ? { outcome: 'answer', value: `answer to ${part.label}` } : null
    }
    case 'decision':
      return { outcome: 'answer', value: `by the operator, ${gate.title!}` }
    case 'effect': {
      const part = compiled.parts.get(gate.title ?? '')
      const says = part?.op.op === 'act' ? part.op.says : 'approve'
      if (says === 'reject') return { outcome: 'reject', reason: 'not this one' }
      return says === 'edit'
        ? { outcome: 'edit', value: { ...(JSON.parse(effect!.input) as object), edited: true } }
        : { outcome: 'approve' }
    }
    case 'uncertain':
      // The operator looks at the world and says what is so.
      return { outcome: world.did(effect!.key) ? 'happened' : 'retry' }
    case 'dead_letter':
      return effect!.error_code === 'world.refused'
        ? { outcome: 'close', reason: 'they will not' }
        : { outcome: 'retry' }
    case 'failure':
      return mend(gate, compiled, world)
    case 'parked':
    case 'contract':
    case 'plan':
    case 'conflict':
      throw new Error(`Nothing in these scripts opens a gate of kind ${gate.kind}: ${gate.title ?? ''}`)
  }
}

/** Removes the cause and retries; a child that the script gives up is cancelled. */
function mend(gate: GateRow, compiled: Compiled, world: World): Says {
  const { op, message } = JSON.parse(gate.proposal ?? 'null') as { op: string | null; message: string }
  const part = op === null ? undefined : compiled.parts.get(op)
  if (part?.op.op !== 'step' || part.op.throws !== 'until mended')
    throw new Error(`A run failed that should not: ${message}`)
  const parent = compiled.parts.get(part.label.slice(0, part.label.lastIndexOf('+')))
  if (parent?.op.op === 'child' && parent.op.cancelled) return { outcome: 'cancel', reason: 'not worth it' }
  world.mended.add(part.label)
  return { outcome: 'retry' }
}
