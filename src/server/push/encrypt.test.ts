import assert from 'node:assert/strict'
import { createECDH, createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { areKeys, encrypt, MAX_TEXT_BYTES } from './encrypt.ts'
import { Receiver } from './receiver.fixture.ts'
import { authorization, newPushKey, parsePushKey } from './vapid.ts'

/** RFC 8291, section 5 and appendix A. */
const RFC = {
  text: 'When I grow up, I want to be a watermelon',
  sender: 'yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw',
  receiver: 'q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94',
  p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
  auth: 'BTBZMqHH6r4Tts7J_aSIgg',
  salt: 'DGv6ra1nlYgDCS1FRnbzlw',
  body: 'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
} as const

test('a message is encrypted as RFC 8291 has it, to the byte', () => {
  const sender = createECDH('prime256v1')
  sender.setPrivateKey(Buffer.from(RFC.sender, 'base64url'))
  const salt = Buffer.from(RFC.salt, 'base64url')
  assert.equal(encrypt(RFC.text, RFC, { sender, salt, recordBytes: 4_096 }).toString('base64url'), RFC.body)
  assert.equal(new Receiver(RFC.receiver, RFC.auth).read(Buffer.from(RFC.body, 'base64url')), RFC.text)
})

test('every message is as long as every other, and read by its receiver alone', () => {
  const receiver = new Receiver()
  const sizes = new Set(
    ['', 'é'.repeat(1_000), 'x'.repeat(MAX_TEXT_BYTES)].map((text) => {
      const body = encrypt(text, receiver.keys)
      assert.equal(receiver.read(body), text)
      assert.throws(() => new Receiver().read(body))
      return body.length
    }),
  )
  assert.equal(sizes.size, 1)
  assert.throws(() => encrypt('x'.repeat(MAX_TEXT_BYTES + 1), receiver.keys), RangeError)
})

test('what are no keys of a browser is told', () => {
  const { keys } = new Receiver()
  assert.equal(areKeys(keys), true)
  const off = Buffer.from(keys.p256dh, 'base64url')
  off[64]! ^= 1
  for (const p256dh of ['', 'AAAA', off.toString('base64url'), Buffer.alloc(65, 4).toString('base64url')])
    assert.equal(areKeys({ ...keys, p256dh }), false, p256dh)
  assert.equal(areKeys({ ...keys, auth: 'short' }), false)
})

test('a message is signed for one push service (RFC 8292), by the key that browsers subscribe to', () => {
  const key = parsePushKey(newPushKey())
  const [, token, k] = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(
    authorization(key, {
      endpoint: 'https://push.example:8443/send/secret',
      contact: 'mailto:mara@northlight.example',
      now: 1_000_000,
    }),
  )!
  assert.equal(k, key.text)
  const [head, claims, signature] = token!.split('.')
  const point = Buffer.from(k!, 'base64url')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'))
  const publicKey = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x!, y: y! }, format: 'jwk' })
  const said = Buffer.from(`${head}.${claims}`)
  const good = (data: Buffer) =>
    verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature!, 'base64url'))
  assert.deepEqual([good(said), good(Buffer.from('other'))], [true, false])
  const { aud, exp, sub } = JSON.parse(Buffer.from(claims!, 'base64url').toString()) as Record<string, string>
  assert.deepEqual(
    [aud, Number(exp), sub],
    ['https://push.example:8443', 1_000 + 43_200, 'mailto:mara@northlight.example'],
  )
})
