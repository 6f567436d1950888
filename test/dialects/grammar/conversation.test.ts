import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompleteRequestSchema, type Message, Role } from '#gen/antiphon/v1/completion_pb.js';
import { GatewayError } from '../../../src/core/errors.ts';
import { conversation, type Turn } from '../../../src/dialects/grammar/conversation.ts';
import { Warnings } from '../../../src/dialects/grammar/warnings.ts';
import {
  assistant,
  type PartInit,
  type RequestInit,
  text,
  toolCall,
  toolResult,
  user,
} from '../../support/requests.ts';

const tool = (...content: PartInit[]) => ({ role: Role.TOOL, content });
const system = (...content: PartInit[]) => ({ role: Role.SYSTEM, content });

const listOf = (messages: RequestInit['messages']): Message[] =>
  create(CompleteRequestSchema, { messages: messages ?? [] }).messages;

function turnsOf(messages: readonly Message[]) {
  const warnings = new Warnings();
  return { turns: conversation(messages, warnings), warned: warnings.all };
}

/** Each turn in a few words, and the fields that warnings are about. */
function told(...messages: NonNullable<RequestInit['messages']>) {
  const { turns, warned } = turnsOf(listOf(messages));
  return { turns: turns.map(inWords), warned: warned.map(({ field }) => field) };
}

function inWords(turn: Turn): string {
  if (turn.kind === 'results')
    return `results ${turn.results.map(({ callId, name, path }) => `${callId}:${name}@${path}`).join(' ')}`;
  const calls = turn.parts.flatMap(({ part }) => (part.case === 'toolCall' ? [part.value.id] : []));
  return [turn.kind, turn.path, ...calls].join(' ');
}

describe('repairs', () => {
  it('nothing where all is right', () => {
    const { turns, warned } = told(
      system(text('a')),
      user(text('b')),
      assistant(toolCall('1'), toolCall('2', 'other')),
      tool(toolResult('2'), toolResult('1')),
      user(text('c')),
    );
    expect(turns).toEqual([
      'instructions messages[0]',
      'user messages[1]',
      'assistant messages[2] 1 2',
      'results 2:other@messages[3].content[0].tool_result 1:look_up@messages[3].content[1].tool_result',
      'user messages[4]',
    ]);
    expect(warned).toEqual([]);
  });

  it('a call that was never answered, at the end and before the next answer', () => {
    const { turns, warned } = told(assistant(toolCall('1')), user(text('a')), assistant(toolCall('2')));
    expect(turns).toEqual([
      'assistant messages[0] 1',
      'results 1:look_up@messages[0].content[0]',
      'user messages[1]',
      'assistant messages[2] 2',
      'results 2:look_up@messages[2].content[0]',
    ]);
    expect(warned).toEqual(['messages[0].content[0]']);
  });

  it('what stands between calls and their results', () => {
    const { turns, warned } = told(assistant(toolCall('1')), user(text('a')), system(text('b')), tool(toolResult('1')));
    expect(turns).toEqual([
      'assistant messages[0] 1',
      'results 1:look_up@messages[3].content[0].tool_result',
      'user messages[1]',
      'instructions messages[2]',
    ]);
    expect(warned).toEqual(['messages[1]']);
  });

  it.each<[string, NonNullable<RequestInit['messages']>, string]>([
    ['before its call', [tool(toolResult('1')), assistant(toolCall('1'))], 'messages[0].content[0]'],
    ['of no call', [assistant(toolCall('1')), tool(toolResult('1'), toolResult('x'))], 'messages[1].content[1]'],
    ['that came twice', [assistant(toolCall('1')), tool(toolResult('1'), toolResult('1'))], 'messages[1].content[1]'],
    [
      'after the next answer',
      [assistant(toolCall('1')), assistant(text('a')), tool(toolResult('1'))],
      'messages[2].content[0]',
    ],
  ])('a result %s, which is dropped', (_, messages, path) => {
    const { warned } = turnsOf(listOf(messages));
    expect(warned.filter(({ message }) => message.includes('was not sent')).map(({ field }) => field)).toEqual([path]);
  });

  it('calls with one id, whose results are taken in order', () => {
    const { turns, warned } = told(
      assistant(toolCall('1', 'a'), toolCall('1', 'b'), toolCall('1_2', 'c'), toolCall('1', 'd')),
      tool(toolResult('1'), toolResult('1_2'), toolResult('1')),
    );
    expect(turns).toEqual([
      'assistant messages[0] 1 1_3 1_2 1_4',
      [
        'results 1:a@messages[1].content[0].tool_result',
        '1_2:c@messages[1].content[1].tool_result',
        '1_3:b@messages[1].content[2].tool_result',
        '1_4:d@messages[0].content[3]',
      ].join(' '),
    ]);
    expect(warned).toEqual(['messages[0].content[1].tool_call.id', 'messages[0].content[3]']);
  });

  it('none of the ids of other answers: a model may begin anew in each', () => {
    const round = [assistant(toolCall('1')), tool(toolResult('1'))];
    const { turns, warned } = told(...round, ...round);
    expect(turns.filter((turn) => turn.startsWith('assistant'))).toEqual([
      'assistant messages[0] 1',
      'assistant messages[2] 1',
    ]);
    expect(warned).toEqual([]);
  });
});

