/**
 * A small server that speaks what is used of S3's API and checks each signature. The expected one is computed here from
 * Amazon's description of Signature Version 4, with nothing of the library that signs.
 */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { s3Target } from '../../src/server/snapshots/s3.ts'
import { readArchive } from '../../src/server/snapshots/read.ts'
import { ArchiveWriter } from '../../src/server/snapshots/write.ts'
import { Shop } from '../shop.ts'
import { live, stage } from './stage.ts'

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const ID = 'AKIDEXAMPLE'
const sha = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
function signature(request: IncomingMessage, body: Buffer): string {
  const [, scope, names] =
    /Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+)/.exec(request.headers.authorization ?? '') ?? []
  assert.ok(scope && names)
  const [date, region, service] = scope.split('/') as [string, string, string]
  const url = new URL(request.url!, 'http://x')
  const escape = (t: string) =>
    encodeURIComponent(t).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  const query = [...url.searchParams]
    .map(([k, v]) => `${escape(k)}=${escape(v)}`)
    .sort()
    .join('&')
  const headers = names
    .split(';')
    .map((n) => `${n}:${String(request.headers[n]).trim()}\n`)
    .join('')
  const payload = String(request.headers['x-amz-content-sha256'])
  assert.equal(payload, sha(body), 'the body is signed')
  const path = decodeURIComponent(url.pathname).split('/').map(escape).join('/')
  const canonical = [request.method, path, query, headers, names, payload].join('\n')
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha(canonical)].join('\n')
  const key = hmac(hmac(hmac(hmac(`AWS4${SECRET}`, date), region), service), 'aws4_request')
  return createHmac('sha256', key).update(text).digest('hex')
}

class FakeS3 {
  readonly objects = new Map<string, Buffer>()
  readonly uploads = new Map<string, Map<number, Buffer>>()
  /** Requests to fail, by number. */
  fail = new Set<string>()
  #n = 0

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    const said = /Signature=([0-9a-f]{64})/.exec(request.headers.authorization ?? '')?.[1]
    const url = new URL(request.url!, 'http://x')
    const key = decodeURIComponent(url.pathname).slice(1)
    const end = (status: number, text: string | Buffer = '', headers = {}) =>
      void response.writeHead(status, headers).end(text)
    if (said !== signature(request, body)) return end(403, '<Error><Code>SignatureDoesNotMatch</Code></Error>')
    const [upload, part] = [url.searchParams.get('uploadId'), url.searchParams.get('partNumber')]
    if (this.fail.has(`${request.method} ${part ?? ''}`)) return end(403, '<Error><Code>AccessDenied</Code></Error>')
    if (request.method === 'POST' && url.searchParams.has('uploads')) {
      const id = `up&load/${this.#n++}`
      this.uploads.set(id, new Map())
      return end(200, `<R><UploadId>${id.replace('&', '&amp;')}</UploadId></R>`)
    }
    if (request.method === 'PUT' && upload) {
      this.uploads.get(upload)!.set(Number(part), body)
      return end(200, '', { etag: `"${sha(body)}"` })
    }
    if (request.method === 'POST' && upload) {
      const parts = [...this.uploads.get(upload)!].sort(([a], [b]) => a - b)
      for (const [n, bytes] of parts)
        assert.match(body.toString(), new RegExp(`<PartNumber>${n}</PartNumber><ETag>&#34;${sha(bytes)}&#34;</ETag>`))
      this.objects.set(key, Buffer.concat(parts.map(([, bytes]) => bytes)))
      this.uploads.delete(upload)
      return end(200, '<CompleteMultipartUploadResult/>')
    }
    if (request.method === 'DELETE') {
      if (upload) this.uploads.delete(upload)
      else this.objects.delete(key)
      return end(204)
    }
    if (url.searchParams.get('list-type') === '2') {
      const prefix = `${key}/${url.searchParams.get('prefix')}`
      const all = [...this.objects.keys()].filter((k) => k.startsWith(prefix)).sort()
      // One a page: what comes after is asked for.
      const at = Number(url.searchParams.get('continuation-token') ?? 0)
      const item = all
        .slice(at, at + 1)
        .map(
          (k) =>
            `<Contents><Key>${k.slice(key.length + 1)}</Key><Size>${this.objects.get(k)!.length}</Size></Contents>`,
        )
      const more = at + 1 < all.length ? `<NextContinuationToken>${at + 1}</NextContinuationToken>` : ''
      return end(200, `<R>${item.join('')}${more}</R>`)
    }
    const found = this.objects.get(key)
    return found ? end(200, found) : end(404, '<Error><Code>NoSuchKey</Code></Error>')
  }
}

test('an archive goes to a bucket in parts, is listed, read back and taken away, each request signed', async () => {
  const s3 = new FakeS3()
  const server = createServer(
    (request, response) =>
      void s3.answer(request, response).catch((e: unknown) => response.writeHead(500).end(String(e))),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const env = {
      AWS_ACCESS_KEY_ID: ID,
      AWS_SECRET_ACCESS_KEY: SECRET,
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'eu-central-1',
    }
    const target = s3Target('s3://backups/north light', env)
    await using c = await stage(new Shop())
    await live(c)
    for (const name of ['b.factotum', 'a.factotum']) await target.put(name, new ArchiveWriter(c.open).bytes())
    s3.objects.set('backups/north light/other.txt', Buffer.from('not ours'))
    const listed = await target.list()
    assert.deepEqual(
      listed.map((s) => s.name),
      ['a.factotum', 'b.factotum'],
    )
    const stored = s3.objects.get('backups/north light/a.factotum')!
    assert.equal(listed[0]!.bytes, stored.length)
    assert.ok((await readArchive(target.get('a.factotum'), c.open.keys.vkey)).events > 0)
    await target.remove('a.factotum')
    assert.deepEqual(
      (await target.list()).map((s) => s.name),
      ['b.factotum'],
    )

    // More than one part, and one that fails leaves nothing behind.
    const large = async function* () {
      for (let i = 0; i < 40; i++) yield Buffer.alloc(1024 * 1024, i)
    }
    assert.equal(await target.put('c.factotum', large()), 40 * 1024 * 1024)
    assert.equal(
      sha(s3.objects.get('backups/north light/c.factotum')!),
      sha(Buffer.concat(Array.from({ length: 40 }, (_, i) => Buffer.alloc(1024 * 1024, i)))),
    )
    s3.fail.add('PUT 2')
    await assert.rejects(target.put('d.factotum', large()), { code: 'snapshot.refused', message: /AccessDenied/ })
    assert.equal(s3.uploads.size, 0)
    assert.ok(!s3.objects.has('backups/north light/d.factotum'))
    const wrong = s3Target('s3://backups', { ...env, AWS_SECRET_ACCESS_KEY: 'wrong' })
    await assert.rejects(wrong.list(), { code: 'snapshot.refused', message: /403 SignatureDoesNotMatch/ })
    assert.throws(() => s3Target('s3://backups', {}), { code: 'snapshot.no_credentials' })
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
