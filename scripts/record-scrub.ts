import { Buffer } from 'node:buffer';
import { redactor } from '../src/core/redact.ts';

/** What stands where a mail address stood. */
const MAIL = 'someone@example.com';

const MAILS = /[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}/g;

/** A whole string of JSON that is an id as providers make them, such as "chatcmpl-CVx3..." or "req_011C...". */
const IDS =
  /"(?:(chatcmpl(?:-tool)?|cmpl|msg|resp|req|rs|fc|ws|call|toolu|srvtoolu|gen|org|proj|user|acct|file|batch|container|wrkspc|fp)([-_]))[A-Za-z0-9_-]{8,}"/g;

const UUIDS = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;

/** Fields whose value says whose an answer is, whatever it looks like. */
const OWNERS =
  /"(organi[sz]ation(?:_id)?|org_id|project(?:_id|Id)?|user_id|account(?:_id)?|workspace_id|folder_id|folderId|safety_identifier|x-request-id|request_id|request-id|responseId|system_fingerprint)"(\s*:\s*)"((?:[^"\\]|\\.)+)"/g;

/** Takes out of a text what must not be kept. Equal values get equal placeholders, for as long as it is used. */
export type Scrub = (text: string) => string;

/** What stands for the folder that Yandex Cloud bills. */
export const FOLDER = 'b1g00000000000000000';

/** Makes a scrubber that knows these secrets, and the folder that is billed. */
export function scrubber(secrets: readonly string[], folderId: string = FOLDER): Scrub {
  const redact = redactor(secrets);
  const placeholders = new Map<string, string>();
  const counts = new Map<string, number>();
  const placeholder = (value: string, kind: string, make: (n: number) => string): string => {
    const known = placeholders.get(value);
    if (known !== undefined) return known;
    const n = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, n);
    placeholders.set(value, make(n));
    return make(n);
  };
  return (text) =>
    redact(text.replaceAll(folderId, FOLDER))
      .replace(MAILS, MAIL)
      .replace(IDS, (id: string, word: string, dash: string) => placeholder(id, word, (n) => `"${word}${dash}${n}"`))
      .replace(UUIDS, (id) => placeholder(id, 'uuid', (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`))
      .replace(OWNERS, (whole, name: string, colon: string, value: string) =>
        PLACEHOLDER.test(value) ? whole : `"${name}"${colon}"${placeholder(value, name, (n) => `${name}-${n}`)}"`,
      );
}

/** What stands for an id already. */
const PLACEHOLDER = /^[A-Za-z_-]+[-_]\d{1,4}$|^00000000-0000-4000-8000-\d{12}$/;

/** Shorter ones are no keys, and would be found in ordinary words. */
const SHORTEST_SECRET = 6;

/** The forms in which a secret may come back. */
const formsOf = (secret: string): readonly string[] => [
  secret,
  secret.toLowerCase(),
  encodeURIComponent(secret),
  JSON.stringify(secret).slice(1, -1),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(secret).toString('base64url'),
  Buffer.from(secret).toString('hex'),
];

/** Whether a text still holds a secret, as it is or in another form, or anything that looks like a key. */
export function holdsSecret(text: string, secrets: readonly string[]): boolean {
  if (redactor([])(text) !== text) return true;
  const found = [text, text.toLowerCase()];
  return secrets
    .filter(({ length }) => length >= SHORTEST_SECRET)
    .flatMap(formsOf)
    .some((form) => found.some((one) => one.includes(form)));
}
