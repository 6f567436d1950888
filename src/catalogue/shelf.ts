import type { ModelFacts } from './facts.ts';

/**
 * Models of one provider, found by id. An id with a version, such as "gpt-5-2025-08-07", has the facts of the one
 * without; where only one with a version is known, the id without has its facts.
 */
export class Shelf {
  readonly models: readonly ModelFacts[];
  /** What the provider appends to an id to name one version of the model. */
  readonly versionSuffix: RegExp;
  readonly #byId: ReadonlyMap<string, ModelFacts>;

  constructor(models: readonly ModelFacts[], versionSuffix: RegExp) {
    this.models = models;
    this.versionSuffix = versionSuffix;
    const short = models.map((facts) => [this.withoutVersion(facts.id), facts] as const);
    this.#byId = new Map([...short, ...models.map((facts) => [facts.id, facts] as const)]);
  }

  find(id: string): ModelFacts | undefined {
    return this.#byId.get(id) ?? this.#byId.get(this.withoutVersion(id));
  }

  withoutVersion(id: string): string {
    return id.replace(this.versionSuffix, '');
  }
}
