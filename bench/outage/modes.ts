import type { MockProvider } from '../mock-provider.ts';
import type { Condition } from '../upstream.ts';

/** What is wrong with one of the providers. */
export interface Mode {
  readonly name: string;
  /** Brings it about. What it gives ends it, and resolves when the provider works again. */
  begin(provider: MockProvider): Promise<() => Promise<void>>;
}

const lasting = (name: string, condition: Condition): Mode => ({
  name,
  async begin(provider) {
    await provider.become(condition);
    return async () => void (await provider.become('working'));
  },
});

const FLAP_MS = 5_000;

const flapping: Mode = {
  name: 'flapping: 503 for 5 s, works for 5 s',
  async begin(provider) {
    let condition: Condition = 'working';
    const flap = () => {
      condition = condition === 'working' ? 'failing' : 'working';
      return provider.become(condition);
    };
    await flap();
    const timer = setInterval(flap, FLAP_MS);
    return async () => {
      clearInterval(timer);
      await provider.become('working');
    };
  },
};

/** The first is what the others are held against. */
export const modes: readonly Mode[] = [
  lasting('works', 'working'),
  lasting('failing: 503 at once', 'failing'),
  lasting('gone: connections refused', 'gone'),
  lasting('slow: 10 s to the first byte', 'slow'),
  flapping,
];
