const CONTEXT = 3

/** A unified diff that adds text at the end of a file; `before` is empty where there is no file yet. */
export function appendDiff(file: string, before: string, added: string): string {
  const old = before === '' ? [] : before.replace(/\n$/, '').split('\n')
  const open = before !== '' && !before.endsWith('\n')
  // A last line without its line end becomes a line with one: the rest of it is what the added text begins with.
  const plus = (open ? added.slice(1) : added).replace(/\n$/, '').split('\n')
  const kept = old.slice(-CONTEXT)
  const from = old.length - kept.length + (old.length === 0 ? 0 : 1)
  const start = old.length === 0 ? 1 : from
  const context = kept.map((line, i) =>
    open && i === kept.length - 1 ? `-${line}\n\\ No newline at end of file\n+${line}` : ` ${line}`,
  )
  return [
    `--- ${before === '' ? '/dev/null' : `a/${file}`}`,
    `+++ b/${file}`,
    `@@ -${from},${kept.length} +${start},${kept.length + plus.length} @@`,
    ...context,
    ...plus.map((line) => `+${line}`),
    '',
  ].join('\n')
}
