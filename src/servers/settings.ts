import type { Authenticator } from '../access/authenticator.ts';
import type { Clock } from '../core/clock.ts';
import type { Redact } from '../core/redact.ts';
import type { Tracing } from '../core/tracing.ts';
import type { AdminService } from '../services/admin-service.ts';
import type { LlmService } from '../services/service.ts';

/** What the doors need of the configuration. */
export interface DoorSettings {
  readonly host: string;
  /** 0: any free port. */
  readonly grpcPort: number;
  readonly httpPort: number;
  /** The largest message a caller may send. */
  readonly maxMessageBytes: number;
  /** Per connection. */
  readonly maxConcurrentStreams: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  /** After this age a connection is told to go. Undefined: never. */
  readonly maxConnectionAgeMs: number | undefined;
  readonly maxConnectionAgeGraceMs: number;
  /** Origins of web pages that may call. "*" for any. */
  readonly corsOrigins: readonly string[];
  readonly reflection: boolean;
  readonly drainDelayMs: number;
  readonly drainGraceMs: number;
}

/** What the doors serve. */
export interface Services {
  readonly service: LlmService;
  /** Undefined: there is none. */
  readonly admin?: AdminService | undefined;
}

/** Where a door tells of defects. What it is given holds no secret, no prompt text and no stack. */
export interface DoorLog {
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What every door works with. */
export interface DoorTools {
  /** Who calls; asked before anything of a request but its headers is read. */
  readonly access: Authenticator;
  readonly clock: Clock;
  readonly tracing: Tracing;
  readonly redact: Redact;
  readonly log: DoorLog;
  /** A new id for a call: unique, printable ASCII. */
  readonly newId: () => string;
}
