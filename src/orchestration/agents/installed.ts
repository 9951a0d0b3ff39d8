/**
 * For tests that load packages of others: the sources of this repository are reached by the condition `source`, which some
 * packages (eventsource-parser) use for TypeScript that Node does not run below node_modules. As bin/factotum.js does, only
 * 'factotum' is resolved with it.
 */
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, next) =>
    /^([./#]|file:|node:|factotum(\/|$))/.test(specifier)
      ? next(specifier, context)
      : next(specifier, { ...context, conditions: context.conditions.filter((c) => c !== 'source') }),
})
