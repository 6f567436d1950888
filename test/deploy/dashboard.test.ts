import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { fileText, storedMetrics } from './documents.ts';

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly targets: readonly { readonly expr: string; readonly refId: string }[];
}

const { panels } = JSON.parse(fileText('deploy/grafana/dashboards/antiphon.json')) as {
  readonly panels: readonly Panel[];
};
const { datasources } = parse(fileText('deploy/grafana/provisioning/datasources/antiphon.yaml'));
const stored = storedMetrics();
const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

const METRIC = /\b(?:llm|process|nodejs)_[a-z_]+\b/g;

/** The labels that an expression selects or groups by. */
const labelsIn = (expr: string): string[] => [
  ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map((label) => label.trim())),
  ...[...expr.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label),
];

describe('the dashboard', () => {
  it('has panels that do not overlap', () => {
    expect(panels.length).toBeGreaterThan(9);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });

  it.each(panels.map((panel) => [panel.title, panel] as const))('%s: metrics and labels that there are', (_, panel) => {
    expect(datasources).toContainEqual(expect.objectContaining(panel.datasource));
    for (const { expr } of panel.targets) {
      const names = expr.match(METRIC) ?? [];
      expect(names.length, expr).toBeGreaterThan(0);
      expect(names.filter((name) => !stored.has(name))).toEqual([]);
      const known = names.flatMap((name) => stored.get(name) ?? []);
      expect(labelsIn(expr).filter((label) => !known.includes(label))).toEqual([]);
    }
  });
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
const promtool = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, said: `${stdout}${stderr}` };
};

describe.runIf(hasPromtool)('promtool', () => {
  it('takes the configuration of Prometheus', () => {
    const path = fileURLToPath(new URL('../../deploy/prometheus.yaml', import.meta.url));
    expect(promtool('check', 'config', path)).toMatchObject({ status: 0 });
  });

  it('can read every expression of the dashboard', () => {
    const folder = mkdtempSync(join(tmpdir(), 'antiphon-deploy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const rules = expressions.map((expr, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const path = join(folder, 'rules.json');
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    expect(promtool('check', 'rules', path)).toMatchObject({ status: 0 });
  });
});
