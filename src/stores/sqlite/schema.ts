import type { DatabaseSync } from 'node:sqlite';

/** The version of the tables, kept in the file as `user_version`. */
export const SCHEMA_VERSION = 1;

/** Times are milliseconds since 1970: they must mean the same to the next process. */
const TABLES = `
  CREATE TABLE cells (key TEXT PRIMARY KEY, value BLOB NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX cells_expires ON cells (expires);

  CREATE TABLE counters (key TEXT PRIMARY KEY, sum INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX counters_expires ON counters (expires);

  CREATE TABLE tallies (name TEXT PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX tallies_expires ON tallies (expires);
  CREATE TABLE tally_counts (name TEXT NOT NULL, counter TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (name, counter)) STRICT, WITHOUT ROWID;
  CREATE TABLE tally_ids (name TEXT NOT NULL, id TEXT NOT NULL, expires INTEGER NOT NULL,
    PRIMARY KEY (name, id)) STRICT, WITHOUT ROWID;
  CREATE INDEX tally_ids_expires ON tally_ids (expires);

  CREATE TABLE accounts (ledger TEXT NOT NULL, account TEXT NOT NULL, spent INTEGER NOT NULL, held INTEGER NOT NULL,
    expires INTEGER NOT NULL, PRIMARY KEY (ledger, account)) STRICT, WITHOUT ROWID;
  CREATE INDEX accounts_expires ON accounts (expires);
  CREATE TABLE reservations (ledger TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, due INTEGER NOT NULL,
    held TEXT NOT NULL, PRIMARY KEY (ledger, id)) STRICT, WITHOUT ROWID;
  CREATE INDEX reservations_due ON reservations (state, due);
`;

/** A file of a version that is not known here. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** Makes the tables in a new file. Several processes may do so at once. Errors: SchemaError; those of SQLite. */
export function prepareSchema(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    const found = Number(db.prepare('PRAGMA user_version').get()?.user_version);
    if (found > SCHEMA_VERSION) throw new SchemaError(`its tables are of version ${found}`);
    if (found === 0) db.exec(`${TABLES} PRAGMA user_version = ${SCHEMA_VERSION};`);
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
}
