import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { test } from 'node:test'
import { reach } from './addresses.ts'

const hostOf = (address: string) => new URL(`http://${address}/`).hostname

const REFUSED = `
  127.0.0.1 127.255.0.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 0.0.0.0 0.1.2.3 100.64.0.1
  100.100.100.200 224.0.0.1 255.255.255.255 198.18.0.1 192.0.0.192 168.63.129.16
  2130706433 0x7f.1 0177.0.0.1 127.1 ①②⑦.0.0.1
  [::1] [::] [fe80::1] [fec0::1] [fc00::1] [fd00:ec2::254] [ff02::1] [2001:db8::1] [100::1]
  [::ffff:127.0.0.1] [::ffff:a9fe:a9fe] [::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::1] [2002:7f00:1::]
  [2001:0:4136:e378:8000:63bf:3fff:fdd2]`

// Private and special ones, other ways to write 127.0.0.1, IPv6, and IPv4 inside of it: mapped, NAT64, 6to4, Teredo.
for (const address of REFUSED.trim().split(/\s+/))
  test(`${address} is not called`, () => {
    assert.throws(() => reach([]).checkHost(hostOf(address)), { code: 'http.address_refused', kind: 'domain' })
  })

for (const address of [
  '93.184.216.34',
  '8.8.8.8',
  '172.32.0.1',
  '100.128.0.1',
  '[2606:4700::1111]',
  '[::ffff:8.8.8.8]',
])
  test(`${address} is public`, () => {
    assert.doesNotThrow(() => reach([]).checkHost(hostOf(address)))
  })

test('what the author allows is called, in whatever way it is written, and nothing beside it', () => {
  const allowing = reach(['10.1.0.0/16', '127.0.0.1', 'fd00::/8'])
  for (const address of ['10.1.2.3', '127.0.0.1', '[::ffff:127.0.0.1]', '2130706433', '[fd12::1]'])
    allowing.checkHost(hostOf(address))
  for (const address of ['10.2.0.1', '127.0.0.2', '[::1]', '[fe80::1]'])
    assert.throws(() => allowing.checkHost(hostOf(address)), { code: 'http.address_refused' })
})

function resolved(allow: readonly string[], all: boolean): Promise<unknown> {
  return new Promise((done, fail) =>
    reach(allow).lookup('localhost', { all }, (error, found) => (error ? fail(error) : done(found))),
  )
}

test('a name is judged by what it resolves to, in the look-up that the connection itself is made with', async () => {
  for (const all of [true, false]) await assert.rejects(resolved([], all), { code: 'http.address_refused' })
  const found = (await resolved(['localhost'], true)) as LookupAddress[]
  assert.ok(found.length > 0 && found.every(({ address }) => ['127.0.0.1', '::1'].includes(address)))
  assert.ok(['127.0.0.1', '::1'].includes((await resolved(['localhost'], false)) as string))
  assert.ok(await resolved(['127.0.0.0/8', '::1'], true))
})
