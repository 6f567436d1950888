// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ONLY_REFERENCE, referenceOf, setVariables, substitute } from '../../src/config/substitute.ts';
import { load, said } from './loading.ts';

const variables = setVariables({ A: 'one', B: ' two\n', EMPTY: '', SPACE: '  ', EVIL: '${A}', NONE: undefined });

const gone = { problem: 'names a file that does not exist', fix: 'Write it.', isMissing: true };
const closed = { problem: 'names a file that this process may not read', fix: 'Let it.', isMissing: false };
const files = (path: string) =>
  ({ '/a': 'text', '/a b/c:d': 'odd', '/evil': '${A} ${file:/a}', '/closed': closed })[path] ?? gone;

describe('substitute', () => {
  it.each([
    ['plain', 'plain'],
    ['${A}', 'one'],
    ['x${A}y${B}z', 'xoneytwoz'],
    ['${A:-default}', 'one'],
    ['${NONE:-default}', 'default'],
    ['${EMPTY:-default}', 'default'],
    ['${SPACE:-default}', 'default'],
    ['${NONE:-}', ''],
    ['${NONE:-a:-b}', 'a:-b'],
    ['${NONE:-https://x/y?z}', 'https://x/y?z'],
    ['$$', '$'],
    ['$${A}', '${A}'],
    ['$$$${A}', '$${A}'],
    ['$$${A}', '$one'],
    ['$A costs $5', '$A costs $5'],
    ['${EVIL}', '${A}'],
    ['${file:/a}', 'text'],
    ['x${file:/a}y${A}', 'xtextyone'],
    ['${file:/a:-default}', 'text'],
    ['${file:/a b/c:d}', 'odd'],
    ['${file:/none:-default}', 'default'],
    ['${file:/none:-}', ''],
    ['${file:/none:-a:-b}', 'a:-b'],
    ['${file:/evil}', '${A} ${file:/a}'],
    ['$${file:/a}', '${file:/a}'],
    ['${file:-x}', 'x'],
  ])('%j becomes %j', (text, expected) => {
    const result = substitute(text, variables, files);
    expect(result).toMatchObject({ text: expected, missing: [], unusable: [], malformed: false });
  });

  it.each([
    ['${NONE}', ['NONE']],
    ['${EMPTY}${SPACE}', ['EMPTY', 'SPACE']],
    ['${constructor}', ['constructor']],
  ])('%j misses %j', (text, missing) => {
    expect(substitute(text, variables, files)).toMatchObject({ missing, malformed: false });
  });

  it.each(['${', '${A', '${}', '${A B}', '${1A}', '${A-b}', '${A:b}', 'x ${:-y}'])('%j is malformed', (text) => {
    expect(substitute(text, variables, files).malformed).toBe(true);
  });

  it.each([
    ['${file:/none}', [gone]],
    ['${file:/closed}', [closed]],
    ['${file:/closed:-default}', [closed]],
    ['${file:/none}${file:/closed}', [gone, closed]],
  ])('%j cannot use %j', (text, unusable) => {
    expect(substitute(text, variables, files)).toMatchObject({
      unusable,
      missing: [],
      malformed: false,
      referred: true,
    });
  });

  it('tells what it has put in, and not what counts where there is nothing', () => {
    const { used } = substitute('${A}${NONE:-x}${file:/a}${file:/none:-y}${A}', variables, files);
    expect(used).toEqual([
      { kind: 'variable', name: 'A', value: 'one' },
      { kind: 'file', name: '/a', value: 'text' },
      { kind: 'variable', name: 'A', value: 'one' },
    ]);
  });

  it('gives any text back whose dollars are doubled', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', ':', '-') }), (text) => {
        expect(substitute(text.replaceAll('$', '$$$$'), variables, files).text).toBe(text);
      }),
    );
  });
});

