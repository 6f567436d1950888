import { expect } from 'vitest';
import type { Reading } from './reading.ts';

/** How the gateway is meant to differ from the official package, and why. */
export interface Difference {
  readonly because: string;
  /** The package's reading with nothing but the difference changed. `ours` is what the gateway made of it. */
  apply(reading: Reading, ours: Reading): Reading;
}

export const differences: Readonly<Record<string, Difference>> = {
  'mistral-chat-stream-reasoning-0001': {
    because: 'the package appends content that is a list as "[object Object]"',
    apply(reading, ours) {
      const rest = reading.text.split('[object Object]').at(-1) ?? '';
      expect(rest).not.toBe('');
      expect(ours.text.endsWith(rest)).toBe(true);
      return { ...reading, text: ours.text, reasoning: ours.reasoning };
    },
  },
};

/** An answer of status 200 that the gateway does not take for one, and why. */
export interface Refusal {
  readonly because: string;
  readonly reason: string;
}

export const refusals: Readonly<Record<string, Refusal>> = {
  'anthropic-messages-stream-mid-stream-error-0001': {
    because: 'the stream ends in an error',
    reason: 'UPSTREAM_OVERLOADED',
  },
  'anthropic-messages-stream-mid-stream-error-0002': {
    because: 'the stream ends in an error',
    reason: 'UPSTREAM_OVERLOADED',
  },
  'groq-chat-stream-mid-stream-error-0001': {
    because: 'the stream ends in an error',
    reason: 'UPSTREAM_REJECTED',
  },
  'openrouter-chat-stream-mid-stream-error-0001': {
    because: 'the stream ends in an error',
    reason: 'UPSTREAM_REJECTED',
  },
  'openrouter-chat-unary-error-in-200-0001': {
    because: 'the body is an error',
    reason: 'UPSTREAM_ERROR',
  },
  'openrouter-chat-unary-reasoning-0001': {
    because: 'the only choice is an error, after part of the text',
    reason: 'UPSTREAM_ERROR',
  },
  'snowflake-chat-stream-logprobs-0002': {
    because: 'the stream ends without a finish reason',
    reason: 'UPSTREAM_INCOMPLETE',
  },
};

/** A wait that the gateway tells of and the package does not know, in milliseconds, and where it comes from. */
export const waits: Readonly<Record<string, { readonly because: string; readonly waitMs: number }>> = {
  'azure-ai-chat-error-500-0001': {
    because: 'its x-ratelimit headers say that no tokens are left and that they are back at once',
    waitMs: 0,
  },
};
