import { createPrivateKey, X509Certificate } from 'node:crypto';
import { fileText, type ReadFile } from './file-text.ts';
import type { Problem } from './problem.ts';
import type { TlsEntry } from './schema-tls.ts';

/** With what the ports for callers prove who they are, and ask callers to. All in PEM. */
export interface TlsConfig {
  readonly cert: string;
  readonly key: string;
  /** The authorities of callers. Undefined: callers need no certificate. */
  readonly clientCa: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

const LARGEST = { bytes: 256 * 1024, words: '256 KiB' };

/** Reads the files. Of a file that is of no use there is a problem, and then no TLS in what is given. */
export function tlsOf(
  entry: TlsEntry | undefined,
  readFile: ReadFile,
): { readonly tls: TlsConfig | undefined; readonly problems: readonly Problem[] } {
  if (!entry) return { tls: undefined, problems: [] };
  const problems: Problem[] = [];
  const report = (name: string, problem: string, fix: string) =>
    problems.push({ path: `server.tls.${name}`, problem, fix });
  const read = (name: string, path: string | undefined) => {
    const content = path === undefined ? '' : fileText(path, readFile, LARGEST, 'regular');
    if (typeof content === 'string') return content;
    report(name, content.problem, 'See that it is the path of a file that this process may read.');
    return undefined;
  };
  const cert = read('cert', entry.cert);
  const key = read('key', entry.key);
  const clientCa = read('client_ca', entry.client_ca);
  if (cert === undefined || key === undefined || clientCa === undefined) return { tls: undefined, problems };
  checkPair(cert, key, report);
  if (clientCa !== '' && !certificate(clientCa)) report('client_ca', NO_CERTIFICATE, IN_PEM);
  if (problems.length > 0) return { tls: undefined, problems };
  return { tls: { cert, key, clientCa: clientCa || undefined, minVersion: `TLSv${entry.min_version}` }, problems };
}

const NO_CERTIFICATE = 'names a file without a certificate';
const IN_PEM = 'It must hold one in PEM, which begins with "-----BEGIN CERTIFICATE-----".';

function checkPair(cert: string, key: string, report: (name: string, problem: string, fix: string) => void): void {
  const first = certificate(cert);
  const own = privateKey(key);
  if (!first) report('cert', NO_CERTIFICATE, IN_PEM);
  if (!own) report('key', 'names a file without a private key', 'It must hold one in PEM, without a passphrase.');
  if (first && own && !first.checkPrivateKey(own))
    report('key', 'names a key that is not that of the certificate', 'Put the two in place together.');
}

function certificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function privateKey(pem: string) {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
