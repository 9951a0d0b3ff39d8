import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { FactotumError } from '../../lib/errors.ts'

export interface PdfLimits {
  readonly pages: number
  readonly characters: number
  readonly ms: number
}

const LIMITS: PdfLimits = { pages: 2_000, characters: 4_000_000, ms: 60_000 }
const MEMORY_MB = 512
const MARK = 'factotum-pdf'

interface Task {
  readonly mark: typeof MARK
  readonly bytes: Uint8Array
  readonly limits: PdfLimits
}

type Answer = { readonly text: string } | { readonly error: string }

/**
 * The text of a PDF, page after page. Read in a thread of its own, which is ended when it takes too long or too much
 * memory: a file from outside must not hold up the company. Throws `document.unreadable`.
 */
export async function pdfText(bytes: Uint8Array, limits: PdfLimits = LIMITS): Promise<string> {
  const task: Task = { mark: MARK, bytes, limits }
  const worker = new Worker(new URL(import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    execArgv: [],
    stdout: true,
    stderr: true,
  })
  let timer: NodeJS.Timeout | undefined
  try {
    const answer = await new Promise<Answer>((resolve) => {
      timer = setTimeout(() => resolve({ error: `it took more than ${limits.ms / 1_000} s to read` }), limits.ms)
      worker.once('message', resolve)
      worker.once('error', (error: Error) => resolve({ error: error.message }))
      worker.once('exit', () => resolve({ error: 'its reader ended' }))
    })
    if ('text' in answer) return answer.text
    throw new FactotumError(
      'document.unreadable',
      `This PDF cannot be read: ${answer.error}. Open it elsewhere and save it anew, or give its text.`,
    )
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

async function read({ bytes, limits }: Task): Promise<string> {
  // Loaded where it is first used: half a second that a company without PDFs never pays.
  const { getDocumentProxy } = await import('unpdf')
  const pdf = await getDocumentProxy(bytes, { useSystemFonts: false, disableFontFace: true })
  if (pdf.numPages > limits.pages) throw new Error(`it has ${pdf.numPages} pages; the limit is ${limits.pages}`)
  let text = ''
  for (let n = 1; n <= pdf.numPages; n++) {
    const page = await pdf.getPage(n)
    const { items } = await page.getTextContent()
    let lines = ''
    for (const item of items) if ('str' in item) lines += item.str + (item.hasEOL ? '\n' : '')
    text += (n === 1 ? '' : '\n\n') + lines.trim()
    if (text.length > limits.characters) throw new Error(`it has more than ${limits.characters} characters of text`)
    page.cleanup()
  }
  return text
}

if (!isMainThread && (workerData as Task | null)?.mark === MARK)
  read(workerData as Task).then(
    (text) => parentPort!.postMessage({ text } satisfies Answer),
    (error: unknown) =>
      parentPort!.postMessage({ error: error instanceof Error ? error.message : String(error) } satisfies Answer),
  )
