import type { JsonValue } from '@bufbuild/protobuf';
import type { ErrorKind } from './errors.ts';

/** What somebody did, or was refused. Without secrets. */
export interface AuditNote {
  /** The name of the key. */
  readonly actor: string;
  /** Empty: none. */
  readonly team: string;
  /** For example "key.create". */
  readonly action: string;
  /** To what. Empty: the gateway as a whole. */
  readonly object: string;
  /** Undefined: it was done. */
  readonly refusedBecause?: ErrorKind | undefined;
  /** Undefined: nothing, or not known. */
  readonly before?: JsonValue | undefined;
  /** What it is now, or was to be. */
  readonly after?: JsonValue | undefined;
  readonly requestId: string;
}

/** Is told of every change and of everything that was refused. It must not throw. */
export interface AuditNotes {
  note(event: AuditNote): void;
}
