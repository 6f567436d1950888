import { describe, expect, it } from 'vitest';
import { readOptions } from '../../bench/options.ts';

describe('the arguments of the bench', () => {
  it('leave out the outage, which is long, unless it is asked for', () => {
    const { scenarioNames, outage } = readOptions([]);
    expect(scenarioNames).toContain('mixed');
    expect(scenarioNames).not.toContain('outage');
    expect(outage).toBeUndefined();
  });

  it('may ask for the outage alone, and say how long', () => {
    const { scenarioNames, outage } = readOptions(['--scenario', 'outage', '--seconds', '7.5']);
    expect(scenarioNames).toEqual([]);
    expect(outage).toMatchObject({ seconds: 7.5, warmUpSeconds: 10 });
  });

  it('may ask for the outage with others', () => {
    const { scenarioNames, outage } = readOptions(['--scenario', 'unary,outage', '--quick']);
    expect(scenarioNames).toEqual(['unary']);
    expect(outage).toMatchObject({ seconds: 2 });
  });

  it.each([
    [['--scenario', 'unary,nothing'], 'no scenario "nothing"'],
    [['--scenario', 'outage', '--seconds', '0'], 'above 0'],
    [['--scenario', 'outage', '--seconds', 'x'], 'above 0'],
    [['--door', 'back'], 'no door "back"'],
    [['--name', '../x'], 'The name may have'],
  ])('%j: %s', (args, problem) => expect(() => readOptions(args)).toThrow(problem));
});
