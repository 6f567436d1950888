import type { SqliteFile } from './file.ts';

/** How many rows of each table go in one step. */
const STEP = 50;

const step = (table: string, columns: string, where: string): string =>
  `SELECT ${columns} FROM ${table} WHERE ${where} LIMIT ${STEP}`;

const inSteps = (table: string, columns: string, where: string): string =>
  `DELETE FROM ${table} WHERE (${columns}) IN (${step(table, columns, where)})`;

const SWEEPS: readonly string[] = [
  inSteps('cells', 'key', 'expires <= ?'),
  inSteps('counters', 'key', 'expires <= ?'),
  inSteps('accounts', 'ledger, account', 'expires <= ?'),
  inSteps('reservations', 'ledger, id', "state = 'done' AND due <= ?"),
  inSteps('reservations', 'ledger, id', "state = 'expired' AND due <= ?"),
  inSteps('tally_ids', 'name, id', 'expires <= ?'),
  inSteps('tallies', 'name', 'expires <= ?'),
];

/** The counters of the tables that go in this step. */
const COUNTS = `DELETE FROM tally_counts WHERE name IN (${step('tallies', 'name', 'expires <= ?')})`;

/** Removes a few rows that have outlived their time. Within a change. */
export function sweep(file: SqliteFile, now: number): void {
  for (const sql of [COUNTS, ...SWEEPS]) file.run(sql, now);
}
