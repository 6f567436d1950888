import type { Target } from '../../core/target.ts';
import type { Warnings } from '../grammar/warnings.ts';
import type { CacheMarks } from './cache-marks.ts';
import type { ToolIds } from './tool-ids.ts';

/** What the wire's form of a part depends on, besides the part. */
export interface Setting {
  readonly target: Target;
  readonly warnings: Warnings;
  readonly marks: CacheMarks;
  readonly ids: ToolIds;
}
