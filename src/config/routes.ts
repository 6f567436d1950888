import type { Route, Strategy, WeightedTarget } from '../core/policy.ts';
import type { Target } from '../core/target.ts';
import { isKept } from '../routing/strategies.ts';
import { entryName } from './routing-targets.ts';
import type { TargetEntry } from './schema-routing.ts';
import { suggestion } from './similar.ts';
import type { Path } from './tree.ts';

/** What is needed to make routes of what is written. */
export interface RouteParts {
  /** What a name of a model means. Undefined: nothing, and that was told. */
  readonly targetOf: (name: string) => Target | undefined;
  readonly report: (path: Path, problem: string, fix: string) => void;
}

/** A route as it is written somewhere. */
export interface WrittenRoute {
  readonly name: string;
  /** Where strategy and sticky are. */
  readonly path: Path;
  /** Where the targets are. */
  readonly listPath: Path;
  readonly strategy?: Strategy | undefined;
  readonly sticky?: boolean | undefined;
  readonly targets?: readonly TargetEntry[] | undefined;
}

/** A list of models is tried as it stands. */
const LEAST: Strategy = 'priority';

/** Makes a route, and reports what is wrong with it. */
export function routeOf(written: WrittenRoute, parts: RouteParts): Route {
  const { name, path, listPath, strategy = LEAST, sticky = false, targets = [] } = written;
  const { report } = parts;
  if (targets.length === 0) report(listPath, 'is missing', 'List at least one model.');
  const route = { name, strategy, sticky, targets: targetsOf(written, parts) };
  if (sticky && !isKept(route, 'any'))
    report(
      [...path, 'sticky'],
      'has no effect with this strategy',
      'Remove it, or choose a strategy that spreads calls.',
    );
  if (strategy !== 'weighted')
    targets.forEach((entry, i) => {
      if (typeof entry !== 'string' && entry.weight !== undefined)
        report(
          [...listPath, i, 'weight'],
          'has no effect with this strategy',
          'Remove it, or set strategy to weighted.',
        );
    });
  return route;
}

function targetsOf(
  { listPath, targets = [] }: WrittenRoute,
  { targetOf, report }: RouteParts,
): readonly WeightedTarget[] {
  const byName = new Map<string, WeightedTarget>();
  targets.forEach((entry, i) => {
    const target = targetOf(entryName(entry));
    if (!target) return;
    const name = targetName(target);
    if (byName.has(name)) report([...listPath, i], 'is there twice', 'Remove one.');
    const weight = typeof entry === 'string' ? 1 : (entry.weight ?? 1);
    byName.set(name, { ...target, weight });
  });
  return [...byName.values()];
}

export const targetName = ({ provider, model }: Target): string => `${provider}/${model}`;

/** The route of a name. Undefined: there is none, and that is reported. */
export function routeNamed(
  name: string,
  routes: ReadonlyMap<string, Route>,
  path: Path,
  { report }: Pick<RouteParts, 'report'>,
): Route | undefined {
  const route = routes.get(name);
  if (!route) {
    const fix = suggestion(name, [...routes.keys()], 'Add it to routing.routes, or write a list of models.');
    report(path, 'is not the name of a route', fix);
  }
  return route;
}
