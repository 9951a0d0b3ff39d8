import type { ComponentProps } from 'react'
import type { OperationName } from '../../../src/client.ts'
import { mayAsk } from '../access/session.ts'

/** A button that does something; nothing where whoever is signed in may not ask for it. `of`: the operation behind it. */
export function Verb({ of, ...button }: { of: OperationName } & ComponentProps<'button'>) {
  return mayAsk(of) ? <button {...button} /> : null
}
