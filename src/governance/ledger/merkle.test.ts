import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Frontier } from './frontier.ts'
import { emptyRoot, leafHash, nodeHash } from './merkle.ts'
import { consistencyProof, inclusionProof } from './proofs.ts'
import { subtreeReader } from './subtrees.ts'
import { verifyConsistency, verifyInclusion } from './verify-proof.ts'

// The inputs and answers of the certificate-transparency and transparency-dev/merkle test suites.
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const LEAF_1 = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'
const LEAF_4 = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b'
const LEAF_6 = 'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f'
const NODE_1_1 = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e'
const NODE_1_2 = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a'
const NODE_1_3 = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0'
const NODE_2_1 = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'
const INCLUSION = [
  { index: 0, size: 1, proof: [] },
  { index: 0, size: 8, proof: [LEAF_1, NODE_1_1, NODE_2_1] },
  { index: 5, size: 8, proof: [LEAF_4, NODE_1_3, ROOTS[4]!] },
  { index: 2, size: 3, proof: [ROOTS[2]!] },
  { index: 1, size: 5, proof: [ROOTS[1]!, NODE_1_1, LEAF_4] },
]
const CONSISTENCY = [
  { from: 1, to: 1, proof: [] },
  { from: 1, to: 8, proof: [LEAF_1, NODE_1_1, NODE_2_1] },
  { from: 6, to: 8, proof: [NODE_1_2, NODE_1_3, ROOTS[4]!] },
  { from: 2, to: 5, proof: [NODE_1_1, LEAF_4] },
  { from: 6, to: 7, proof: [NODE_1_2, LEAF_6, ROOTS[4]!] },
]

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')
const hexes = (list: readonly Uint8Array[]): string[] => list.map((b) => Buffer.from(b).toString('hex'))
const known = INPUTS.map((hex) => leafHash(bytes(hex)))
const numbered = (size: number): Buffer[] => Array.from({ length: size }, (_, i) => leafHash(`event ${i}`))

/** MTH(D[n]) of RFC 6962 section 2.1, as it is written there, sharing nothing with what is tested. */
function naiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return createHash('sha256').digest()
  if (leaves.length === 1) return leaves[0]!
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1))
  const parts = [Buffer.from([1]), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
  return createHash('sha256').update(Buffer.concat(parts)).digest()
}

/** PATH(m, D[n]) of section 2.1.1. */
function naivePath(m: number, d: readonly Buffer[]): Buffer[] {
  if (d.length === 1) return []
  const k = 2 ** Math.floor(Math.log2(d.length - 1))
  if (m < k) return [...naivePath(m, d.slice(0, k)), naiveRoot(d.slice(k))]
  return [...naivePath(m - k, d.slice(k)), naiveRoot(d.slice(0, k))]
}

/** SUBPROOF(m, D[n], b) of section 2.1.2. */
function naiveSubproof(m: number, d: readonly Buffer[], b: boolean): Buffer[] {
  if (m === d.length) return b ? [] : [naiveRoot(d)]
  const k = 2 ** Math.floor(Math.log2(d.length - 1))
  if (m <= k) return [...naiveSubproof(m, d.slice(0, k), b), naiveRoot(d.slice(k))]
  return [...naiveSubproof(m - k, d.slice(k), false), naiveRoot(d.slice(0, k))]
}

/** A store as the ledger's is: leaves, and the nodes that the frontier gave out. */
function storeOf(leaves: readonly Buffer[]) {
  const nodes = new Map<string, Buffer>()
  const frontier = new Frontier((level, index, node) => {
    const width = 2 ** level
    assert.equal(level % 8, 0)
    assert.deepEqual(node, naiveRoot(leaves.slice(index * width, (index + 1) * width)))
    nodes.set(`${level}/${index}`, node)
  })
  for (const leaf of leaves) frontier.append(leaf)
  const read = subtreeReader({
    leaves: async (from, to) => leaves.slice(from, to),
    nodes: async (level, from, to) =>
      Array.from({ length: to - from }, (_, i) => nodes.get(`${level}/${from + i}`)).filter((n) => n !== undefined),
  })
  return { frontier, nodes, read }
}

test('the known inputs give the known leaves and roots', () => {
  assert.equal(emptyRoot.toString('hex'), ROOTS[0])
  assert.equal(new Frontier().root().toString('hex'), ROOTS[0])
  const frontier = new Frontier()
  known.forEach((leaf, i) => {
    frontier.append(leaf)
    assert.equal(frontier.root().toString('hex'), ROOTS[i + 1])
    assert.equal(naiveRoot(known.slice(0, i + 1)).toString('hex'), ROOTS[i + 1])
  })
  assert.equal(leafHash('é\0').toString('hex'), leafHash(Buffer.from('é\0')).toString('hex'))
})

