import { api, messageOf } from '../api.ts'
import { toast } from './toasts.tsx'

/** How long the browser may take to fetch what it was given to save. */
const FETCH_MS = 60_000

/** Gives the browser a file to save. It has no type that a browser would show: what others wrote is not opened here. */
export async function save(id: string, n?: number): Promise<void> {
  try {
    const { name, base64 } = await api.get('file', { id, ...(n === undefined ? {} : { n }) })
    const whole = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
    const url = URL.createObjectURL(new Blob([whole], { type: 'application/octet-stream' }))
    const link = document.createElement('a')
    link.href = url
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), FETCH_MS)
  } catch (error) {
    toast(messageOf(error), { bad: true })
  }
}
