import { fileURLToPath } from 'node:url';
import { type Listening, startListening, stop } from './processes.ts';
import type { Condition, Notice, Obeyed, Order } from './upstream.ts';

const SCRIPT = fileURLToPath(new URL('upstream.ts', import.meta.url));

/** A mock upstream, which is a process of its own. */
export class MockProvider {
  readonly #listening: Listening;

  private constructor(listening: Listening) {
    this.#listening = listening;
  }

  static async start(): Promise<MockProvider> {
    return new MockProvider(await startListening(SCRIPT));
  }

  get pid(): number {
    return this.#listening.pid;
  }

  /** "host:port". */
  get address(): string {
    return this.#listening.addresses.http ?? '';
  }

  onNotice(listener: (notice: Notice) => void): void {
    this.#listening.process.on('message', (message: Notice | Obeyed) => {
      if (message.what !== 'obeyed') listener(message);
    });
  }

  /** Has it do so from now on. Gives how many requests for completions have come until then. */
  become(condition: Condition): Promise<number> {
    const { process } = this.#listening;
    return new Promise((resolve) => {
      const listener = (message: Notice | Obeyed) => {
        if (message.what !== 'obeyed') return;
        process.off('message', listener);
        resolve(message.requests);
      };
      process.on('message', listener);
      process.send({ condition } satisfies Order);
    });
  }

  async stop(): Promise<void> {
    await stop(this.#listening.process);
  }
}
