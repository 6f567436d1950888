import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/core/errors.ts';
import { argumentsObject } from '../../../src/dialects/grammar/arguments-object.ts';
import { heardArguments, heardName } from '../../../src/dialects/grammar/heard-call.ts';
import { Warnings } from '../../../src/dialects/grammar/warnings.ts';

describe('a call that was heard', () => {
  it.each([undefined, null, '', 7, {}])('has no name: %j', (name) => {
    expect(() => heardName(name)).toThrow(GatewayError);
    expect(() => heardName(name)).toThrow('The provider sent a tool call without a name.');
  });

  it('has a name of whole characters', () => expect(heardName('f\ud800')).toBe('f\ufffd'));

  it.each<[unknown, string]>([
    [undefined, '{}'],
    [null, '{}'],
    ['{ "a": 1', '{ "a": 1'],
    ['', ''],
    [{ a: [1, '\ud800'] }, '{"a":[1,"\ufffd"]}'],
    [JSON.parse('{"__proto__":{"a":1},"b":2}'), '{"b":2}'],
    [7, '7'],
  ])('has the arguments %j as %j', (value, expected) => expect(heardArguments(value)).toBe(expected));

  it('may not nest too deeply', () => {
    const deep = JSON.parse(`${'['.repeat(999)}${']'.repeat(999)}`);
    expect(() => heardArguments(deep)).toThrow('The provider sent tool arguments that nest too deeply.');
  });
});

describe('a call that is sent again', () => {
  it.each<[string, object, boolean]>([
    ['{"a":1}', { a: 1 }, false],
    ['', {}, false],
    [' \n', {}, false],
    ['{"a":1', { arguments: '{"a":1' }, true],
    ['[1]', { arguments: '[1]' }, true],
    ['\ud800', { arguments: '\ufffd' }, true],
  ])('has the arguments %j as %j', (text, expected, isChanged) => {
    const warnings = new Warnings();
    expect(argumentsObject(text, 'messages[0].content[0]', warnings)).toEqual(expected);
    expect(warnings.all.map(({ field }) => field)).toEqual(
      isChanged ? ['messages[0].content[0].tool_call.arguments'] : [],
    );
  });
});