describe('a value that is only a reference', () => {
  it.each([
    ['${A}', 'A'],
    ['${A:-}', 'A'],
    ['${file:-}', 'file'],
    ['${file:/a}', undefined],
    ['${file:/a/b c:d:-}', undefined],
  ])('%s is one', (text, variable) => {
    expect([ONLY_REFERENCE.test(text), referenceOf(text)]).toEqual([true, variable]);
  });

  it.each(['', 'A', '$A', '${A}x', '${A:-x}', '${file:/a:-x}', '${file:/a:-x:-}', '${file:a}', '${file:}', '${A}${A}'])(
    '%s is none',
    (text) => {
      expect([ONLY_REFERENCE.test(text), referenceOf(text)]).toEqual([false, undefined]);
    },
  );

  it('is no number', () => {
    expect(referenceOf(5)).toBeUndefined();
  });
});

describe('substitution in the file', () => {
  const file = (value: string) => `telemetry:\n  service_name: ${value}\n`;

  it('keeps a variable a value, whatever it looks like', () => {
    const NAME = 'a", log_level: "silent" # {x: 1} &a *b';
    const { telemetry } = load({ NAME }, file('"${NAME}"'));
    expect(telemetry).toMatchObject({ serviceName: NAME, logLevel: 'info' });
  });

  it('does not let a line break make another key', () => {
    expect(said({ NAME: 'a\n  log_level: silent' }, file('${NAME}'))).toEqual([
      'telemetry.service_name is not a possible name of a service',
    ]);
  });

  it.each([
    ['grpc_port: ${PORT}', { PORT: '7000' }, { grpcPort: 7000 }],
    ['grpc_port: ${PORT:-7001}', {}, { grpcPort: 7001 }],
    ['grpc_port: "70${X}"', { X: '02' }, { grpcPort: 7002 }],
    ['reflection: ${R}', { R: 'no' }, { reflection: false }],
    ['reflection: ${R}', { R: 'TRUE' }, { reflection: true }],
    ['reflection: ${R:-0}', {}, { reflection: false }],
    ['host: ${HOST_NAME:-}', {}, { host: '127.0.0.1' }],
    ['cors_origins: ["${O}"]', { O: 'https://a.example' }, { corsOrigins: ['https://a.example'] }],
  ])('reads %s as what is wanted there', (line, env, expected) => {
    expect(load(env, `server:\n  ${line}\n`).server).toMatchObject(expected);
  });

  it.each([
    ['grpc_port: "7000"', {}, 'server.grpc_port is not a number'],
    ['grpc_port: "$$1"', {}, 'server.grpc_port is not a number'],
    ['grpc_port: ${PORT}', { PORT: '7e3' }, 'server.grpc_port is not a number'],
    ['grpc_port: ${PORT}', { PORT: '0x10' }, 'server.grpc_port is not a number'],
    ['grpc_port: ${PORT}', { PORT: '1.5' }, 'server.grpc_port is not a whole number'],
    ['grpc_port: ${PORT}', { PORT: '65536' }, 'server.grpc_port is too large'],
    ['grpc_port: ${PORT}', {}, 'server.grpc_port needs the variable PORT, which is not set'],
    ['grpc_port: ${PORT', {}, 'server.grpc_port has a "${" that begins no reference'],
    ['reflection: ${R}', { R: 'on' }, 'server.reflection is not true or false'],
    ['cors_origins: ${O}', { O: 'https://a.example' }, 'server.cors_origins is not a list'],
    ['cors_origins: ["${O}"]', {}, 'server.cors_origins[0] needs the variable O, which is not set'],
  ])('%s with %j: %s', (line, env, expected) => {
    expect(said(env, `server:\n  ${line}\n`)).toEqual([expected]);
  });

  it('names every variable that is missing in one value', () => {
    expect(said({}, file('"${X} ${Y}"'))).toEqual([
      'telemetry.service_name needs the variable X, which is not set',
      'telemetry.service_name needs the variable Y, which is not set',
    ]);
  });
});
