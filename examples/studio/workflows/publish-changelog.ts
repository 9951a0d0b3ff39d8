import { workflow, z } from 'factotum'
import { publish } from 'factotum/publish'

const Entry = z.object({ title: z.string().trim().min(1).max(100), text: z.string().trim().min(1).max(20_000) })

/** Started by hand: an entry becomes a page of the site, once Mara has approved it. */
export default workflow(
  'publish-changelog',
  { input: Entry, lane: () => 'changelog' },
  async (ctx, { title, text }) => {
    const day = new Date(ctx.now()).toISOString().slice(0, 10)
    const slug = title.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    const published = await ctx.act(publish.commit, {
      message: `Changelog: ${title}`,
      files: [{ path: `changelog/${day}-${slug}.md`, content: `# ${title}\n\n${day}\n\n${text}\n`, encoding: 'utf8' }],
    })
    return published.output?.commit ?? published.state
  },
)
