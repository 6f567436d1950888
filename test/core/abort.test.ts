import { describe, expect, it } from 'vitest';
import { linkedAbort } from '../../src/core/abort.ts';

describe('linkedAbort', () => {
  it('aborts with its parent, for the same reason', () => {
    const parent = new AbortController();
    const { signal } = linkedAbort(parent.signal);
    expect(signal.aborted).toBe(false);
    parent.abort('gone');
    expect(signal).toMatchObject({ aborted: true, reason: 'gone' });
  });

  it('is aborted at once if its parent is', () => {
    expect(linkedAbort(AbortSignal.abort('gone')).signal).toMatchObject({ aborted: true, reason: 'gone' });
  });

  it('aborts alone, and leaves its parent', () => {
    const parent = new AbortController();
    const link = linkedAbort(parent.signal);
    link.abort('late');
    expect(link.signal).toMatchObject({ aborted: true, reason: 'late' });
    expect(parent.signal.aborted).toBe(false);
  });

  it('keeps the first reason', () => {
    const parent = new AbortController();
    const link = linkedAbort(parent.signal);
    link.abort('late');
    parent.abort('gone');
    expect(link.signal.reason).toBe('late');
  });

  it('lets go of its parent', () => {
    const parent = new AbortController();
    const link = linkedAbort(parent.signal);
    link.release();
    parent.abort('gone');
    expect(link.signal.aborted).toBe(false);
  });
});
