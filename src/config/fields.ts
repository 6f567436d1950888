import { z } from 'zod';

/** What the text of a field must look like, and what is said when it does not. */
export interface TextRule {
  readonly pattern: RegExp;
  /** The rest of a sentence that begins with the field. */
  readonly problem: string;
  readonly fix: string;
}

/** A text that keeps a rule. The rule's words travel in the issue's `params`. */
export const text = ({ pattern, problem, fix }: TextRule) =>
  z
    .string()
    .refine((value) => pattern.test(value), { error: problem, params: { fix } })
    .meta({ pattern: pattern.source });

/** Puts a description beside what the field already says about itself. */
export const describe = <T extends z.ZodType>(field: T, description: string): T =>
  field.meta({ ...field.meta(), description });

export const whole = (least: number, most: number, description: string) =>
  z.int().min(least).max(most).meta({ description });

export const number = (least: number, most: number, description: string) =>
  z.number().min(least).max(most).meta({ description });

export const flag = (description: string) => z.boolean().meta({ description });

export const port = (description: string) => whole(0, 65_535, `${description} 0 takes any free one.`);

const DAY_MS = 24 * 60 * 60 * 1000;

/** A duration in milliseconds, at most a day. */
export const durationMs = (least: number, description: string) => whole(least, DAY_MS, description);

const MAX_BYTES = 1024 * 1024 * 1024;

/** A size in bytes, from 1 KiB to 1 GiB. */
export const bytes = (description: string) => whole(1024, MAX_BYTES, description);

export const hostRule: TextRule = {
  pattern: /^[A-Za-z0-9._:%-]{1,255}$/,
  problem: 'is not an IP address or a host name',
  fix: 'Write an address such as 127.0.0.1, ::1 or 0.0.0.0, without a port.',
};

export const providerNameRule: TextRule = {
  pattern: /^[a-z0-9][a-z0-9_-]{0,62}$/,
  problem: 'is not a possible name of a provider',
  fix: 'Use up to 63 characters of a-z, 0-9, "_" and "-", beginning with a letter or digit.',
};

/** The name of something that only the configuration knows, and that logs may show. `what`: as "a route". */
export const nameRule = (what: string): TextRule => ({
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
  problem: `is not a possible name of ${what}`,
  fix: 'Use up to 63 letters, digits, ".", "_" and "-", beginning with a letter or digit.',
});

export const modelRule: TextRule = {
  pattern: /^[!-)+-~]{1,256}$/,
  problem: 'is not a model id',
  fix: 'Write "provider/id" or "id", without spaces and stars.',
};

export const modelPatternRule: TextRule = {
  pattern: /^[!-~]{1,256}$/,
  problem: 'is not a model pattern',
  fix: 'Write "id", "provider/id", "provider/*" or "*".',
};

export const originRule: TextRule = {
  pattern: /^(?:\*|[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)$/,
  problem: 'is not the origin of a web page',
  fix: 'Write it as browsers do, such as https://app.example.com, in lower case and without a path; or "*".',
};

/** RFC 9110, section 5.6.2. */
export const headerNameRule: TextRule = {
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/,
  problem: 'is not a possible name of a header',
  fix: 'Use letters, digits and "-".',
};

export const headerValueRule: TextRule = {
  pattern: /^[\t -~]{0,8192}$/,
  problem: 'has characters that a header cannot carry, or more than 8,192',
  fix: 'Use printable ASCII on one line.',
};

export const apiKeyRule: TextRule = {
  pattern: /^[!-~]{1,8192}$/,
  problem: 'has characters that no key has, such as spaces, quotes or line breaks within it',
  fix: 'Copy the key again, without what stands around it.',
};

export const keyNameRule: TextRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/,
  problem: 'is not a possible name of a key',
  fix: 'Use up to 32 letters, digits, "_", "." and "-", and nothing of the key itself.',
};

export const requestTypeRule: TextRule = {
  pattern: /^[a-z0-9_.-]{1,64}$/,
  problem: 'is not a possible kind of task',
  fix: 'Use up to 64 characters of a-z, 0-9, "_", "-" and ".".',
};

export const cacheSecretRule: TextRule = {
  pattern: /^[!-~]{16,1024}$/,
  problem: 'is not a secret of 16 to 1,024 printable ASCII characters',
  fix: 'Make one, such as by openssl rand -hex 32.',
};

export const folderIdRule: TextRule = {
  pattern: /^[A-Za-z0-9_-]{1,64}$/,
  problem: 'is not the id of a folder',
  fix: 'Copy it from the console, such as b1g00000000000000000.',
};

export const appUrlRule: TextRule = {
  pattern: /^https?:\/\/[!-~]{1,1024}$/,
  problem: 'is not an http or https address',
  fix: 'Write it as https://app.example.com.',
};

export const appTitleRule: TextRule = {
  pattern: /^[!-~](?:[ -~]{0,126}[!-~])?$/,
  problem: 'is not a possible name of an application',
  fix: 'Use up to 128 printable ASCII characters.',
};

export const serviceNameRule: TextRule = {
  pattern: /^[!-~](?:[ -~]{0,254}[!-~])?$/,
  problem: 'is not a possible name of a service',
  fix: 'Use up to 256 printable ASCII characters.',
};

export const otlpEndpointRule: TextRule = {
  pattern: /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/[!"$->A-~]*)?$/,
  problem: 'is not the address of a collector',
  fix: 'Write http:// or https://, the host and the port, such as http://127.0.0.1:4318, without a user or query.',
};
