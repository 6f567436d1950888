import { BrokenStreamPolicy, type CompleteRequest, type Part } from '#gen/antiphon/v1/completion_pb.js';
import { unlessAborted } from '../../core/abort.ts';
import type { Sink } from '../../core/events.ts';
import { deltasOf } from '../../core/replay.ts';

/** Whether the caller takes it that a stream is voided and begun anew. */
export const mayBeginAnew = ({ onBrokenStream }: CompleteRequest): boolean =>
  onBrokenStream === BrokenStreamPolicy.RESTART;

/** Emits the content of an answer again. Aborts: rejects with the signal's reason. */
export async function replay(parts: readonly Part[], sink: Sink, signal: AbortSignal): Promise<void> {
  for (const delta of deltasOf(parts)) if (!sink.emit(delta)) await unlessAborted(sink.ready(), signal);
}