describe('a result', () => {
  it('has its parts, its failure and the hint for the cache', () => {
    const promptCache = { ttl: { seconds: 300n } };
    const [, answered] = turnsOf(
      listOf([
        assistant(toolCall('1')),
        tool({
          part: { case: 'toolResult', value: { toolCallId: '1', isError: true, content: [text('a')] } },
          promptCache,
        }),
      ]),
    ).turns;
    if (answered?.kind !== 'results') throw new Error('no results');
    const [result] = answered.results;
    expect(result?.isError).toBe(true);
    expect(result?.promptCache?.ttl?.seconds).toBe(300n);
    expect(result?.parts.map(({ part, path }) => [part.value, path])).toEqual([
      ['a', 'messages[1].content[0].tool_result.content[0]'],
    ]);
  });

  it('that was made up is no failure and has no hint', () => {
    const [, answered] = turnsOf(listOf([assistant(toolCall('1'))])).turns;
    expect(answered).toMatchObject({ results: [{ isError: false, promptCache: undefined }] });
  });
});

describe('refuses', () => {
  it.each<[string, RequestInit['messages'], string]>([
    ['no role', [{ role: Role.UNSPECIFIED, content: [] }], 'messages[0].role'],
    ['an unknown role', [user(), { role: 99 as Role, content: [] }], 'messages[1].role'],
    ['a tool that talks', [tool(text('a'))], 'messages[0].content[0]'],
  ])('%s', (_, messages, field) => {
    const refused = expect(() => turnsOf(listOf(messages)));
    refused.toThrow(GatewayError);
    refused.toThrow(field);
  });
});

const ids = fc.constantFrom('1', '2', '3', '1_2');
const said = fc.string({ maxLength: 3 }).map(text);
const several = (part: fc.Arbitrary<PartInit>) => fc.array(part, { maxLength: 4 });
type MessageInit = MessageInitShape<typeof CompleteRequestSchema>['messages'];

/** Any conversation: calls and results of few ids, so that they meet, miss and repeat each other. */
const anyMessages = fc
  .array(
    fc.oneof(
      several(said).map((content) => user(...content)),
      several(said).map((content) => system(...content)),
      several(
        fc.oneof(
          said,
          ids.map((id) => toolCall(id)),
        ),
      ).map((content) => assistant(...content)),
      several(ids.map((id) => toolResult(id, text('r')))).map((content) => tool(...content)),
    ),
    { maxLength: 12 },
  )
  .map((messages: MessageInit) => listOf(messages));

const callsOf = (turn: Turn | undefined): string[] =>
  turn?.kind === 'assistant' ? turn.parts.flatMap(({ part }) => (part.case === 'toolCall' ? [part.value.id] : [])) : [];

const resultsOf = (turn: Turn | undefined) => (turn?.kind === 'results' ? turn.results : []);

describe('whatever is said', () => {
  it('results stand right behind their calls, one for each, and calls of one answer have different ids', () => {
    const property = fc.property(anyMessages, (messages) => {
      const { turns } = turnsOf(messages);
      for (const [i, turn] of turns.entries()) {
        const calls = callsOf(turn);
        expect(new Set(calls).size).toBe(calls.length);
        if (calls.length > 0) expect(turns[i + 1]?.kind).toBe('results');
        if (turn.kind === 'results')
          expect(turn.results.map(({ callId }) => callId).sort()).toEqual(callsOf(turns[i - 1]).sort());
      }
    });
    fc.assert(property);
  });

  it('everything else keeps its order, and every part its place', () => {
    const property = fc.property(anyMessages, (messages) => {
      const kept = turnsOf(messages).turns.flatMap((turn) =>
        turn.kind === 'results' ? [] : [[turn.path, turn.parts.map(({ path, part }) => [path, part.case])]],
      );
      const expected = messages.flatMap(({ role, content }, i) =>
        role === Role.TOOL
          ? []
          : [[`messages[${i}]`, content.map(({ part }, j) => [`messages[${i}].content[${j}]`, part.case])]],
      );
      expect(kept).toEqual(expected);
    });
    fc.assert(property);
  });

  it('no result is lost or made up without a warning, and nothing is warned of in vain', () => {
    const property = fc.property(anyMessages, (messages) => {
      const { turns, warned } = turnsOf(messages);
      const given = messages.flatMap(({ content }) => content).filter(({ part }) => part.case === 'toolResult').length;
      const results = turns.flatMap(resultsOf);
      const madeUp = results.filter(({ path }) => !path.endsWith('.tool_result')).length;
      const renamed = turns
        .flatMap((turn) => (turn.kind === 'assistant' ? turn.parts : []))
        .some(({ part, whole, path }) => {
          const [, i = '', j = ''] = /\[(\d+)\]\.content\[(\d+)\]/.exec(path) ?? [];
          expect(whole.part).toEqual(part);
          return part !== messages[Number(i)]?.content[Number(j)]?.part;
        });
      const says = (words: string) => warned.some(({ message }) => message.includes(words));
      expect(says('A tool result was not sent')).toBe(given > results.length - madeUp);
      expect(says('without a result')).toBe(madeUp > 0);
      expect(says('another id')).toBe(renamed);
    });
    fc.assert(property);
  });

  it('takes no longer than the conversation is long', () => {
    const many = Array.from({ length: 20_000 }, () => '1');
    const messages = listOf([
      assistant(...many.map((id) => toolCall(id))),
      ...many.map(() => user()),
      tool(...many.map((id) => toolResult(id))),
    ]);
    const startedAt = performance.now();
    expect(turnsOf(messages).turns).toHaveLength(20_002);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('the request stays as it is', () => {
    const property = fc.property(anyMessages, (messages) => {
      const request = create(CompleteRequestSchema, { messages });
      const before = clone(CompleteRequestSchema, request);
      turnsOf(request.messages);
      expect(request).toEqual(before);
    });
    fc.assert(property);
  });
});
