import { ActionError } from '../../src/connector.ts'

export function refused(code: string, message: string): ActionError {
  return new ActionError('domain', `files.${code}`, message)
}

/** What an error of the file system says, met before anything was changed; null where it says nothing. */
export function beforeChange(error: unknown, path: string): ActionError | null {
  switch (codeOf(error)) {
    case 'ENOENT':
      return refused('missing', `${path} is not there. Check the path.`)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return refused('denied', `${path} may not be touched by this user. Change its permissions and try again.`)
    case 'ELOOP':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'ENXIO':
      return notAFile(path)
    case 'ENAMETOOLONG':
      return refused('bad_path', 'A name in the path is too long for this file system. Choose a shorter one.')
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EMFILE':
    case 'ENFILE':
    case 'EBUSY':
      return new ActionError(
        'transient',
        'files.full',
        `The disk took no more for ${path} (${codeOf(error)}). Nothing was changed; make room.`,
      )
    default:
      return null
  }
}

export function notAFile(path: string): ActionError {
  return refused('not_a_file', `${path} is, or leads over, something that is no plain file or folder, such as a link.`)
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
