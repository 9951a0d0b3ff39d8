/** Writes src/server/http/results.json: of each operation the JSON Schema of its answer, from the types of the code. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { resultSchemas } from '../test/http/result-schemas.ts'

const file = fileURLToPath(new URL('../src/server/http/results.json', import.meta.url))
writeFileSync(file, `${JSON.stringify(resultSchemas(), null, 2)}\n`)
console.log(`${file} is written. "npm run format" lays it out.`)
