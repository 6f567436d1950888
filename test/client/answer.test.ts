import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CompleteResponseSchema } from '#gen/antiphon/v1/completion_pb.js';
import { Answer } from '../../src/client/answer.ts';
import { Fold } from '../../src/core/fold.ts';
import { deltasWithRestarts } from '../support/requests.ts';

it('puts a stream together as the gateway does', () => {
  fc.assert(
    fc.property(deltasWithRestarts, (deltas) => {
      const answer = new Answer();
      const fold = new Fold();
      for (const delta of deltas) {
        answer.add(structuredClone(delta));
        fold.add(structuredClone(delta));
      }
      expect(answer.response).toBeUndefined();
      answer.add({ case: 'completed', value: create(CompleteResponseSchema, { id: 'call-1' }) });
      expect(answer.response).toEqual(create(CompleteResponseSchema, { id: 'call-1', content: [...fold.parts] }));
    }),
  );
});
