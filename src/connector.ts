/** What a connector author imports. */
export {
  action,
  ActionError,
  type Action,
  type ActionContext,
  type Connector,
  type ConnectorEnvironment,
  type Incoming,
  type Money,
  type Reconciled,
  type Unreadable,
} from './execution/action.ts'
export { signal, type SignalKind } from './context/signals.ts'
export type { Json } from './lib/json.ts'
export { blockList, isPublicAddress, plainAddress } from './lib/addresses.ts'
export { htmlToText } from './lib/html/html-to-text.ts'
