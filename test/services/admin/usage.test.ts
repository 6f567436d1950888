import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GetUsageReportRequestSchema } from '#gen/antiphon/v1/admin_service_pb.js';
import { toGatewayError } from '../../../src/core/errors.ts';
import { type ReportQuery, type UsageReport, usageAdmin } from '../../../src/services/admin/usage.ts';
import { unmeasured } from '../../../src/usage/row.ts';
import { inboundOf } from '../../support/requests.ts';

type Request = MessageInitShape<typeof GetUsageReportRequestSchema>;

const counts = { ...unmeasured, calls: 1 };

function scene(report: UsageReport = { groups: [], total: unmeasured }) {
  const asked: ReportQuery<string>[] = [];
  const { getUsageReport } = usageAdmin<string>({
    divisions: () => ['day', 'team', 'key', 'provider', 'model', 'label:project', 'label:stage'],
    today: () => '2026-11-21',
    async report(query) {
      asked.push(query);
      return report;
    },
  });
  const ask = (request: Request) => getUsageReport(create(GetUsageReportRequestSchema, request), inboundOf());
  return {
    asked,
    ask,
    /** The fields that are at fault. */
    async faults(request: Request): Promise<(string | undefined)[]> {
      const error = toGatewayError(await ask(request).catch((thrown: unknown) => thrown));
      expect(error.kind).toBe('invalid_request');
      expect(asked).toEqual([]);
      return (error.facts.violations ?? []).map(({ field }) => field);
    },
  };
}

describe('GetUsageReport', () => {
  it.each<[Request, string[]]>([
    [{ fromDay: 'yesterday' }, ['from_day']],
    [{ fromDay: 'yesterday', toDay: 'today' }, ['from_day', 'to_day']],
    [{ fromDay: '2026-02-30' }, ['from_day']],
    [{ fromDay: '2026-2-3' }, ['from_day']],
    [{ toDay: '2026-13-01' }, ['to_day']],
    [{ fromDay: '2026-11-22' }, ['from_day']],
    [{ fromDay: '2026-11-21', toDay: '2026-11-20' }, ['from_day']],
    [{ fromDay: '2025-11-19', toDay: '2026-11-21' }, ['to_day']],
    [{ groupBy: ['colour'] }, ['group_by[0]']],
    [{ groupBy: ['team', 'label:colour'] }, ['group_by[1]']],
    [{ groupBy: ['team', 'team'] }, ['group_by[1]']],
    [{ groupBy: ['', ''] }, ['group_by[0]', 'group_by[1]', 'group_by[1]']],
    [{ groupBy: ['day', 'team', 'key', 'provider', 'model', 'label:project', 'label:stage'] }, ['group_by']],
    [{ filter: { colour: 'red' } }, ['filter']],
    [{ filter: { 'label:colour': 'red' } }, ['filter']],
    [{ filter: { team: 'x'.repeat(513) } }, ['filter']],
    [{ limit: 10_001 }, ['limit']],
    [{ fromDay: '?', limit: 99_999, groupBy: ['?'] }, ['from_day', 'group_by[0]', 'limit']],
  ])('refuses %j', async (request, fields) => {
    expect(await scene().faults(request)).toEqual(fields);
  });

  it.each<[Request, Partial<ReportQuery<string>>]>([
    [{}, { from: '2026-11-21', to: '2026-11-21', by: [], where: {} }],
    [{ toDay: '2026-10-01' }, { from: '2026-10-01', to: '2026-10-01' }],
    [{ fromDay: '2026-10-01' }, { from: '2026-10-01', to: '2026-11-21' }],
    [{ fromDay: '2025-11-20' }, { from: '2025-11-20', to: '2026-11-21' }],
    [{ fromDay: '2024-02-29', toDay: '2024-02-29' }, { from: '2024-02-29' }],
    [{ groupBy: ['model', 'label:project'] }, { by: ['model', 'label:project'] }],
    [{ filter: { team: '', 'label:stage': 'test' } }, { where: { team: '', 'label:stage': 'test' } }],
    [{ limit: 10_000 }, {}],
  ])('takes %j', async (request, query) => {
    const { ask, asked } = scene();
    await ask(request);
    expect(asked).toMatchObject([query]);
  });

  it('gives no more rows than asked for, and the total of all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(3_000), fc.nat(10_000), async (size, limit) => {
        const groups = Array.from({ length: size }, (_, i) => ({ values: [`${i}`], counts }));
        const { ask } = scene({ groups, total: { ...unmeasured, calls: size } });
        const { rows, total } = await ask({ groupBy: ['key'], limit });
        expect(rows.map(({ values }) => values[0])).toEqual(
          groups.slice(0, limit || 1_000).map(({ values }) => values[0]),
        );
        expect(total).toMatchObject({ values: [], calls: BigInt(size) });
      }),
      { numRuns: 20 },
    );
  });

  it('has every count under its name', async () => {
    const all = {
      calls: 1,
      failed: 2,
      tries: 3,
      inputTokens: 4,
      outputTokens: 5,
      cachedInputTokens: 6,
      cacheWriteTokens: 7,
      reasoningTokens: 8,
      nanoUsd: 9,
      unpriced: 10,
    };
    const { ask } = scene({ groups: [{ values: ['a'], counts: all }], total: all });
    const row = {
      calls: 1n,
      failedCalls: 2n,
      tries: 3n,
      inputTokens: 4n,
      outputTokens: 5n,
      cachedInputTokens: 6n,
      cacheWriteTokens: 7n,
      reasoningTokens: 8n,
      nanoUsd: 9n,
      unpricedTries: 10n,
    };
    expect(await ask({ groupBy: ['team'] })).toMatchObject({ rows: [{ ...row, values: ['a'] }], total: row });
  });
});
