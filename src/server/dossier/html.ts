import { createHash } from 'node:crypto'

/** Text that is markup already. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | null | Markup | readonly Part[]

/** Everything that is put in is text, unless it is markup: nothing that was recorded becomes markup. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.map((text, i) => text + (i < parts.length ? put(parts[i]!) : '')).join(''))
}

function put(part: Part): string {
  if (part === null) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map(put).join('')
  // What cannot be seen, and what turns the direction of text, is shown as a dot.
  return String(part)
    .replace(/(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '·')
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

export interface Column {
  readonly head: string
  /** Numbers stand under each other, to the right. */
  readonly number?: boolean
}

export function table(columns: readonly Column[], rows: readonly (readonly Part[])[], empty: string): Markup {
  if (rows.length === 0) return html`<p class="none">${empty}</p>`
  const cell = (tag: string, part: Part, i: number) =>
    new Markup(`<${tag}${columns[i]!.number ? ' class="n"' : ''}>${put(part)}</${tag}>`)
  return html`<div class="wide">
    <table>
      <thead>
        <tr>
          ${columns.map((c, i) => cell('th', c.head, i))}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${row.map((part, i) => cell('td', part, i))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`
}

/** Paragraphs, headings, lists and tables of our own manual: what of Markdown it uses. */
export function markdown(text: string): Markup {
  const out: string[] = []
  const open: string[] = []
  const close = (depth: number) => {
    while (open.length > depth) out.push(`</${open.pop()}>`)
  }
  for (const line of text.split('\n')) {
    const item = /^( *)(-|\d+\.) (.*)$/.exec(line)
    if (item) {
      const depth = item[1]!.length / 2 + 1
      close(depth)
      while (open.length < depth) {
        open.push(item[2] === '-' ? 'ul' : 'ol')
        out.push(`<${open.at(-1)}>`)
      }
      out.push(`<li>${inline(item[3]!)}</li>`)
      continue
    }
    close(0)
    const heading = /^(#{1,4}) (.*)$/.exec(line)
    // The page has a title of its own.
    if (heading) out.push(`<h${heading[1]!.length + 1}>${inline(heading[2]!)}</h${heading[1]!.length + 1}>`)
    else if (line !== '') out.push(`<p>${inline(line)}</p>`)
  }
  close(0)
  return new Markup(out.join('\n'))
}

function inline(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, i) =>
      i % 2 === 1
        ? `<code>${put(part.slice(1, -1))}</code>`
        : put(part)
            .replace(/\*\*(.+?)\*\*/g, '<strong>$1</strong>')
            .replace(/\\([\\`*_{}[\]#|]|&#6[02];)/g, '$1'),
    )
    .join('')
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5c636b; --line: #dfe3e8; --page: #ffffff; --tint: #f5f7f9; --link: #0b5cad }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa3ad; --line: #31373e; --page: #15181b; --tint: #1d2125; --link: #7db8f0 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.5rem }
header { padding-top: 2rem }
nav { display: flex; flex-wrap: wrap; gap: .35rem 1.4rem; padding: .9rem 0; border-bottom: 1px solid var(--line) }
nav a { text-decoration: none }
.when { white-space: nowrap }
nav a[aria-current] { color: var(--ink); font-weight: 600 }
a { color: var(--link) }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 }
h2 { font-size: 1.3rem; margin: 2.4rem 0 .6rem }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem }
p, ul, ol { max-width: 46rem }
.soft, .none, footer { color: var(--soft) }
.cards { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1px; margin: 1.4rem 0; background: var(--line); border: 1px solid var(--line) }
.cards > div { background: var(--page); padding: 1rem 1.1rem }
.cards b { display: block; font-size: 1.7rem; font-weight: 600; line-height: 1.25; font-variant-numeric: tabular-nums }
.cards span { color: var(--soft); font-size: .9rem }
.wide { overflow-x: auto; margin: .6rem 0 1.4rem }
table { border-collapse: collapse; min-width: 24rem; font-size: .94rem }
th, td { text-align: left; vertical-align: top; padding: .42rem 1.8rem .42rem 0; border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 500; white-space: nowrap }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font: .88em/1.5 ui-monospace, monospace; background: var(--tint); padding: .08em .3em; overflow-wrap: anywhere }
pre { background: var(--tint); padding: .9rem 1rem; overflow-x: auto; font: .88rem/1.5 ui-monospace, monospace }
pre code { padding: 0 }
footer { padding-top: 3rem; padding-bottom: 2rem; font-size: .88rem }
footer p { max-width: none; margin: 0; padding-top: 1rem; border-top: 1px solid var(--line) }
@media (max-width: 44rem) { .cards { grid-template-columns: 1fr } }
@media print { @page { margin: 18mm 16mm } nav { display: none } header, main, footer { max-width: none; padding-left: 0; padding-right: 0 } body { font-size: 10pt } a { color: inherit; text-decoration: none } h2, h3 { break-after: avoid } tr, .cards > div { break-inside: avoid } thead { display: table-header-group } .wide, pre { overflow: visible } pre { white-space: pre-wrap; overflow-wrap: anywhere } table { min-width: 0 } th, td { padding-right: .9rem } footer { padding-top: 1rem } }
`

/** Whole, for its hash counts every space of it. */
const SHEET = new Markup(`<style>${STYLE}</style>`)

/** Lets the style and nothing else: no script, no picture, no request. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

export interface Page {
  readonly title: string
  readonly company: string
  readonly asOf: string
  /** Path and name of each page of the menu; `here` is the path of this one. */
  readonly menu: readonly (readonly [path: string, name: string])[]
  readonly here: string
  readonly body: Markup
}

export function page({ title, company, asOf, menu, here, body }: Page): string {
  const up = '../'.repeat(here.split('/').length - 1)
  const links = menu.map(([path, name]) =>
    path === here
      ? html`<a href="${up + path}" aria-current="page">${name}</a>`
      : html`<a href="${up + path}">${name}</a>`,
  )
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <title>${title}: ${company}</title>
        ${SHEET}
      </head>
      <body>
        <header>
          <p class="soft">${company}</p>
          <h1>${title}</h1>
          <nav>${links}</nav>
        </header>
        <main>${body}</main>
        <footer>
          <p>
            ${asOf}. Every number is counted from <a href="${up}ledger.jsonl">ledger.jsonl</a>, without the private
            parts of its events. <a href="${up}verify.html">How to verify it</a>.
          </p>
        </footer>
      </body>
    </html> `.text
}
