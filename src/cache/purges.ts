import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import type { Store } from '../stores/store.ts';
import type { Entry } from './entry.ts';

/** What is removed: all answers of a tenant, all of a model (as "provider/model"), or all there are. */
export type PurgeScope = { readonly tenant: string } | { readonly model: string } | 'all';

const RECORD = 'cache:purged';
const HOUR_MS = 3_600_000;

/** Longer than any answer is kept: after that, nothing is left that the purge was about. */
const REMEMBERED_MS = 25 * HOUR_MS;

/** How long another process may go on giving what was purged. */
const FRESH_MS = 5_000;

/** More scopes than this become one purge of everything. */
const MAX_SCOPES = 1_000;
const ATTEMPTS = 5;

interface Purge {
  readonly scope: string;
  /** Part of the keys of all answers in the scope that were made since. */
  readonly mark: string;
  /** In milliseconds since 1970. */
  readonly untilMs: number;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22);

const ALL = digest('all');
const tenantScope = (tenant: string): string => digest(`tenant ${tenant}`);
const modelScope = (model: string): string => digest(`model ${model}`);

function scopeText(scope: PurgeScope): string {
  if (scope === 'all') return ALL;
  return 'tenant' in scope ? tenantScope(scope.tenant) : modelScope(scope.model);
}

/**
 * What was removed from a store that several processes share. Nothing is looked for there: each purge gives its scope a
 * new mark, which is part of the keys, so that what was kept before is not found any more and goes when its time is up.
 */
export class Purges {
  readonly #store: Pick<Store, 'get' | 'compareAndSet'> | undefined;
  readonly #clock: Pick<Clock, 'now' | 'wallMs'>;
  #marks = new Map<string, string>();
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(store: Pick<Store, 'get' | 'compareAndSet'> | undefined, clock: Pick<Clock, 'now' | 'wallMs'>) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The end of the key of an answer. */
  markOf({ tenant, model }: Entry): string {
    if (this.#marks.size === 0) return '';
    const marks = [ALL, tenantScope(tenant), modelScope(model)].map((scope) => this.#marks.get(scope) ?? '');
    return marks.every((mark) => mark === '') ? '' : `.${marks.join('.')}`;
  }

  /** Undefined: what is known is fresh enough. Else it resolves when it is again, or cannot be. Never rejects. */
  refresh(): Promise<void> | undefined {
    if (!this.#store || this.#clock.now() - this.#readAtMs < FRESH_MS) return undefined;
    this.#reading ??= this.#read(this.#store).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Errors: StoreError; then other processes may not know of it. */
  async add(scope: PurgeScope): Promise<void> {
    if (!this.#store) return;
    const made = { scope: scopeText(scope), mark: randomBytes(6).toString('hex') };
    this.#marks.set(made.scope, made.mark);
    await this.#write(this.#store, { ...made, untilMs: this.#clock.wallMs() + REMEMBERED_MS });
  }

  async #read(store: Pick<Store, 'get'>): Promise<void> {
    try {
      this.#learn(parse(await store.get(RECORD)));
    } catch {
      // What is known stays; the next call but some seconds asks again.
    }
    this.#readAtMs = this.#clock.now();
  }

  async #write(store: Pick<Store, 'get' | 'compareAndSet'>, made: Purge): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = await store.get(RECORD);
      const others = parse(before).filter(
        ({ scope, untilMs }) => scope !== made.scope && untilMs > this.#clock.wallMs(),
      );
      const next = others.length < MAX_SCOPES ? [...others, made] : [{ ...made, scope: ALL }];
      const bytes = new TextEncoder().encode(JSON.stringify(next.map((each) => [each.scope, each.mark, each.untilMs])));
      if (await store.compareAndSet(RECORD, before, bytes, REMEMBERED_MS)) return this.#learn(next);
    }
  }

  #learn(purges: readonly Purge[]): void {
    this.#marks = new Map(purges.map(({ scope, mark }) => [scope, mark]));
  }
}

/** What is not such a record, as after a change of format, counts as none. */
function parse(bytes: Uint8Array | undefined): Purge[] {
  if (!bytes) return [];
  try {
    const rows: [string, string, number][] = JSON.parse(new TextDecoder().decode(bytes));
    return rows.map(([scope, mark, untilMs]) => ({ scope: String(scope), mark: String(mark), untilMs }));
  } catch {
    return [];
  }
}
