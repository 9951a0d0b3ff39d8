import { useRouterState } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError } from '../../../src/client.ts'
import { messageOf, queries } from '../api.ts'

const MOST_LINES = 8

/**
 * What stands where a page was that broke: a defect of the console, not a refusal of the company. What is around it goes on,
 * and another page is another try.
 */
export function Broken({ error, reset }: { error: unknown; reset: () => void }) {
  const path = useRouterState({ select: (s) => s.location.pathname })
  const [copied, setCopied] = useState(false)
  const code = error instanceof ApiError ? error.code : 'console.broken'
  // The path names the page; what was searched for there is the company's.
  const report = `${code} at ${path}\n${linesOf(error)}`
  const again = () => {
    // What it broke on may be kept: it is read anew.
    queries.removeQueries({ type: 'inactive' })
    reset()
  }
  return (
    <div className="h-full overflow-y-auto" tabIndex={-1}>
      <div role="alert" className="m-5 flex max-w-2xl flex-col gap-3 border-l-2 border-bad pl-4 text-sm">
        <div>
          <h1 className="font-semibold">This page broke</h1>
          <p className="text-soft">
            It could not draw what it was given. Nothing was decided or sent by that, and the other pages work.
          </p>
        </div>
        <p className="[overflow-wrap:anywhere]">
          {messageOf(error)} <span className="font-mono text-xs whitespace-nowrap text-soft">{code}</span>
        </p>
        <div className="flex flex-wrap gap-2">
          <button className="button button-first" onClick={again}>
            Try again
          </button>
          <button className="button" onClick={() => location.reload()}>
            Load the console anew
          </button>
          <button
            className="button"
            onClick={() =>
              void navigator.clipboard.writeText(report).then(
                () => setCopied(true),
                () => setCopied(false),
              )
            }
          >
            {copied ? 'Copied' : 'Copy what to report'}
          </button>
        </div>
        <details>
          <summary className="cursor-pointer text-soft">What to report</summary>
          <p className="mt-2 text-soft">
            Open an issue at Factotum's repository with these lines and what you did before. Read them first: an error
            may quote words of your company. Nothing is sent by itself.
          </p>
          <pre
            className="mt-2 max-h-60 overflow-auto rounded bg-sunken p-2 font-mono text-xs whitespace-pre-wrap"
            tabIndex={0}
          >
            {report}
          </pre>
        </details>
      </div>
    </div>
  )
}

/** The error and where it came from, without the address of this company. */
function linesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const stack = error.stack ?? `${error.name}: ${error.message}`
  return stack.split('\n').slice(0, MOST_LINES).join('\n').replaceAll(location.origin, '')
}
