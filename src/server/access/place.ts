import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { FactotumError } from '../../lib/errors.ts'

/** Where a server is asked from, and under which names. */
export interface Place {
  /** Others than this machine can reach it: cookies and links are for https. */
  readonly isPublic: boolean
  /** What the proxy in front of it is asked as: `https://office.example.org`. */
  readonly proxy: URL | null
  /** What it is called by others, where that is known: the first is the one to tell them. */
  readonly names: readonly string[]
  /** Whether it goes by this name, beside those of loopback. */
  readonly goesBy: (host: string) => boolean
}

/** This machine, and nobody else. */
export const LOOPBACK: Place = { isPublic: false, proxy: null, names: [], goesBy: () => false }

/** How a server is asked to listen; nothing of it: on loopback. */
export interface Reach {
  /** Others may reach it. */
  readonly isPublic?: boolean
  readonly host?: string
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** What a proxy with TLS in front of it is asked as. */
  readonly proxy?: string
}

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i

export function isLoopback(host: string): boolean {
  return LOOPBACK_HOST.test(host)
}

/**
 * Refuses what would put the company on a network in the clear. Throws `server.not_public`, `server.no_tls`,
 * `server.bad_proxy`, `server.bad_certificate`.
 */
export function placeOf({ isPublic = false, host, tls, proxy }: Reach): Place {
  if (!isPublic) {
    if ((host === undefined || isLoopback(host)) && !tls && proxy === undefined) return LOOPBACK
    throw new FactotumError(
      'server.not_public',
      'Without --public it listens on this machine only. Add --public to let others reach it, or leave out --host, --tls-cert, --tls-key and --behind-proxy.',
    )
  }
  if (tls) {
    const certificate = certificateOf(tls.cert)
    return {
      isPublic,
      proxy: null,
      names: namesOf(certificate),
      goesBy: (name) => {
        const address = name.replace(/^\[|\]$/g, '')
        return (isIP(address) ? certificate.checkIP(address) : certificate.checkHost(name)) !== undefined
      },
    }
  }
  if (proxy === undefined)
    throw new FactotumError(
      'server.no_tls',
      '--public takes TLS: give --tls-cert and --tls-key, or say what a proxy with TLS in front of it is asked as, such as --behind-proxy https://office.example.org.',
    )
  const url = URL.parse(proxy)
  if (url?.protocol !== 'https:' || `${url.origin}/` !== url.href)
    throw new FactotumError(
      'server.bad_proxy',
      `--behind-proxy takes what people type to get here, with https and no path, such as https://office.example.org; not "${proxy.slice(0, 100)}".`,
    )
  return { isPublic, proxy: url, names: [url.hostname], goesBy: (name) => name === url.hostname }
}

function certificateOf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new FactotumError('server.bad_certificate', '--tls-cert takes a certificate in PEM.', { cause })
  }
}

/** The names that a certificate is for, without wildcards. */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):([\w.:-]+)/g)].map((match) => match[1]!)
}

/** Whether a page of another name made the browser ask here (DNS rebinding): `host` is the header. */
export function isOurs(place: Place, host: string): boolean {
  const name = URL.parse(`http://${host}`)?.hostname
  return name !== undefined && !/[@/\\?#\s]/.test(host) && (isLoopback(name) || place.goesBy(name))
}
