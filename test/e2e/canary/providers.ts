import type { Api, ProviderKind } from '../../../src/providers/provider.ts';
import { providerKinds } from '../../../src/providers/registry.ts';
import { EXTRA_HEADER, scenarios } from './echoing-upstream.ts';

export interface CanaryProvider {
  readonly name: string;
  /** Its keys and a secret header: they look like no key, so that only those who know them can take them out. */
  readonly canaries: readonly string[];
}

export interface CanarySettings {
  readonly providers: readonly CanaryProvider[];
  readonly env: Readonly<Record<string, string>>;
  readonly file: string;
}

const KEYS_EACH = 3;

/** A kind by one of its interfaces. */
interface Face {
  readonly kind: ProviderKind;
  readonly api: Api | undefined;
}

const faces: readonly Face[] = [...providerKinds.values()].flatMap((kind) =>
  (kind.apis.length === 0 ? [undefined] : kind.apis).map((api) => ({ kind, api })),
);

const nameOf = ({ kind: { kind }, api }: Face): string => [kind.replaceAll('_', '-'), 'by', api ?? 'default'].join('-');

/** The variables with the secrets of the provider of this number: its keys, and a header. */
const secretsOf = (i: number): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(Array.from({ length: KEYS_EACH }, (_, n) => [`P${i}_${n}`, `zq${i}canary${n}birdbirdbird`])),
  [`H${i}`]: `zq${i}extrafowlfowlfowl`,
});

function entryOf(face: Face, i: number, url: string): string {
  const { kind, api } = face;
  const [first, ...others] = Array.from({ length: KEYS_EACH }, (_, n) => `"\${P${i}_${n}}"`);
  const settings = [
    `kind: ${kind.kind}`,
    `base_url: "${url}"`,
    `api_key: ${first}`,
    `api_keys: [${others.map((key) => `{ key: ${key} }`).join(', ')}]`,
    `headers: { ${EXTRA_HEADER}: "\${H${i}}" }`,
    `models: [${scenarios.join(', ')}]`,
    ...(api ? [`api: ${api}`] : []),
    ...(kind.settings.includes('folderId') ? ['folder_id: b1g00000000000000000'] : []),
  ];
  return `  ${nameOf(face)}: { ${settings.join(', ')} }`;
}

/** Every kind of provider, by each of its interfaces, with several keys and a secret header each, at one address. */
export const canarySettings = (url: string): CanarySettings => ({
  providers: faces.map((face, i) => ({ name: nameOf(face), canaries: Object.values(secretsOf(i)) })),
  env: Object.assign({}, ...faces.map((_, i) => secretsOf(i))),
  file: `providers:\n${faces.map((face, i) => entryOf(face, i, url)).join('\n')}\n`,
});
