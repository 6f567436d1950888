import type { ApiKey } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { ErrorKind, GatewayError } from '../../core/errors.ts';

/** Why a provider may refuse a key. Another key may well be taken. */
export type KeyRefusal = Extract<ErrorKind, 'upstream_auth' | 'upstream_billing' | 'upstream_rate_limited'>;

/**
 * How long a key is left alone, in milliseconds, unless the provider names a time. A refused one may be put right at
 * the provider without the gateway being told, so that it is tried again now and then.
 */
const restMs: Readonly<Record<KeyRefusal, number>> = {
  upstream_auth: 5 * 60_000,
  upstream_billing: 15 * 60_000,
  upstream_rate_limited: 5_000,
};

/** Every reason for which a key may be left alone. */
export const keyRefusals: readonly KeyRefusal[] = ['upstream_auth', 'upstream_billing', 'upstream_rate_limited'];

const isRefusal = (kind: ErrorKind): kind is KeyRefusal => Object.hasOwn(restMs, kind);

/** Why the provider refused the key; undefined: the key is not what was wrong. */
export const refusalOf = ({ kind }: GatewayError): KeyRefusal | undefined => (isRefusal(kind) ? kind : undefined);

/** A key that is left alone for a while. */
export interface KeyAside {
  readonly name: string;
  readonly kind: KeyRefusal;
  /** By the clock. */
  readonly untilMs: number;
}

interface Refused extends KeyAside {
  /** Which refusal it was, counted from 1. */
  readonly number: number;
}

/** The keys of one provider: which one is next, and which are left alone. */
export class KeyRing {
  readonly #keys: readonly ApiKey[];
  readonly #clock: Pick<Clock, 'now' | 'random'>;
  readonly #aside = new Map<ApiKey, Refused>();
  #refusals = 0;

  constructor(keys: readonly ApiKey[], clock: Pick<Clock, 'now' | 'random'>) {
    this.#keys = keys;
    this.#clock = clock;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** How often any key was refused so far. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Those left alone now, in the order of the configuration. */
  get aside(): readonly KeyAside[] {
    return this.#keys.flatMap((key) => {
      const aside = this.#restOf(key);
      return aside ? [{ name: aside.name, kind: aside.kind, untilMs: aside.untilMs }] : [];
    });
  }

  /**
   * A key for a call, by chance and weight. If all are left alone, the one whose time is up first: a provider that
   * refuses for another reason than the key must not be lost for good. Undefined: there is no key.
   */
  first(): ApiKey | undefined {
    return this.another(new Set()) ?? this.#keys.toSorted((a, b) => this.#restMs(a) - this.#restMs(b))[0];
  }

  /** In how long another key can be used, in milliseconds, if that is sooner than this one can. Undefined: it is not. */
  soonerThan(key: ApiKey): number | undefined {
    const waitMs = Math.min(...this.#keys.map((each) => this.#restMs(each)));
    return waitMs < this.#restMs(key) ? waitMs : undefined;
  }

  /** One that is neither left alone nor among those tried, by chance and weight; undefined: there is none. */
  another(tried: ReadonlySet<ApiKey>): ApiKey | undefined {
    const able = this.#keys.filter((key) => !tried.has(key) && !this.#restOf(key));
    let left = this.#clock.random() * able.reduce((sum, { weight }) => sum + weight, 0);
    for (const key of able) {
      left -= key.weight;
      if (left < 0) return key;
    }
    return able.at(-1);
  }

  /**
   * The provider refused it: it is left alone for as long as the provider says, or a usual time, and never for less than
   * it was to be already. Undefined: it was left alone already, so that there is no news.
   */
  refused(key: ApiKey, kind: KeyRefusal, waitMs = restMs[kind]): KeyAside | undefined {
    const before = this.#restOf(key);
    const aside = { name: key.name, kind, untilMs: this.#clock.now() + waitMs };
    const number = ++this.#refusals;
    const longer = before && before.untilMs > aside.untilMs ? before : aside;
    this.#aside.set(key, { ...longer, number });
    return before ? undefined : aside;
  }

  /**
   * The provider took it: whatever was wrong is over. `upTo` are the refusals that came before it was asked: what was
   * refused since is news, and an older call that ends well is not.
   */
  taken(key: ApiKey, upTo = this.#refusals): void {
    if (this.#aside.size === 0) return;
    if ((this.#aside.get(key)?.number ?? 0) <= upTo) this.#aside.delete(key);
  }

  #restOf(key: ApiKey): Refused | undefined {
    const aside = this.#aside.get(key);
    return aside && aside.untilMs > this.#clock.now() ? aside : undefined;
  }

  /** For how long it is still left alone. */
  #restMs(key: ApiKey): number {
    return Math.max((this.#aside.get(key)?.untilMs ?? 0) - this.#clock.now(), 0);
  }
}
