import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { FactotumError } from '../lib/errors.ts'
import type { Company } from '../server/company.ts'

/** The company meant: the folder given, else this one, else (in the clone) the sample. Throws `company.not_found`. */
export function companyFolder(given: string | undefined): string {
  const here = resolve(given ?? process.env.FACTOTUM_COMPANY ?? '.')
  for (const folder of given === undefined ? [here, join(here, 'examples/studio')] : [here]) {
    if (existsSync(join(folder, 'company.ts')) || existsSync(join(folder, 'company.js'))) return folder
  }
  throw new FactotumError(
    'company.not_found',
    `There is no company.ts in ${here}. Go to a company's folder, name it with --company, or make one with "factotum init <folder>".`,
  )
}

/** Loads what `company.ts` declares. Throws `company.invalid`, `company.no_module`, and whatever its code throws. */
export async function loadCompany(folder: string): Promise<Company> {
  const file = ['company.ts', 'company.js'].map((name) => join(folder, name)).find((path) => existsSync(path))!
  const loaded = (await import(pathToFileURL(file).href).catch((cause: unknown) => {
    // A package.json above it says "commonjs", as `npm init -y` writes it.
    if (!(cause instanceof SyntaxError && cause.message.includes('outside a module'))) throw cause
    throw new FactotumError(
      'company.no_module',
      `${file} is a module, and the package.json that it belongs to says that it is none. Write "type": "module" into it.`,
      { cause },
    )
  })) as { default?: Partial<Company> }
  const declared = loaded.default
  if (!declared || typeof declared.name !== 'string' || !Array.isArray(declared.workflows)) {
    throw new FactotumError(
      'company.invalid',
      `${file} does not export a company. It should say: export default company({ name: "…" }).`,
    )
  }
  return declared as Company
}
