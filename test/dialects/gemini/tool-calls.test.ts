import { expect, it } from 'vitest';
import { candidate, said, short, stream } from './hear.ts';

const call = (name: string, args?: unknown, id?: string) => ({
  functionCall: { name, ...(args === undefined ? {} : { args }), ...(id === undefined ? {} : { id }) },
});

it('makes up the ids that are missing, each another', () => {
  expect(short(said(call('f', { a: 1 }), call('f', { a: 2 }), call('g', {}, 'own')))).toEqual([
    '0:call_0:f:{"a":1}',
    '1:call_1:f:{"a":2}',
    '2:own:g:{}',
  ]);
});

it('puts the id of the answer into them if it fits', () => {
  const end = { finishReason: 'STOP' };
  expect(short(stream({ responseId: 'r-1', ...candidate([call('f')], end) }))).toEqual(['0:call_r-1_0:f:{}']);
  expect(short(stream({ responseId: 'r 1', ...candidate([call('f')], end) }))).toEqual(['0:call_0:f:{}']);
});

it('replaces an id that comes twice', () => {
  expect(short(said(call('f', {}, 'x'), call('f', {}, 'x')))).toEqual(['0:x:f:{}', '1:call_1:f:{}']);
});

it('gives the arguments as text that can be sent', () => {
  const args = { b: [1, null, true], a: '\ud83d', n: 1.5 };
  expect(short(said(call('f', args, 'x')))).toEqual(['0:x:f:{"b":[1,null,true],"a":"\ufffd","n":1.5}']);
  expect(short(said(call('f', null, 'x')))).toEqual(['0:x:f:{}']);
});

it('makes up none that is there already, and counts on', () => {
  expect(short(said(call('f', {}, 'call_1'), call('g'), call('h'), call('i', {}, 'call_2')))).toEqual([
    '0:call_1:f:{}',
    '1:call_2:g:{}',
    '2:call_3:h:{}',
    '3:call_4:i:{}',
  ]);
});
