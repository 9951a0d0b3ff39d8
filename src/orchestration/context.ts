import { unwatched } from './call.ts'
import type { Context } from './workflow.ts'
import { ask, decide } from './verbs/agents.ts'
import { child, seededRandom, sleep, step, waitFor } from './verbs/basics.ts'
import { addDocument } from './verbs/documents.ts'
import { act, compensate } from './verbs/effects.ts'
import { about, assert, correct, history, stop } from './verbs/facts.ts'
import { recall } from './verbs/recall.ts'
import { scratch } from './verbs/scratch.ts'
import { sessions } from './verbs/session.ts'
import { closeConversation, handOver, readConversation } from './verbs/conversation.ts'
import { complain, precedents } from './verbs/outcomes.ts'
import { addTask, endTask, taskEnd, tasks } from './verbs/tasks.ts'
import type { Services } from './verbs/services.ts'

/** The one object through which a workflow touches anything. */
export function makeContext(services: Services): Context {
  const { driver } = services
  return {
    run: { id: driver.run.id, workflow: driver.run.workflow },
    now: () => driver.now,
    random: seededRandom(driver.run.id),
    step: (name, work, options) => step(services, name, work, options) as never,
    sleep: (duration, options) => sleep(services, duration, options),
    waitFor: (kind, options) => waitFor(services, kind, options),
    child: (workflow, input, options) => child(services, workflow as never, input, options) as never,
    facts: {
      about: (kind, lookup, options) => about(services, kind, lookup, options),
      asOf: (asOf) => ({ about: (kind, lookup, options) => about(services, kind, lookup, { ...options, asOf }) }),
      history: (entity, attribute, options) => history(services, entity, attribute, options),
      assert: (entity, statements, options) => assert(services, entity, statements, options),
      correct: (entity, statements, options) => correct(services, entity, statements, options),
      end: (entity, attribute, options) => stop(services, 'end', entity, attribute, options),
      retract: (entity, attribute, options) => stop(services, 'retract', entity, attribute, options),
    },
    recall: (query, options) => recall(services, query, options),
    documents: { add: (document, options) => addDocument(services, document, options) },
    conversation: {
      read: (options) => readConversation(services, options),
      close: (reason, options) => closeConversation(services, reason, options),
      handOver: (turn, options) => handOver(services, turn, options),
    },
    tasks: {
      add: (task, options) => addTask(services, task, options),
      done: (task, options) => endTask(services, task.id, 'done', options),
      drop: (task, options) => endTask(services, task.id, 'dropped', options),
      list: (options) => tasks(services, options),
      ended: (task, options) => taskEnd(services, task.id, options),
    },
    precedents: (of, input, options) => precedents(services, of, input, options),
    complain: (about, reason, options) => complain(services, about.id, reason, options),
    scratch: scratch(services),
    session: sessions(services),
    decide: (agent, input, options) => decide(services, 'decide', agent, input, options),
    delegate: (agent, input, options) => decide(services, 'delegate', agent, input, options),
    ask: (question, options) => ask(services, question, options),
    act: (action, input, options) => act(services, action, input, options),
    compensate: () => unwatched(compensate(services)),
  }
}
