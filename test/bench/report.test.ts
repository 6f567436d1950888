import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, replaceBetweenMarkers, summarise, toMarkdown } from '../../bench/report.ts';
import type { Round, Scale } from '../../bench/scenario.ts';

const machine = { cpu: 'a CPU', cores: 2, memoryGb: 8, node: 'v26', platform: 'linux x64', othersShare: 0.034 };
const scale: Scale = { rounds: 1, seconds: 1, warmUpSeconds: 1, pacedStreams: 1000, pacedSeconds: 1, cancels: 1 };
const rounds = (name: string, ...values: number[]): Round[] =>
  values.map((value) => ({ metrics: { [name]: value }, errors: [] }));

describe('median', () => {
  it.each([
    [[], Number.NaN],
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 10, 2], 3],
  ])('of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

  it('has as many values below as above', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe('the table', () => {
  const table = (door: 'grpc' | 'connect', name: string, bare: number[], gateway: number[]) => {
    const report = summarise(door, { bare: rounds(name, ...bare), gateway: rounds(name, ...gateway) }, machine);
    return toMarkdown({ at: '2026-01-02T03:04:05Z', scale, doors: [report] });
  };

  it.each([
    ['callsPerSecond', 1000, 750, '| 1,000 | 750 | 0.75 (at least 0.75: met) |'],
    ['callsPerSecond', 1000, 740, '(at least 0.75: missed)'],
    ['fastCpuUsPerToken', 10, 12.5, '| 10.00 | 12.50 | 1.25 (at most 1.25: met) |'],
    ['pacedCpuUsPerToken', 10, 12.6, '(at most 1.25: missed)'],
    ['cpuUsPerCall', 100, 200, '| 100.0 | 200.0 | 2.00 |'],
    ['cancelUnaryP50Ms', 1, 2, '| 1.00 | 2.00 |  |'],
    ['idleRssMb', Number.NaN, Number.NaN, '| n/a | n/a | n/a |'],
  ])('says of %s %d and %d: %s', (name, bare, gateway, expected) => {
    expect(table('grpc', name, [bare], [gateway])).toContain(expected);
  });

  it('shows medians, and judges gRPC alone', () => {
    const markdown = table('connect', 'callsPerSecond', [100, 900, 200], [10, 50, 40]);
    expect(markdown).toContain('| 200 | 40 | 0.20 |');
  });

  it('has the machine and the number of wrong answers', () => {
    const gateway = [{ metrics: {}, errors: ['one', 'two'] }];
    const report = summarise('grpc', { bare: [], gateway }, machine);
    const markdown = toMarkdown({ at: '2026-01-02T03:04:05Z', scale, doors: [report] });
    expect(markdown).toContain('2026-01-02, Node v26 on linux x64, 2 cores of a CPU, 8 GB.');
    expect(markdown).toContain('Wrong answers: 2. Other processes used 3 % of the machine.');
    expect(report.errors).toEqual(['grpc gateway: one', 'grpc gateway: two']);
  });
});

describe('replaceBetweenMarkers', () => {
  const page = 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n';

  it('replaces what is between, and nothing else, as often as one likes', () => {
    const once = replaceBetweenMarkers(page, 'new');
    expect(once).toBe('before\n<!-- bench: begin -->\n\nnew\n\n<!-- bench: end -->\nafter\n');
    expect(replaceBetweenMarkers(once, 'new')).toBe(once);
  });

  it('refuses a page without them', () =>
    expect(() => replaceBetweenMarkers('nothing', 'new')).toThrow('bench: begin'));
});
