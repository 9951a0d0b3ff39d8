import { BlockList, isIP } from 'node:net'

// The IANA special-purpose registries (RFC 6890 and its updates), and what clouds answer their secrets at.
const SPECIAL_IPV4 = [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24',
  '192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24',
  '203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 168.63.129.16/32',
]
// Within 2000::/3, outside of which nothing is public: protocol assignments with Teredo, documentation, 6to4.
const SPECIAL_IPV6 = ['2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20']
const GLOBAL_UNICAST = blockList(['2000::/3'])
const SPECIAL = blockList([...SPECIAL_IPV4, ...SPECIAL_IPV6].flatMap((line) => line.split(' ')))
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** Addresses and CIDR ranges (`10.0.0.0/8`). */
export function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** An address in the form in which it is compared: an IPv4 address that IPv6 carries is that IPv4 address (RFC 4291). */
export function plainAddress(address: string): { address: string; family: 'ipv4' | 'ipv6' } {
  const bare = address.replace(/%.*$/, '')
  if (isIP(bare) === 4) return { address: bare, family: 'ipv4' }
  // The URL parser writes every IPv6 address in one form, but for the last 32 bits of a mapped one.
  const mapped = MAPPED.exec(bare)?.[1] ?? mappedFromHex(bare)
  return mapped === undefined ? { address: bare, family: 'ipv6' } : { address: mapped, family: 'ipv4' }
}

function mappedFromHex(address: string): string | undefined {
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(new URL(`http://[${address}]`).hostname.slice(1, -1))
  if (!match) return undefined
  const [high, low] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Whether an IP address is one that anybody on the internet could have: not private, local or reserved. */
export function isPublicAddress(address: string): boolean {
  const { address: bare, family } = plainAddress(address)
  return !SPECIAL.check(bare, family) && (family === 'ipv4' || GLOBAL_UNICAST.check(bare, family))
}