test('the known proofs are made and verified, and no other', async () => {
  const { read } = storeOf(known)
  for (const { index, size, proof } of INCLUSION) {
    assert.deepEqual(hexes(await inclusionProof(index, size, read)), proof)
    assert.ok(verifyInclusion(known[index]!, index, size, proof.map(bytes), bytes(ROOTS[size]!)))
  }
  for (const { from, to, proof } of CONSISTENCY) {
    assert.deepEqual(hexes(await consistencyProof(from, to, read)), proof)
    assert.ok(verifyConsistency(from, to, proof.map(bytes), bytes(ROOTS[from]!), bytes(ROOTS[to]!)))
  }
  const root = bytes(ROOTS[8]!)
  assert.equal(verifyInclusion(known[0]!, 0, 0, [], emptyRoot), false)
  assert.equal(verifyInclusion(known[0]!, 0, 1, [], Buffer.alloc(0)), false)
  assert.equal(verifyConsistency(0, 8, [], emptyRoot, root), true)
  assert.equal(verifyConsistency(0, 8, [], root, root), false)
  assert.equal(verifyConsistency(0, 0, [root], emptyRoot, emptyRoot), false)
  assert.equal(verifyConsistency(8, 8, [root], root, root), false)
  assert.equal(verifyConsistency(8, 1, [], root, bytes(ROOTS[1]!)), false)
  assert.equal(verifyConsistency(1, 2, [], bytes(ROOTS[1]!), bytes(ROOTS[2]!)), false)
})

test('for every tree of up to 40 leaves all proofs equal those of the RFC text', async () => {
  const all = numbered(40)
  const { read } = storeOf(all)
  for (let size = 0; size <= all.length; size++) {
    const leaves = all.slice(0, size)
    const root = naiveRoot(leaves)
    for (let i = 0; i < size; i++) {
      const proof = await inclusionProof(i, size, read)
      assert.deepEqual(proof, naivePath(i, leaves))
      assert.ok(verifyInclusion(all[i]!, i, size, proof, root))
    }
    for (let old = 0; old <= size; old++) {
      const proof = await consistencyProof(old, size, read)
      if (old > 0) assert.deepEqual(proof, naiveSubproof(old, leaves, true))
      assert.ok(verifyConsistency(old, size, proof, naiveRoot(all.slice(0, old)), root))
    }
  }
})

test('trees above 65,536 leaves are proved from every eighth level', async () => {
  const all = numbered(66_000)
  const { frontier, nodes, read } = storeOf(all)
  assert.equal(nodes.size, 257 + 1)
  const root = naiveRoot(all)
  assert.deepEqual(frontier.root(), root)
  for (const index of [300, 65_535, 65_999]) {
    const proof = await inclusionProof(index, all.length, read)
    assert.deepEqual(proof, naivePath(index, all))
    assert.ok(verifyInclusion(all[index]!, index, all.length, proof, root))
  }
  for (const old of [300, 65_536, 65_537]) {
    const proof = await consistencyProof(old, all.length, read)
    assert.deepEqual(proof, naiveSubproof(old, all, true))
    assert.ok(verifyConsistency(old, all.length, proof, naiveRoot(all.slice(0, old)), root))
  }
  await assert.rejects(inclusionProof(0, 70_000, read), { code: 'ledger.node_missing' })
})

test('a frontier that is saved and resumed anywhere goes on as if it had not been', () => {
  const all = numbered(700)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 700 }), (a, b) => {
      const [cut, size] = a < b ? [a, b] : [b, a]
      const first = new Frontier()
      for (const leaf of all.slice(0, cut)) first.append(leaf)
      const given: string[] = []
      const resumed = Frontier.from(cut, first.toBuffer(), (level, index) => given.push(`${level}/${index}`))
      for (const leaf of all.slice(cut, size)) resumed.append(leaf)
      assert.equal(resumed.size, size)
      assert.deepEqual(resumed.root(), naiveRoot(all.slice(0, size)))
      assert.equal(given.length, Math.floor(size / 256) - Math.floor(cut / 256))
    }),
  )
  assert.throws(() => Frontier.from(3, Buffer.alloc(32)), { code: 'ledger.frontier_invalid' })
  assert.throws(() => Frontier.from(-1, Buffer.alloc(0)), { code: 'ledger.frontier_invalid' })
})

