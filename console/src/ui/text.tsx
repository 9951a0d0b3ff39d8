import { useState } from 'react'
import { cut, marked } from '../lib/marking.ts'

/** A text that anybody may have written, as text: what would not be seen is shown, what is enormous is cut. */
export function Text({ text, most, lines }: { text: string; most?: number; lines?: number }) {
  const [whole, setWhole] = useState(false)
  const { shown, left } = whole ? { shown: text, left: 0 } : cut(text, most, lines)
  return (
    <span className="plain" dir="auto">
      <Marked text={shown} />
      {left > 0 && (
        <>
          {' … '}
          <button className="text-accent underline underline-offset-2" onClick={() => setWhole(true)}>
            Show {left.toLocaleString('en-GB')} more characters
          </button>
        </>
      )}
    </span>
  )
}

/** In one line, for lists: cut by the width of its place. */
export function Line({ text, className = '' }: { text: string; className?: string }) {
  const line = text.slice(0, 400).replace(/\s+/g, ' ')
  return (
    <span className={`block truncate ${className}`} dir="auto" title={line}>
      <Marked text={line} />
    </span>
  )
}

export function Marked({ text }: { text: string }) {
  return marked(text).map((piece, at) =>
    piece.hidden === undefined ? (
      piece.text
    ) : (
      <span key={at} className="hidden-character" title={`${piece.hidden}: would not be seen`}>
        {piece.hidden.slice(0, piece.hidden.indexOf(' '))}
      </span>
    ),
  )
}
