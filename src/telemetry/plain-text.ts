import type { Redact } from '../core/redact.ts';

/** How much of a text is worth reading: a bound on the time that masking secrets takes. */
const MAX_READ = 4096;

/**
 * Characters that JSON leaves as they are and a terminal may obey: DEL, the C1 controls, line separators, and those
 * that turn the direction of text.
 */
const OBEYED = /[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Text from elsewhere as a log may have it: no secrets, nothing a terminal obeys, not too long. */
export function plainText(text: string, redact: Redact, maxCharacters: number): string {
  const cut = text.length > MAX_READ;
  const masked = redact(cut ? wholeWords(text) : text).replace(OBEYED, escaped);
  return cut || masked.length > maxCharacters ? `${masked.slice(0, maxCharacters - 3)}...` : masked;
}

/** A secret that a cut halves would no longer be known as one, so the word at the cut goes too. */
const wholeWords = (text: string): string => /^[\s\S]*\s/.exec(text.slice(0, MAX_READ))?.[0] ?? '';

/** Whether a text can be written as it is. */
export const isPlain = (text: string, redact: Redact): boolean => text.search(OBEYED) < 0 && redact(text) === text;

/** What the log says of an Error. */
export interface LoggedError {
  readonly name: string;
  readonly code?: string;
  /** Where it was made: the file with its folder, line and column. */
  readonly at?: string;
}

const MAX_NAME = 64;
const MAX_PLACE = 100;

/**
 * An error for the log: what it is and where it was made. Its message is left out, since runtimes quote what they
 * worked on (JSON.parse, for one, repeats some of the text), and so is the stack, which begins with the message.
 */
export function loggedError(thrown: unknown, redact: Redact): LoggedError {
  if (!(thrown instanceof Error)) return { name: typeof thrown };
  const code = 'code' in thrown && ['string', 'number'].includes(typeof thrown.code) ? String(thrown.code) : '';
  const at = place(thrown);
  return {
    name: plainText(String(thrown.name), redact, MAX_NAME),
    ...(code && { code: plainText(code, redact, MAX_NAME) }),
    ...(at && { at: plainText(at, redact, MAX_PLACE) }),
  };
}

/** Of the innermost frame, `folder/file.ts:line:column`: more of the path would tell how the machine is set up. */
function place({ stack = '', message }: Error): string | undefined {
  const begin = stack.indexOf(message);
  const frames = begin < 0 ? '' : stack.slice(begin + message.length);
  return /^\s+at .*?((?:[\w.@-]+[/\\])?[\w.-]+:\d+:\d+)\)?$/m.exec(frames)?.[1];
}
