import { describe, expect, it } from 'vitest';
import { type OutageRow, outageErrors, outageMarkdown } from '../../bench/outage/report.ts';

const machine = { cpu: 'a CPU', cores: 2, memoryGb: 8, node: 'v26', platform: 'linux x64', othersShare: 0.034 };

const healthy: OutageRow = {
  strategy: 'priority',
  mode: 'works',
  calls: 10_000,
  failed: 0,
  p50Ms: 31,
  p99Ms: 40,
  maxMs: 50,
  upstreamCalls: 10_000,
  openings: 0,
  moves: 0,
  refused: 0,
  errors: [],
  machine,
};

const table = (...rows: Partial<OutageRow>[]) =>
  outageMarkdown({
    at: '2026-01-02T03:04:05Z',
    seconds: 60,
    callers: 50,
    deadlineMs: 5000,
    rows: rows.map((row) => ({ ...healthy, ...row })),
  });

describe('the table of an outage', () => {
  it('has what a row adds to the one without trouble, of its own strategy', () => {
    const other = { strategy: 'round_robin', p99Ms: 45 };
    const markdown = table({}, { mode: 'slow', p99Ms: 44, openings: 3, moves: 70 }, other, { ...other, p99Ms: 50 });
    expect(markdown).toContain('| priority | works | 10,000 | 100 % | 31.0 | 40.0 |  | 50 | 0 | 1.000 | 0 |');
    expect(markdown).toContain('| priority | slow | 10,000 | 100 % | 31.0 | 44.0 | 4.0 | 50 | 70 | 1.000 | 3 |');
    expect(markdown).toContain('| round_robin | works | 10,000 | 100 % | 31.0 | 50.0 | 5.0 |');
  });

  it.each([
    [0, '100 %'],
    [1, '99.990 %'],
    [10_000, '0.000 %'],
  ])('says of %d failed calls: %s', (failed, expected) => expect(table({ failed })).toContain(`| ${expected} |`));

  it('never says of nearly all calls that it was all', () =>
    expect(table({ calls: 10_000_000, failed: 1 })).toContain('| 99.999 % |'));

  it.each([
    [{}, 'Every call answered: met. At most 1.2 calls to providers per call: met.'],
    [{ failed: 3 }, 'Every call answered: missed by 3 calls.'],
    [{ upstreamCalls: 12_000 }, 'per call: met.'],
    [{ upstreamCalls: 12_001 }, 'per call: missed in 1 rows.'],
  ])('judges %j: %s', (row, expected) => expect(table({}, row)).toContain(expected));

  it('says where and how it was measured', () => {
    const loud = { machine: { ...machine, othersShare: 0.5 } };
    expect(table({}, loud)).toContain(
      '2026-01-02, Node v26 on linux x64, 2 cores of a CPU, 8 GB. 60 s of each trouble, 50 callers with a deadline of 5 s. ' +
        'Other processes used 3 to 50 % of the machine.',
    );
  });

  it('takes a call that was refused for want of room for an error', () => {
    const rows = [healthy, { ...healthy, mode: 'slow', refused: 2, errors: ['status 4'] }];
    expect(outageErrors({ at: '', seconds: 1, callers: 1, deadlineMs: 1, rows })).toEqual([
      'priority, slow: status 4',
      'priority, slow: 2 calls were refused for want of room',
    ]);
  });
});
