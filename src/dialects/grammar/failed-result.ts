import { adjusted } from '../../core/warnings.ts';
import type { Warnings } from './warnings.ts';

/** What a failed tool said, for a wire that has no mark for a failure. */
export const failedText = (text: string): string => `Error: ${text || 'nothing more is known.'}`;

/** Warns that a failure was sent as `failedText`. `path` is that of the result. */
export const warnOfFailedText = (path: string, warnings: Warnings): void =>
  warnings.add(adjusted(`${path}.is_error`, 'is_error was sent as words before the text.'));
