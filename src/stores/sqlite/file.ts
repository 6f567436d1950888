import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { StoreError, type StoreFailure } from '../store.ts';
import { prepareSchema, SchemaError } from './schema.ts';

/** How long a change waits for another process to end its own. The event loop waits, too. */
const BUSY_MS = 1_000;
const PAGE_BYTES = 4_096;

/** Primary result codes. Source: https://www.sqlite.org/rescode.html (2026-11-21). */
const failures: Readonly<Record<number, StoreFailure>> = { 5: 'timeout', 6: 'timeout', 8: 'read_only', 13: 'full' };
const PRIMARY = 0xff;

function failed(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const { errcode, code } = error as { errcode?: number; code?: string };
  if (code === 'ERR_INVALID_STATE') return new StoreError('closed');
  return new StoreError(failures[(errcode ?? 0) & PRIMARY] ?? 'refused', errcode ?? code);
}

/** Why the file cannot be used, for the operator. */
function openProblem(path: string, error: unknown): Error {
  const why = error instanceof SchemaError ? error.message : error instanceof Error ? error.message : 'unknown';
  const fix =
    error instanceof SchemaError
      ? 'It was written by a newer version: use that one, or another file.'
      : 'Its folder must exist, and this process must be able to write there; or set another path.';
  return new Error(`The store's file ${path} cannot be opened: ${why}. ${fix}`, { cause: error });
}

export interface FileOptions {
  readonly path: string;
  /** The largest that the file may become. */
  readonly maxBytes: number;
}

export type Row = Readonly<Record<string, unknown>>;

/** A file of SQLite with its statements. All calls block, and all errors are StoreErrors. */
export class SqliteFile {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Errors: one that says what to do. */
  constructor({ path, maxBytes }: FileOptions) {
    try {
      this.#db = new DatabaseSync(path, { timeout: BUSY_MS });
      // With the log beside the file readers wait for nobody. NORMAL: a change is safe when the process dies; when the
      // machine does, the last ones may be lost, and the file is whole. FULL would wait for the disk at every change.
      this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;`);
      this.#db.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)};`);
      prepareSchema(this.#db);
    } catch (error) {
      throw openProblem(path, error);
    }
  }

  one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#prepared(sql).get(...values));
  }

  all(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#guard(() => this.#prepared(sql).all(...values));
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#guard(() => this.#prepared(sql).run(...values));
  }

  /** All changes, or none. No other process changes anything meanwhile. */
  change<Result>(work: () => Result): Result {
    this.run('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.run('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack();
      throw failed(error);
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  /** Some errors, such as a full disk, have rolled back already. */
  #rollBack(): void {
    if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec('ROLLBACK');
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw failed(error);
    }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
