import type { Layer } from '../core/complete.ts';

/** Sends every call to one provider, under the model's own id: how the mock plays all others. */
export const impersonate =
  (provider: string): Layer =>
  (next) =>
  (call) =>
    next({ ...call, targets: call.targets.slice(0, 1).map(({ model }) => ({ provider, model })) });
