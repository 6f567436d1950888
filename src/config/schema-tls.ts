import { z } from 'zod';
import { describe, type TextRule, text } from './fields.ts';

const pathRule: TextRule = {
  pattern: /^[^\0]{1,4096}$/,
  problem: 'is not the path of a file',
  fix: 'Write the path of a file in PEM.',
};

const path = (description: string) => describe(text(pathRule), description);

export const tlsSchema = z
  .strictObject({
    cert: path('The file with the certificate and what leads from it to its authority, in PEM.'),
    key: path('The file with its private key, in PEM, without a passphrase.'),
    client_ca: path(
      'The file with the authorities of callers, in PEM: whoever has no certificate of theirs cannot connect. Unset: no certificate is asked for.',
    ).optional(),
    min_version: z
      .enum(['1.2', '1.3'])
      .meta({ description: 'The oldest version of TLS that callers may use.' })
      .default('1.2'),
  })
  .meta({ description: 'TLS on the ports for callers, without which they are in plain text.' });

export type TlsEntry = z.infer<typeof tlsSchema>;
