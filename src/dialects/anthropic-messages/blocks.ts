import { GatewayError } from '../../core/errors.ts';
import { asObject, asString, type UnknownObject } from '../../core/json.ts';
import { contentOmitted } from '../../core/warnings.ts';
import type { Block, Hearing } from './block.ts';
import { textBlock } from './text-block.ts';
import { redactedBlock, thinkingBlock } from './thinking-block.ts';
import { toolUseBlock } from './tool-use-block.ts';

/** The blocks of one answer, by the wire's index. It keeps only those that are not over. */
export class Blocks {
  readonly #hearing: Hearing;
  readonly #open = new Map<unknown, Block>();
  #toolCalls = 0;

  constructor(hearing: Hearing) {
    this.#hearing = hearing;
  }

  start(index: unknown, content: unknown): void {
    this.stop(index);
    this.#open.set(index, this.#block(asObject(content) ?? {}));
  }

  /** Errors: `upstream_bad_response` for a piece of a block that is not open. */
  delta(index: unknown, piece: unknown): void {
    const block = this.#open.get(index);
    if (!block) throw strayPiece();
    block.delta(asObject(piece) ?? {});
  }

  stop(index: unknown): void {
    this.#open.get(index)?.stop();
    this.#open.delete(index);
  }

  /** Nothing more comes. */
  flush(): void {
    for (const index of [...this.#open.keys()]) this.stop(index);
  }

  #block(start: UnknownObject): Block {
    switch (start.type) {
      case 'text':
        return textBlock(start, this.#hearing);
      case 'thinking':
        return thinkingBlock(start, this.#hearing);
      case 'redacted_thinking':
        return redactedBlock(start, this.#hearing);
      case 'tool_use':
        return toolUseBlock(start, this.#toolCalls++, this.#hearing);
      default:
        this.#hearing.warnings.add(contentOmitted(omission(asString(start.type))));
        return { delta() {}, stop() {} };
    }
  }
}

const omission = (type: string): string =>
  /^(?:server|mcp)_tool_use$|_tool_result$/.test(type)
    ? 'The answer also held calls of tools that the provider ran itself, which this contract has no place for.'
    : 'The answer also held blocks of a kind that is not known here.';

const strayPiece = () =>
  new GatewayError('upstream_bad_response', 'The provider sent a piece of a block that it had not begun. Try again.');
