import { Priority as RequestPriority } from '#gen/antiphon/v1/completion_pb.js';
import type { Call } from '../core/call.ts';
import type { Layer } from '../core/complete.ts';
import { noPolicy, type Policy, type Priority } from '../core/policy.ts';

/**
 * Finds out what the operator's rules say of a call, and how urgent it is. It stands under the record of the call and
 * above all else, since how a call is treated, and whether there is room for it, depends on both.
 *
 * `find` gives undefined where no rule matches.
 */
export const rules =
  (find: (call: Call) => Policy | undefined): Layer =>
  (next) =>
  async (call) => {
    const policy = find(call) ?? noPolicy;
    call.trail.rule = policy.rule;
    return next({ ...call, policy, priority: policy.priority ?? wishOf(call.request.priority) });
  };

function wishOf(priority: RequestPriority): Priority {
  if (priority === RequestPriority.LOW) return 'low';
  return priority === RequestPriority.HIGH ? 'high' : 'normal';
}