test('sizes beyond 32 bits are counted right', () => {
  const size = 2 ** 40 + 2 ** 8 - 1
  const frontier = Frontier.from(size, Buffer.alloc(9 * 32, 7))
  const [seven, leaf] = [Buffer.alloc(32, 7), leafHash('x')]
  frontier.append(leaf)
  let node = leaf
  for (let i = 0; i < 8; i++) node = nodeHash(seven, node)
  assert.equal(frontier.size, size + 1)
  assert.deepEqual(frontier.toBuffer(), Buffer.concat([seven, node]))
  assert.ok(verifyInclusion(node, 2 ** 32, 2 ** 32 + 1, [seven], nodeHash(seven, node)))
  assert.equal(verifyInclusion(node, 0, 2 ** 32 + 1, [seven], nodeHash(seven, node)), false)
})

test('a proof with any one thing changed does not verify', async () => {
  const all = numbered(130)
  const { read } = storeOf(all)
  const other = leafHash('other')
  const places = fc.tuple(fc.nat(129), fc.integer({ min: 1, max: 130 }), fc.nat(7), fc.nat(31), fc.nat(7))
  await fc.assert(
    fc.asyncProperty(places, async ([index, size, at, byte, bit]) => {
      fc.pre(index < size)
      const root = naiveRoot(all.slice(0, size))
      const leaf = all[index]!
      const proof = await inclusionProof(index, size, read)
      const flipped = (list: readonly Uint8Array[]) =>
        list.map((hash, i) => (i === at % list.length ? flip(hash, byte, bit) : hash))
      assert.equal(verifyInclusion(flip(leaf, byte, bit), index, size, proof, root), false)
      assert.equal(verifyInclusion(leaf, index, size, proof, flip(root, byte, bit)), false)
      assert.equal(verifyInclusion(leaf, index, size, [...proof, other], root), false)
      assert.equal(verifyInclusion(leaf, index, size, [...proof, Buffer.alloc(0)], root), false)
      if (index > 0) assert.equal(verifyInclusion(leaf, index - 1, size, proof, root), false)
      if (proof.length) assert.equal(verifyInclusion(leaf, index, size, flipped(proof), root), false)
      if (proof.length) assert.equal(verifyInclusion(leaf, index, size, proof.slice(1), root), false)

      const old = index + 1
      const oldRoot = naiveRoot(all.slice(0, old))
      const growth = await consistencyProof(old, size, read)
      assert.equal(verifyConsistency(old, size, growth, flip(oldRoot, byte, bit), root), false)
      assert.equal(verifyConsistency(old, size, growth, oldRoot, flip(root, byte, bit)), false)
      assert.equal(verifyConsistency(old, size, [...growth, other], oldRoot, root), false)
      if (growth.length) assert.equal(verifyConsistency(old, size, flipped(growth), oldRoot, root), false)
      if (growth.length) assert.equal(verifyConsistency(old, size, growth.slice(0, -1), oldRoot, root), false)
    }),
  )
})

test('a proof that is too short or too long for its sizes does not verify, even where the hashes meet', async () => {
  const { read } = storeOf(known)
  const root = bytes(ROOTS[8]!)
  assert.equal(verifyInclusion(known[0]!, 0, 16, await inclusionProof(0, 8, read), root), false)
  assert.equal(verifyConsistency(1, 16, await consistencyProof(1, 8, read), known[0]!, root), false)
  const [a, b, c, d] = [known[0]!, known[1]!, known[2]!, known[3]!]
  assert.equal(verifyInclusion(a, 0, 1, [b], nodeHash(b, a)), false)
  const [old, now] = [nodeHash(c, a), nodeHash(c, nodeHash(a, b))]
  assert.equal(verifyConsistency(3, 4, [a, b, c], old, now), true)
  assert.equal(verifyConsistency(3, 4, [a, b, c, d], nodeHash(d, old), nodeHash(d, now)), false)
})

test('what is not a hash or not in the tree is refused', async () => {
  const { read } = storeOf(known)
  assert.throws(() => new Frontier().append(Buffer.alloc(31)), { code: 'ledger.hash_invalid' })
  assert.throws(() => nodeHash(Buffer.alloc(32), Buffer.alloc(33)), { code: 'ledger.hash_invalid' })
  for (const [index, size] of [
    [8, 8],
    [-1, 8],
    [0.5, 8],
    [0, 2 ** 53],
  ] as const) {
    await assert.rejects(inclusionProof(index, size, read), { code: 'ledger.proof_range' })
  }
  await assert.rejects(consistencyProof(6, 5, read), { code: 'ledger.proof_range' })
})

function flip(hash: Uint8Array, byte: number, bit: number): Buffer {
  const copy = Buffer.from(hash)
  copy[byte]! ^= 1 << bit
  return copy
}
