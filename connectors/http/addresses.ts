import { lookup as resolve, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { ActionError, blockList, isPublicAddress, plainAddress } from '../../src/connector.ts'

/** Where calls may go: to public addresses, and to those of the ranges and host names that the author allows. */
export interface Reach {
  /** Whether the author named this host or its address. */
  names(host: string): boolean
  /** Throws `http.address_refused` for a host that is an address which may not be reached. */
  checkHost(host: string): void
  /** Resolves a name for a connection and refuses it where any of its addresses may not be reached. */
  readonly lookup: LookupFunction
}

/**
 * `allow`: addresses, CIDR ranges (`10.0.0.0/8`) and host names (`localhost`) that may be reached although they are not
 * public. The connection is made to the very addresses that were checked, so that a name that resolves to another one
 * the next time (DNS rebinding) gains nothing.
 */
export function reach(allow: readonly string[]): Reach {
  const names = new Set(allow.filter((entry) => isIP(entry.split('/')[0]!) === 0).map((name) => name.toLowerCase()))
  const ranges = blockList(allow.filter((entry) => isIP(entry.split('/')[0]!) !== 0))
  const permitted = (address: string): boolean => {
    const { address: bare, family } = plainAddress(address)
    return ranges.check(bare, family) || isPublicAddress(address)
  }
  return {
    names(host) {
      const address = host.replace(/^\[|\]$/g, '')
      if (isIP(address) === 0) return names.has(host)
      const { address: bare, family } = plainAddress(address)
      return ranges.check(bare, family)
    },
    checkHost(host) {
      const address = host.replace(/^\[|\]$/g, '')
      if (isIP(address) !== 0 && !permitted(address)) throw refusal(host)
    },
    lookup(host, options, done) {
      resolve(host, { ...options, all: true }, (error, found) => {
        if (error) return done(error, [])
        if (!names.has(host.toLowerCase()) && !found.every(({ address }) => permitted(address)))
          return done(refusal(host), [])
        if (options.all) return done(null, found)
        const first: LookupAddress = found[0]!
        done(null, first.address, first.family)
      })
    },
  }
}

function refusal(host: string): ActionError {
  return new ActionError(
    'domain',
    'http.address_refused',
    `${host} is a private, local or reserved address, which is not called. If it is meant to be, add it to \`allow\` in company.ts.`,
  )
}
