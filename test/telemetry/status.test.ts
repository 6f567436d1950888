import { status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { errorKinds, errorRule } from '../../src/core/errors.ts';
import { statusName } from '../../src/telemetry/status.ts';

it('has the names that gRPC has', () => {
  for (const kind of errorKinds) {
    const { code } = errorRule(kind);
    expect(statusName(code)).toBe(status[code]);
  }
  expect(statusName(undefined)).toBe('OK');
});
