import type { AuthFailure } from '../core/auth-failure.ts';
import type { Clock } from '../core/clock.ts';
import { type Authenticator, authenticator } from './authenticator.ts';
import { type AccessSettings, type KeySource, keyList } from './key-record.ts';

export interface AccessParts {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Is told why a caller is turned away. */
  readonly failed: (why: AuthFailure) => void;
  /** Where keys are besides those of the configuration, such as those that were made while the gateway runs. */
  readonly sources?: readonly KeySource[];
}

/** Who may call, as the configuration of the moment has it. */
export class Access implements Authenticator {
  readonly #parts: AccessParts;
  #now: Authenticator;

  constructor(settings: AccessSettings, parts: AccessParts) {
    this.#parts = parts;
    this.#now = this.#of(settings);
  }

  authenticate(...[header]: Parameters<Authenticator['authenticate']>): ReturnType<Authenticator['authenticate']> {
    return this.#now.authenticate(header);
  }

  /** From now on these keys count, and no others. Calls that were let in go on. */
  reconfigure(settings: AccessSettings): void {
    this.#now = this.#of(settings);
  }

  #of({ keys, teams, isOpenInWords }: AccessSettings): Authenticator {
    const { sources = [], ...parts } = this.#parts;
    // The configuration has the last word: keys from elsewhere do not close what it has opened.
    return authenticator({ ...parts, sources: [keyList(keys), ...(isOpenInWords ? [] : sources)], teams });
  }
}
