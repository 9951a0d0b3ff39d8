import assert from 'node:assert/strict'
import { test } from 'node:test'
import { factotum, gateThat, kill, kindsOf, outbox, sound, start, studio, untilRunIs } from './studio/processes.ts'

test(
  'the journey: mail in, gate with evidence, approved, sent once, explained, verified, across kill -9',
  { timeout: 120_000 },
  async (t) => {
    const folder = studio(t)
    const server = await start(t, folder)

    const gate = await gateThat(folder, (g) => g.title.startsWith('Reply to daria@'))
    assert.equal(gate.kind, 'effect')
    assert.ok(
      gate.evidence.some((e) => e.kind === 'signal' && e.text.includes('all bookings of this year')),
      'it shows the mail',
    )
    assert.ok(
      gate.evidence.some((e) => e.kind === 'decision' && e.text.includes('triage')),
      'and what was decided about it',
    )

    // Killed between approval and sending: the hold window is open.
    await factotum(folder, 'approve', gate.id)
    await kill(server)
    assert.deepEqual(outbox(folder), [])

    const again = await start(t, folder)
    await untilRunIs(folder, gate.run, 'done')
    const sent = outbox(folder)
    assert.equal(sent.length, 1)
    assert.match(sent[0]!, /^To: daria@yogaloft\.example\r$/m)
    assert.match(sent[0]!, /^In-Reply-To: /m)

    const story = [
      'signal.received',
      'run.started',
      'decision.made',
      'fact.asserted',
      'effect.proposed',
      'gate.opened',
      'gate.decided',
      'effect.dispatched',
      'effect.settled',
      'run.completed',
    ]
    assert.deepEqual(
      (await kindsOf(folder, gate.run))
        .filter((kind) => story.includes(kind))
        // A note on her account passed before, by a policy: this is about the reply.
        .filter((kind, i, all) => !kind.startsWith('effect.') || i >= all.lastIndexOf('effect.proposed'))
        .filter((kind, i, all) => kind !== all[i - 1])
        .filter((kind, i, all) => all.indexOf(kind) === i),
      story,
    )
    assert.equal((await kindsOf(folder, gate.id)).at(-1), 'effect.settled', 'a gate tells what became of it')
    assert.ok(await sound(folder))

    // Nothing is running now: the command opens the company itself, and the record is the same.
    await kill(again)
    assert.ok(await sound(folder))
    assert.equal(outbox(folder).length, 1)
  },
)

test(
  'run once: everything in the inbox is taken in and driven as far as it goes, twice with the same end',
  { timeout: 120_000 },
  async (t) => {
    const folder = studio(t)
    const once = () => factotum<{ ingested: object; runs: object; gates: object }>(folder, 'start', '--once')
    const first = await once()
    assert.deepEqual(first.ingested, { new: 44, duplicate: 1, quarantined: 0, unreadable: [] })
    const second = await once()
    assert.deepEqual(second.ingested, { new: 0, duplicate: 45, quarantined: 0, unreadable: [] })
    assert.deepEqual([second.runs, second.gates], [first.runs, first.gates])
  },
)
