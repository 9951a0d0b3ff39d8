import { useState } from 'react'
import { useReading } from '../api.ts'
import { quoted } from '../lib/calls.ts'
import { usePages } from '../pages.ts'
import { Empty, Facts, Section, Shown, Time } from '../ui/bits.tsx'
import { Save } from '../history/came-in.tsx'
import { SameAsCommand } from '../ui/cli-line.tsx'
import { Head, Split } from '../ui/split.tsx'
import { Line, Text } from '../ui/text.tsx'
import { Value } from '../ui/value.tsx'
import { useAddress } from '../url.ts'

/** What was given to be remembered, and a question to all of it. */
export function Documents() {
  const { search, change } = useAddress()
  const [asking, setAsking] = useState(search.q ?? '')
  const documents = usePages('documents', {})
  return (
    <Shown of={documents}>
      {(data) => (
        <Split
          label="Documents"
          items={data}
          more={documents.more}
          whole={documents.whole}
          above={
            <form
              className="flex gap-2 border-b border-line px-3.5 py-2"
              onSubmit={(e) => {
                e.preventDefault()
                change({ q: asking.trim(), id: asking.trim() === '' ? undefined : 'recall' }, { keep: true })
              }}
            >
              <input
                className="field text-sm"
                type="search"
                placeholder="Ask what the company knows"
                aria-label="Ask what the company knows"
                value={asking}
                onChange={(e) => setAsking(e.target.value)}
              />
              <button className="button">Recall</button>
            </form>
          }
          empty={
            <Empty title="No document yet">
              <code className="font-mono text-xs">factotum remember FILE</code> adds one. What was said in mails is
              recalled too.
            </Empty>
          }
          choose="Choose a document, or ask"
          row={(one) => (
            <>
              <Line text={one.title} className="w-full font-medium" />
              <span className="flex gap-3 text-xs text-soft">
                <span className="flex-1">
                  {one.mediaType}, {one.characters.toLocaleString('en-GB')} characters
                </span>
                <Time at={one.at} />
              </span>
            </>
          )}
        >
          {(id) => (id === 'recall' ? <Recalled query={search.q ?? ''} /> : <Document id={id} />)}
        </Split>
      )}
    </Shown>
  )
}

function Recalled({ query }: { query: string }) {
  const found = useReading('recall', { query }, { enabled: query !== '' })
  return (
    <article>
      <Head over={<span>Recalled</span>} title={<Text text={query} />} />
      <Shown of={found}>
        {({ facts, passages, nothing }) => (
          <>
            {facts.length + passages.length === 0 && (
              <Empty title="Nothing was found">{nothing === null ? null : <Text text={String(nothing)} />}</Empty>
            )}
            {facts.length > 0 && (
              <Section title="Facts">
                <ul className="flex flex-col gap-2 text-sm">
                  {facts.map((fact, at) => (
                    <li key={at} className="border-l-2 border-line pl-3">
                      <p className="text-xs text-soft">
                        <Text text={fact.of} />
                      </p>
                      <Value value={fact.value} />
                    </li>
                  ))}
                </ul>
              </Section>
            )}
            {passages.length > 0 && (
              <Section title="Passages">
                <ul className="flex flex-col gap-3 text-sm">
                  {passages.map((passage, at) => (
                    <li key={at} className="border-l-2 border-line pl-3">
                      <Text text={passage.text} most={900} lines={16} />
                    </li>
                  ))}
                </ul>
              </Section>
            )}
          </>
        )}
      </Shown>
      <SameAsCommand text={`factotum recall ${quoted(query)}`} />
    </article>
  )
}

function Document({ id }: { id: string }) {
  const one = useReading('document', { id })
  return (
    <Shown of={one}>
      {(d) => (
        <article data-item={id}>
          <Head over={<span>{d.mediaType}</span>} title={<Text text={d.title} />}>
            {d.hasFile && <Save id={`${id}@${d.version}`} label="Save the original" />}
          </Head>
          <Section title="In short">
            <Facts
              rows={[
                ['Version', `${d.version} of ${d.versions.length}`],
                ['Added', <Time key="at" at={d.at} />],
                ['Trust', d.trust],
                ...(d.name === null ? [] : [['Name', <Text key="n" text={d.name} />] as const]),
                ...(d.about.length === 0 ? [] : [['About', <Text key="a" text={d.about.join(', ')} />] as const]),
              ]}
            />
          </Section>
          <Section title="Its text">
            <div className="max-w-prose text-sm">
              {d.text === undefined ? 'It was erased.' : <Text text={d.text} />}
            </div>
          </Section>
          <SameAsCommand text={`factotum document ${id}`} />
        </article>
      )}
    </Shown>
  )
}
