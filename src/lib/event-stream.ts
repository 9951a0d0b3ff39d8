export interface StreamMessage {
  /** The last id that was named, in this message or one before it; empty where none was. */
  readonly id: string
  readonly event: string
  readonly data: string
}

/**
 * The messages of a `text/event-stream` (HTML, "Server-sent events", 9.2.6); one that only names its id comes as well. `heard` is told of every piece that comes, comments
 * too. What is cut off in the middle of a message is dropped. Throws what the stream throws.
 */
export async function* readEventStream(
  stream: ReadableStream<Uint8Array>,
  heard: () => void = () => {},
): AsyncGenerator<StreamMessage> {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  let rest = ''
  let id = ''
  let named = ''
  let event = ''
  let data: string[] = []
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heard()
      rest += decoder.decode(value, { stream: true })
      // A CR at the end may be the first half of a CRLF.
      const lines = rest.split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop()!
      for (const line of lines) {
        if (line !== '') {
          const colon = line.indexOf(':')
          const field = colon < 0 ? line : line.slice(0, colon)
          const said = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
          if (field === 'data') data.push(said)
          else if (field === 'event') event = said
          else if (field === 'id' && !said.includes('\0')) id = said
          continue
        }
        if (data.length > 0 || id !== named) yield { id, event: event || 'message', data: data.join('\n') }
        data = []
        event = ''
        named = id
      }
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}
