/** What `npm pack` ships: dist/ with the JavaScript and types of src/ and connectors/, and the files they read. */
import './deps.ts'
import { execSync } from 'node:child_process'
import { cpSync, globSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildConsole } from './build-console.ts'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('dist', { recursive: true, force: true })
execSync('tsc -p tsconfig.build.json', { stdio: 'inherit' })

// Migrations and other data lie beside the code that reads them; notes for the repository and test data stay there.
for (const file of globSync('{src,connectors}/**/*.*', {
  exclude: ['src/cli/template/**', '**/fixtures/**', '**/*.{ts,md}'],
}))
  cpSync(file, `dist/${file}`, { recursive: true })
// The template of `factotum init` is a company's source: it is shipped as it is.
cpSync('src/cli/template', 'dist/src/cli/template', { recursive: true })

await buildConsole()
