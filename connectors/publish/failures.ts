import { ActionError } from '../../src/connector.ts'
import { GitFailure } from './git.ts'

// How git, curl and ssh say it, in English.
const CREDENTIALS =
  /Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[137]|Host key verification failed|HTTP Basic: Access denied/i
const RATE_LIMIT = /returned error: 429|too many requests/i
const UNREACHABLE =
  /Could not resolve host|Failed to connect|Couldn't connect|Connection refused|Connection timed out|Network is unreachable|No route to host|returned error: 50[234]/i
const NO_BRANCH = /couldn't find remote ref/i
const NO_REPOSITORY =
  /does not appear to be a git repository|repository .* not found|returned error: 404|dubious ownership/i

/** What a failed look at the remote says: nothing was changed by it. */
export function lookFailed(error: unknown): Error {
  if (!(error instanceof GitFailure)) return error as Error
  const known = beforeSending(error)
  if (known) return known
  if (NO_BRANCH.test(error.stderr))
    return new ActionError(
      'domain',
      'publish.no_branch',
      'The remote repository has no such branch. Create it, with a first commit.',
    )
  if (NO_REPOSITORY.test(error.stderr))
    return new ActionError(
      'domain',
      'publish.no_repository',
      `There is no repository that can be read: ${error.message}. Correct its address in company.ts.`,
    )
  return new ActionError(
    'transient',
    'publish.unreachable',
    `The remote repository could not be read: ${error.message}`,
  )
}

/** What a failed push says. `moved`: someone else pushed first, and nothing was changed. */
export function pushFailed(error: unknown): Error | 'moved' {
  if (!(error instanceof GitFailure)) return error as Error
  // The one line on our branch: the flag, from:to, and what became of it (git-push, "OUTPUT").
  const line = /^!\t[^\t]*\t(.*)$/m.exec(error.stdout)?.[1]
  if (line !== undefined) {
    if (/^\[rejected\]|cannot lock ref|failed to (update|lock)/.test(line)) return 'moved'
    if (line.startsWith('[remote rejected]'))
      return new ActionError(
        'domain',
        'publish.refused',
        `The remote repository refused the push: ${line}. Its rules are changed there.`,
      )
  }
  return (
    beforeSending(error) ??
    new ActionError(
      'uncertain',
      'publish.lost',
      `The answer to the push got lost: ${error.message}. Look at the branch whether it is there.`,
    )
  )
}

/** Errors that come before a push has sent anything. */
function beforeSending(error: GitFailure): ActionError | null {
  const { stderr } = error
  if (RATE_LIMIT.test(stderr))
    return new ActionError('transient', 'publish.rate_limited', 'The remote repository takes no more requests for now.')
  if (CREDENTIALS.test(stderr))
    return new ActionError(
      'domain',
      'publish.credentials',
      `The remote repository refused the credentials: ${error.message}. Correct them in company.ts or where it reads them from.`,
    )
  if (UNREACHABLE.test(stderr))
    return new ActionError(
      'transient',
      'publish.unreachable',
      `The remote repository cannot be reached: ${error.message}`,
    )
  return null
}
