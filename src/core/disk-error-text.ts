/** An operation that the system refused a command: the facts for the message. */
export interface DiskError {
  readonly code: string;
  /** `open`, `mkdir`, `write` ... */
  readonly syscall: string;
  readonly message: string;
  readonly path: string;
  /** What lacks the rights: the path itself, or its folder. Null if it could not be examined. */
  readonly culprit: { readonly path: string; readonly uid: number } | null;
  /** Our own user id. */
  readonly uid: number;
  /** What to take ownership of: the workspace if the path is in it. */
  readonly root: string;
}

/** Quotes a word of a shell command. `"$(id -un)"` is not quoted. */
type Quote = (word: string) => string;

function access({ culprit, uid, root, code }: DiskError, quote: Quote): string {
  if (culprit === null) return 'Give yourself the rights, or use another folder.';
  const back = `sudo chown -R "$(id -un)" ${quote(root)}`;
  if (uid === 0) return 'Even root may not: the disk (a network drive?) or a protection of the system forbids it.';
  if (culprit.uid === 0) return `${culprit.path} belongs to root, as after a command with sudo. Take it back: ${back}`;
  if (culprit.uid !== uid)
    return `${culprit.path} belongs to another user (id ${culprit.uid}). Work as that user, or take it over: ${back}`;
  if (code === 'EPERM')
    return `${culprit.path} is yours, but the system forbids it. On macOS allow the terminal to use this folder (System Settings, Privacy & Security, Files and Folders); elsewhere look for a protection: lsattr -d ${quote(culprit.path)}`;
  return `${culprit.path} is yours, but its permissions forbid it: chmod -R u+rwX ${quote(culprit.path)}`;
}

const inTheWay = ({ path }: DiskError): string =>
  `Something of another kind is at ${path} or above it: a file where a folder is needed, or the other way round. Move it away.`;

const tooMany = (): string => 'This process has reached its limit of open files. Raise it: ulimit -n 4096';

type Sentence = (error: DiskError, quote: Quote) => string;

/** What a person can do, after the sentence that says what failed. */
const remedies: Readonly<Partial<Record<string, Sentence>>> = {
  EACCES: access,
  EPERM: access,
  EROFS: ({ path }) =>
    `The disk that holds ${path} is mounted read-only. Mount it writable, or use a workspace on another disk (--workspace DIR).`,
  ENOSPC: ({ path, syscall }, quote) =>
    syscall === 'watch'
      ? 'The system has reached its limit of watched files. Raise it: sudo sysctl fs.inotify.max_user_watches=524288'
      : `The disk that holds ${path} is full. Free some space (\`phasebox gc\` shows what can go; df -h ${quote(path)} shows the disk), then run the command again.`,
  EDQUOT: ({ path }) =>
    `Your quota on the disk that holds ${path} is used up. Free some space (\`phasebox gc\` shows what can go), then run the command again.`,
  EIO: ({ path }) => `The disk that holds ${path} reports an error. Check the disk and its cable or network.`,
  ENOTDIR: inTheWay,
  EISDIR: inTheWay,
  EEXIST: inTheWay,
  ELOOP: ({ path }) => `${path} is a link that leads to itself. Remove it.`,
  ENAMETOOLONG: () => 'The name is too long for this disk. Use a shorter one.',
  EMFILE: tooMany,
  ENFILE: tooMany,
  uv_cwd: () => 'The current folder is gone, or may not be read. Change to another one: cd ~',
};

const kindOf = ({ code, syscall }: Pick<DiskError, 'code' | 'syscall'>): string =>
  syscall === 'uv_cwd' ? syscall : code;

/** True for an error of the disk, its rights or its limits, which is not a fault of phasebox. */
export const isDiskError = (error: Pick<DiskError, 'code' | 'syscall'>): boolean =>
  remedies[kindOf(error)] !== undefined;

/** What failed at which path, in the system's words, and what a person can do. */
export interface DiskErrorText {
  readonly what: string;
  readonly todo: string;
}

export function diskErrorText(error: DiskError, quote: Quote): DiskErrorText {
  const said = error.message.replace(/ '[^']*'( -> '[^']*')?$/s, '').replace(` ${error.path}`, '');
  return { what: `${error.path}: ${said}.`, todo: remedies[kindOf(error)]?.(error, quote) ?? '' };
}
