import type { ContextAction } from '../core/policy.ts';
import type { ThriftSettings } from '../thrift/settings.ts';
import type { ContextEntry, ThriftEntry } from './schema-thrift.ts';

export const thriftOf = (thrift: ThriftEntry): ThriftSettings => ({
  marginPercent: thrift.margin_percent,
  answerTokens: thrift.answer_tokens,
  maxPrefixes: thrift.max_prefixes,
  secret: thrift.secret,
});

/** Each once; empty: nothing is done. */
export const contextOf = (entry: ContextEntry | undefined): readonly ContextAction[] =>
  entry === undefined ? [] : [...new Set<ContextAction>(typeof entry === 'string' ? [entry] : entry)];
