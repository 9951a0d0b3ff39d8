import { z } from 'zod'
import { none, looking, operation } from '../operation.ts'
import { summary } from '../snapshots/summary.ts'

const to = z.object({ to: z.string().min(1).optional() })

export const SNAPSHOT_OPERATIONS = {
  snapshotCreate: operation('admin', to.extend({ passphrase: z.string().optional() }), (c, { to: where, passphrase }) =>
    c.snapshots.create({
      ...(where === undefined ? {} : { to: where }),
      ...(passphrase === undefined ? {} : { passphrase }),
    }),
  ),
  snapshotProgress: looking('admin', none, async (c) => c.snapshots.progress),
  snapshotList: looking('admin', to, async (c, { to: where }) => ({
    ...(await c.snapshots.list(where)),
    drill: await c.snapshots.lastDrill(),
  })),
  snapshotDrill: operation('admin', to, (c, { to: where }) => c.snapshots.drill(where)),
  /** What the company is now, as `summarise` says it of an archive. */
  snapshotNow: looking('admin', none, (c) => summary(c)),
} as const
