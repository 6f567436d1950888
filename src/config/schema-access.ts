import { z } from 'zod';
import { roles } from '../core/roles.ts';
import { describe, flag, modelPatternRule, nameRule, type TextRule, text } from './fields.ts';
import { ONLY_REFERENCE } from './substitute.ts';

const hashRule: TextRule = {
  pattern: /^sha256:[0-9A-Fa-f]{64}$/,
  problem: 'is not the hash of a key',
  fix: 'Write "sha256:" and 64 hexadecimal digits, as "antiphon keys create" and "antiphon keys hash" print them.',
};

/** What a key must be like that people may choose: long enough not to be guessed, since its hash is quick to make. */
export const plainKeyRule: TextRule = {
  pattern: /^[!-+\--~]{16,512}$/,
  problem: 'is not a possible key of a caller',
  fix: 'Use 16 to 512 printable ASCII characters without spaces and commas; "antiphon keys create" makes a good one.',
};

export const expiryRule: TextRule = {
  pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/,
  problem: 'is not a moment',
  fix: 'Write it as RFC 3339 has it, in quotes: "2027-01-31T00:00:00Z".',
};

/** The name of a key or a team: it may stand in log lines and spans. */
export const callerNameRule = nameRule('a key or a team');

const allowedModels = (of: string) =>
  z
    .array(text(modelPatternRule))
    .min(1)
    .max(1000)
    .meta({ description: `The models that ${of} may call, of those that may be called here: as in models.allowed.` })
    .optional();

const teamSchema = z.strictObject({ allowed_models: allowedModels('the team') });

const keySchema = z.strictObject({
  name: describe(text(callerNameRule), 'What logs and spans call it. Unique.'),
  hash: describe(text(hashRule), 'The SHA-256 of the key: "sha256:" and 64 hexadecimal digits.').optional(),
  key: text(plainKeyRule)
    .meta({
      pattern: ONLY_REFERENCE.source,
      description: 'In the place of hash: a reference to a variable or a file that holds the key itself.',
    })
    .optional(),
  team: describe(text(callerNameRule), 'One of access.teams. Unset: none.').optional(),
  roles: z
    .array(z.enum(roles as ['caller', 'viewer', 'admin']))
    .min(1)
    .max(roles.length)
    .meta({
      description: 'caller: may call models. viewer: may list them, and see states and figures. admin: may do all.',
    })
    .default(['caller']),
  allowed_models: allowedModels('the key'),
  expires: describe(text(expiryRule), 'From then on the key opens nothing. RFC 3339. Unset: never.').optional(),
  revoked: flag('true: the key opens nothing.').default(false),
});

export const accessSchema = z
  .strictObject({
    auth: z
      .enum(['none'])
      .meta({ description: 'none: whoever reaches the gateway may call. Unset: whoever has one of the keys.' })
      .optional(),
    keys: z.array(keySchema).max(10_000).meta({ description: 'The keys of callers, as hashes.' }).default([]),
    teams: z
      .record(text(callerNameRule), teamSchema)
      .meta({ description: 'What callers have in common, by the name of their team.' })
      .default({}),
  })
  .meta({ title: 'Access', description: 'Who may call, and what.' });

export type KeyEntry = z.infer<typeof keySchema>;
