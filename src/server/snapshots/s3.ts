import { hash } from 'node:crypto'
import { AwsClient } from 'aws4fetch'
import { FactotumError } from '../../lib/errors.ts'
import { EXTENSION } from './format.ts'
import type { Stored, Target } from './targets.ts'

/**
 * Amazon's limits: a part is at least 5 MiB but for the last, at most 10,000 of them. The parts grow with the archive, so
 * that a small one needs little memory and the largest object, 5 TiB, can be reached.
 */
const FIRST_PART_BYTES = 16 * 1024 * 1024
const GROW_EVERY = 1_000
const RETRIES = 5

type Environment = Readonly<Record<string, string | undefined>>

/**
 * A bucket of any service that speaks S3's API. Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN; the service from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL (default: Amazon's), AWS_REGION.
 * Throws `snapshot.bad_target`, `snapshot.no_credentials`.
 */
export function s3Target(to: string, env: Environment): Target {
  const parsed = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(to)
  if (!parsed) throw new FactotumError('snapshot.bad_target', `"${to}" is not s3://bucket/prefix.`)
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = env
  if (!accessKeyId || !secretAccessKey)
    throw new FactotumError(
      'snapshot.no_credentials',
      `${to} needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.`,
    )
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1'
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL ?? `https://s3.${region}.amazonaws.com`
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
    service: 's3',
    region,
    retries: RETRIES,
  })
  const prefix = (parsed[2] ?? '').replace(/\/$/, '')
  const bucket = `${endpoint.replace(/\/$/, '')}/${parsed[1]!}`
  const key = (name: string) => (prefix === '' ? name : `${prefix}/${name}`)
  const url = (name: string) => `${bucket}/${key(name).split('/').map(encodeURIComponent).join('/')}`

  const ask = async (method: string, address: string, body: Buffer | string = ''): Promise<Response> => {
    const headers = { 'x-amz-content-sha256': hash('sha256', body) }
    const response = await client
      .fetch(address, { method, headers, ...(body === '' ? {} : { body: body as string | Buffer<ArrayBuffer> }) })
      .catch((cause: unknown) => {
        throw new FactotumError(
          'snapshot.unreachable',
          `${to} cannot be reached. Check the network and AWS_ENDPOINT_URL_S3.`,
          { cause },
        )
      })
    if (response.ok) return response
    const said = one(await response.text(), 'Code') ?? response.statusText
    throw new FactotumError(
      'snapshot.refused',
      `${to} refused ${method}: ${response.status} ${said}. Check its rights and its name.`,
    )
  }

  return {
    where: to,
    name: to,
    async put(name, bytes) {
      const id = one(await (await ask('POST', `${url(name)}?uploads=`)).text(), 'UploadId')
      if (!id) throw new FactotumError('snapshot.refused', `${to} did not begin an upload.`)
      const upload = `uploadId=${encodeURIComponent(id)}`
      try {
        const parts: string[] = []
        let written = 0
        for await (const part of partsOf(bytes)) {
          const response = await ask('PUT', `${url(name)}?partNumber=${parts.length + 1}&${upload}`, part)
          const tag = response.headers.get('etag') ?? ''
          parts.push(`<Part><PartNumber>${parts.length + 1}</PartNumber><ETag>${xml(tag)}</ETag></Part>`)
          written += part.length
        }
        const done = await ask(
          'POST',
          `${url(name)}?${upload}`,
          `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`,
        )
        // It may begin to answer 200 and fail afterwards.
        const text = await done.text()
        if (/<Error>/.test(text))
          throw new FactotumError(
            'snapshot.refused',
            `${to} did not complete the upload: ${one(text, 'Code') ?? 'unknown'}.`,
          )
        return written
      } catch (error) {
        await ask('DELETE', `${url(name)}?${upload}`).catch(() => {})
        throw error
      }
    },
    async list() {
      const found: Stored[] = []
      const under = prefix === '' ? '' : `${prefix}/`
      for (let token = ''; ;) {
        const next = token === '' ? '' : `continuation-token=${encodeURIComponent(token)}&`
        const page = await (
          await ask('GET', `${bucket}?${next}delimiter=%2F&list-type=2&prefix=${encodeURIComponent(under)}`)
        ).text()
        for (const [, item] of page.matchAll(/<Contents>([^]*?)<\/Contents>/g)) {
          const name = (one(item!, 'Key') ?? '').slice(under.length)
          if (name.endsWith(EXTENSION)) found.push({ name, bytes: Number(one(item!, 'Size')) })
        }
        token = one(page, 'NextContinuationToken') ?? ''
        if (token === '') return found.sort((a, b) => (a.name < b.name ? -1 : 1))
      }
    },
    async *get(name) {
      const response = await ask('GET', url(name))
      if (response.body) yield* response.body as unknown as AsyncIterable<Uint8Array>
    },
    async remove(name) {
      await ask('DELETE', url(name))
    },
  }
}

async function* partsOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = []
  let size = 0
  let count = 0
  for await (const piece of bytes) {
    pieces.push(piece)
    size += piece.length
    if (size < FIRST_PART_BYTES * (1 + Math.floor(count / GROW_EVERY))) continue
    yield Buffer.concat(pieces)
    count++
    pieces = []
    size = 0
  }
  if (size > 0 || count === 0) yield Buffer.concat(pieces)
}

function one(text: string, tag: string): string | null {
  const found = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(text)?.[1]
  return found === undefined
    ? null
    : found.replace(
        /&(quot|lt|gt|apos|amp|#34);/g,
        (_, name: string) => ({ quot: '"', '#34': '"', lt: '<', gt: '>', apos: "'", amp: '&' })[name]!,
      )
}

function xml(text: string): string {
  return text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`)
}
