#!/usr/bin/env node
'use strict'
// Plain old JavaScript, so that an old Node can read it and say what is missing.

if (parseInt(process.versions.node, 10) < 24) {
  console.error(
    'factotum needs Node 24 or newer, and this is Node ' +
      process.versions.node +
      '.\nInstall a current one from https://nodejs.org and try again.\n' +
      '(In a clone of the repository `npm start` brings its own.)',
  )
  process.exitCode = 1
} else {
  silenceSqliteWarning()
  if (process.argv[2] === 'start') startSmall()
  void load()
    .then(function (cli) {
      return cli.main(process.argv.slice(2))
    })
    .then(function (code) {
      process.exitCode = code
    })
}

/** The clone runs its sources; what was installed runs the JavaScript built from them. */
function load() {
  if (!require('fs').existsSync(require('path').join(__dirname, '../src/cli/main.ts')))
    return import('../dist/src/cli/main.js')
  // A company in the clone imports 'factotum': the `factotum-source` condition of package.json leads it to src/ too.
  require('module').registerHooks({
    resolve: function (specifier, context, next) {
      if (!/^factotum(\/|$)/.test(specifier)) return next(specifier, context)
      return next(specifier, Object.assign({}, context, { conditions: ['factotum-source'].concat(context.conditions) }))
    },
  })
  return import('../src/cli/main.ts')
}

/**
 * Loading the program makes garbage once, and V8 keeps for good what its young generation grew to for that: 26 MiB of a process
 * that then mostly waits. It does not grow until the company listens, when `start` lets it.
 */
function startSmall() {
  require('v8').setFlagsFromString('--semi-space-growth-factor=1')
}

/** The first releases of Node 24 call their SQLite experimental at every start; every other warning still shows. */
function silenceSqliteWarning() {
  var emitWarning = process.emitWarning.bind(process)
  process.emitWarning = function (warning, type) {
    if (type === 'ExperimentalWarning' && String(warning).indexOf('SQLite') === 0) return
    return emitWarning.apply(null, arguments)
  }
}
