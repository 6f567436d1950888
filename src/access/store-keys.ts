import { anonymous } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { StoredDocument, Version } from '../stores/document.ts';
import { storeUnavailable } from '../stores/unavailable.ts';
import { digestOf } from './digest.ts';
import type { AccessSettings, KeyRecord, KeySource } from './key-record.ts';
import { newKey } from './new-key.ts';
import type { StoredKey } from './stored-key.ts';

export interface StoreKeysParts {
  readonly document: StoredDocument<readonly StoredKey[]>;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** What the configuration of the moment says of who may call. */
  readonly configured: () => AccessSettings;
}

/** A key, and where it is. */
export interface PlacedRecord {
  readonly record: KeyRecord;
  readonly isConfigured: boolean;
}

/** What a key is to be. All of it has been checked. */
export type WantedKey = Pick<KeyRecord, 'name' | 'team' | 'roles' | 'allowedModels' | 'expiresMs'>;

const MAX_KEYS = 10_000;
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** What opens nothing is shown for so long, and goes with the next change after that. */
const SHOWN_MS = 400 * 24 * 60 * 60 * 1000;

/**
 * Keys that were made while the gateway runs, in the store that replicas share. They are looked up in what was last read
 * of it, which a store that fails leaves as it is.
 *
 * Where the configuration has a key of the same name, that one counts, and the one of the store opens nothing. Neither
 * does one whose team is not in the configuration: nobody would know what it may call.
 */
export class StoreKeys implements KeySource {
  readonly #parts: StoreKeysParts;
  #index: { readonly keys: unknown; readonly settings: unknown; readonly byDigest: ReadonlyMap<string, KeyRecord> } = {
    keys: undefined,
    settings: undefined,
    byDigest: new Map(),
  };

  constructor(parts: StoreKeysParts) {
    this.#parts = parts;
  }

  /** Also if none of them opens anything: that there are keys is no reason to let everybody in. */
  get hasKeys(): boolean {
    return this.#parts.document.current.content.length > 0;
  }

  find(digest: string): KeyRecord | undefined {
    const { document, configured } = this.#parts;
    const [keys, settings] = [document.current.content, configured()];
    if (this.#index.keys !== keys || this.#index.settings !== settings)
      this.#index = { keys, settings, byDigest: byDigest(keys, settings) };
    return this.#index.byDigest.get(digest);
  }

  /** Those of the configuration and those of the store, ordered by name. */
  list(): readonly PlacedRecord[] {
    const settings = this.#parts.configured();
    const taken = namesIn(settings);
    const configured = settings.keys.map((record) => ({ record, isConfigured: true }));
    const stored = this.#parts.document.current.content
      .filter(({ name }) => !taken.has(name.toLowerCase()))
      .map((key) => ({ record: recordOf(key), isConfigured: false }));
    return [...configured, ...stored].toSorted((a, b) => (a.record.name < b.record.name ? -1 : 1));
  }

  /** Makes a key, which is known from then on by its digest alone. Errors: GatewayError. */
  async create(wanted: WantedKey): Promise<{ readonly key: string; readonly record: KeyRecord }> {
    const key = newKey();
    const made: StoredKey = { ...wanted, digest: digestOf(key) };
    await this.#change(({ content }) => {
      const taken = namesIn(this.#parts.configured());
      for (const { name } of content) taken.add(name.toLowerCase());
      if (taken.has(wanted.name.toLowerCase())) throw nameTaken();
      const keys = [...content.filter((each) => this.#isWorthShowing(each)), made];
      if (keys.length > MAX_KEYS || JSON.stringify(keys).length > MAX_CHARACTERS) throw noRoom();
      return keys;
    });
    return { key, record: recordOf(made) };
  }

  /** Ends a key. Again: nothing happens. Errors: GatewayError. */
  async revoke(name: string): Promise<KeyRecord> {
    const revokedMs = Math.floor(this.#parts.clock.wallMs());
    if (namesIn(this.#parts.configured()).has(name.toLowerCase())) throw notHere();
    const { content } = await this.#change(({ content: keys }) => {
      const found = keys.find((key) => key.name === name);
      if (!found) throw new GatewayError('not_found', 'There is no key of this name. ListKeys tells which there are.');
      if (found.revokedMs !== undefined) return undefined;
      return keys.map((key) => (key === found ? { ...key, revokedMs } : key));
    });
    const revoked = content.find((key) => key.name === name);
    if (!revoked) throw new GatewayError('conflict', 'The key was removed meanwhile.');
    return recordOf(revoked);
  }

  async #change(
    next: (now: Version<readonly StoredKey[]>) => readonly StoredKey[] | undefined,
  ): Promise<Version<readonly StoredKey[]>> {
    try {
      return await this.#parts.document.change(next);
    } catch (thrown) {
      throw storeUnavailable(thrown);
    }
  }

  #isWorthShowing({ revokedMs, expiresMs }: StoredKey): boolean {
    const endedMs = Math.min(revokedMs ?? Number.POSITIVE_INFINITY, expiresMs ?? Number.POSITIVE_INFINITY);
    return this.#parts.clock.wallMs() - endedMs < SHOWN_MS;
  }
}

/** In lower case, as the configuration tells names apart. */
const namesIn = ({ keys }: AccessSettings): Set<string> =>
  new Set([anonymous.name, ...keys.map(({ name }) => name.toLowerCase())]);

function byDigest(keys: readonly StoredKey[], settings: AccessSettings): ReadonlyMap<string, KeyRecord> {
  const taken = namesIn(settings);
  const usable = keys.filter(
    ({ name, team }) => !taken.has(name.toLowerCase()) && (team === '' || settings.teams.has(team)),
  );
  return new Map(usable.map((key) => [key.digest, recordOf(key)]));
}

const recordOf = ({ name, digest, team, roles, allowedModels, expiresMs, revokedMs }: StoredKey): KeyRecord => ({
  ...{ name, digest, team, roles, allowedModels, expiresMs },
  isRevoked: revokedMs !== undefined,
});

const nameTaken = () =>
  new GatewayError('already_exists', 'There is a key of this name, or was one that is still shown. Choose another.');

const notHere = () =>
  new GatewayError(
    'failed_precondition',
    'This key is in the configuration, and is to be ended there: set revoked, or remove it.',
  );

const noRoom = () =>
  new GatewayError(
    'failed_precondition',
    'There are too many keys already, or they take too much room. Name fewer models in each, such as by patterns, or keep keys in the configuration.',
  );
