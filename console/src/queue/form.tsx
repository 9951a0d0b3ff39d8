import { useState } from 'react'
import type { Json } from '../../../src/lib/json.ts'
import { wordDiff } from '../lib/diff.ts'
import { fieldsOf, textOf, valueOf, withField, type Field } from '../lib/forms.ts'
import { Marked } from '../ui/text.tsx'
import { wordsOf } from '../ui/value.tsx'

/** A value as it is edited: its texts, what is wrong with them, and what they come to. */
export function useForm(value: Json) {
  const [fields] = useState(() => fieldsOf(value))
  const [texts, setTexts] = useState(() => fields.map(textOf))
  const read = fields.map((field, at) => {
    try {
      return { field, text: texts[at]!, value: valueOf(field, texts[at]!), wrong: null }
    } catch (error) {
      return { field, text: texts[at]!, value: field.value, wrong: (error as Error).message }
    }
  })
  return {
    read,
    set: (at: number, text: string) => setTexts((now) => now.map((t, n) => (n === at ? text : t))),
    result: () => read.reduce((all: Json, { field, value: to }) => withField(all, field.path, to), value),
    wrong: read.some((r) => r.wrong !== null),
    changed: read.filter(({ field, text }) => text !== textOf(field)),
  }
}

type Form = ReturnType<typeof useForm>

/** What is long and what a person reads stands first in the eye: the first long text has the focus. */
export function Fields({ form, labelled = true }: { form: Form; labelled?: boolean }) {
  const first = Math.max(
    0,
    form.read.findIndex(({ field }) => field.kind === 'long'),
  )
  return (
    <div className="flex flex-col gap-3">
      {form.read.map(({ field, text, wrong }, at) => (
        <label key={field.path.join('.')} className="flex flex-col gap-1">
          {labelled && field.path.length > 0 && (
            <span className="heading first-letter:uppercase">{field.path.map(wordsOf).join(', ')}</span>
          )}
          <Input
            field={field}
            text={text}
            focus={at === first}
            wrong={wrong !== null}
            set={(next) => form.set(at, next)}
          />
          {wrong !== null && <span className="text-xs text-bad">{wrong}</span>}
        </label>
      ))}
    </div>
  )
}

function Input(props: { field: Field; text: string; focus: boolean; wrong: boolean; set: (text: string) => void }) {
  const { field, text, focus, wrong, set } = props
  const shared = {
    autoFocus: focus,
    'aria-invalid': wrong,
    'aria-label': field.path.map(wordsOf).join(', ') || 'Answer',
    'data-field': field.path.join('.'),
  }
  if (field.kind === 'flag')
    return (
      <select {...shared} className="field" value={text} onChange={(e) => set(e.target.value)}>
        <option value="true">yes</option>
        <option value="false">no</option>
      </select>
    )
  if (field.kind === 'long' || field.kind === 'json')
    return (
      <textarea
        {...shared}
        className={`field ${field.kind === 'json' ? 'font-mono text-xs' : ''}`}
        rows={Math.min(14, Math.max(3, text.split('\n').length + 1))}
        value={text}
        spellCheck={field.kind === 'long'}
        onChange={(e) => set(e.target.value)}
      />
    )
  return (
    <input
      {...shared}
      className="field"
      inputMode={field.kind === 'number' ? 'decimal' : undefined}
      value={text}
      onChange={(e) => set(e.target.value)}
    />
  )
}

/** What the edit changes, word by word. */
export function Changes({ form }: { form: Form }) {
  if (form.changed.length === 0) return <p className="text-soft">Nothing is changed yet.</p>
  return (
    <div className="flex flex-col gap-2" data-changes>
      {form.changed.map(({ field, text }) => (
        <div key={field.path.join('.')}>
          <p className="heading mb-0.5 first-letter:uppercase">{field.path.map(wordsOf).join(', ')}</p>
          <p className="plain rounded bg-sunken px-3 py-2">
            {wordDiff(textOf(field), text).map((part, at) =>
              part.how === 'same' ? (
                <Marked key={at} text={part.text} />
              ) : part.how === 'gone' ? (
                <del key={at} className="rounded-sm bg-bad-soft text-bad">
                  <Marked text={part.text} />
                </del>
              ) : (
                <ins key={at} className="rounded-sm bg-good-soft text-good no-underline">
                  <Marked text={part.text} />
                </ins>
              ),
            )}
          </p>
        </div>
      ))}
    </div>
  )
}
