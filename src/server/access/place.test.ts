import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressKey, Limits } from './limits.ts'
import { isOurs, LOOPBACK, placeOf } from './place.ts'

test('without TLS or a proxy nothing is put on a network', () => {
  const proxy = 'https://office.example'
  for (const reach of [
    { host: '0.0.0.0' },
    { host: '::' },
    { host: '192.0.2.1' },
    { host: 'localhost.example' },
    { proxy },
  ])
    assert.throws(() => placeOf(reach), { code: 'server.not_public' }, JSON.stringify(reach))
  assert.throws(() => placeOf({ isPublic: true }), { code: 'server.no_tls' })
  assert.throws(() => placeOf({ isPublic: true, host: '127.0.0.1' }), { code: 'server.no_tls' })
  for (const proxy of [
    'http://office.example',
    'office.example',
    'https://office.example/path',
    'https://a:b@office.example',
    'https://',
  ])
    assert.throws(() => placeOf({ isPublic: true, proxy }), { code: 'server.bad_proxy' }, proxy)
  assert.throws(() => placeOf({ isPublic: true, tls: { cert: 'x', key: 'y' } }), { code: 'server.bad_certificate' })
  for (const host of [undefined, '127.0.0.1', 'localhost', '::1'])
    assert.equal(placeOf(host === undefined ? {} : { host }), LOOPBACK)
  assert.equal(isOurs(placeOf({ isPublic: true, proxy }), 'office.example'), true)
  assert.equal(isOurs(placeOf({ isPublic: true, proxy }), 'evil.example'), false)
})

test('a bucket lets a burst through, then as many as come in, and forgets who came longest ago', () => {
  const limits = new Limits({ burst: 3, perSecond: 1 })
  assert.deepEqual(
    [0, 0, 0, 0].map(() => limits.take('a', 0)),
    [0, 0, 0, 1],
  )
  assert.equal(limits.take('b', 0), 0)
  assert.deepEqual([limits.wait('a', 500), limits.wait('a', 1_000)], [1, 0])
  assert.deepEqual([limits.take('a', 2_000), limits.take('a', 2_000), limits.take('a', 2_000)], [0, 0, 1])
  // A clock that was set back takes nothing away.
  assert.equal(limits.take('c', -5_000), 0)
  for (let i = 0; i < 10_000; i++) limits.take(`n${i}`, 2_000)
  assert.equal(limits.wait('a', 2_000), 0)
})

test('an address of IPv6 stands for its network', () => {
  assert.equal(addressKey('2001:db8:0:1::5'), addressKey('2001:db8:0:1:ffff:1:2:3'))
  assert.notEqual(addressKey('2001:db8:0:1::5'), addressKey('2001:db8:0:2::5'))
  assert.equal(addressKey('::1'), '0:0:0:0::/64')
  assert.equal(addressKey('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(addressKey('fe80::1%eth0'), 'fe80:0:0:0::/64')
})
