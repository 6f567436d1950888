import type { JsonValue } from '@bufbuild/protobuf';
import { type CompleteRequest, Role, type Tool, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';
import { sampleOf } from './sample.ts';

/** What the mock answers: words, or a call of a tool. */
export type MockAnswer = { readonly text: string } | { readonly tool: Tool; readonly arguments: string };

/** Of the echoed text, so much. */
const ECHO_CHARACTERS = 2_000;

function lastUserText({ messages }: CompleteRequest): string {
  const message = messages.findLast(({ role }) => role === Role.USER);
  const texts = message?.content.flatMap(({ part }) => (part.case === 'text' ? [part.value] : [])) ?? [];
  return texts.join(' ');
}

/** The tool that must be called, or else, but not after a tool's result, the one that the user names. */
function calledTool(request: CompleteRequest): Tool | undefined {
  const choice = request.toolChoice?.choice;
  if (choice?.case === 'name') return request.tools.find(({ name }) => name === choice.value);
  if (choice?.value === ToolChoiceMode.REQUIRED) return request.tools[0];
  if (choice?.value === ToolChoiceMode.NONE || request.messages.at(-1)?.role === Role.TOOL) return undefined;
  const asked = lastUserText(request);
  return request.tools.find(({ name }) => asked.includes(name));
}

const parsed = (schema: string): JsonValue => (schema === '' ? {} : (JSON.parse(schema) as JsonValue));

function words(request: CompleteRequest): string {
  const echo = lastUserText(request).slice(0, ECHO_CHARACTERS).toWellFormed();
  const format = request.responseFormat?.format;
  if (format?.case === 'jsonObject') return JSON.stringify({ mock: true, echo });
  if (format?.case === 'jsonSchema') return JSON.stringify(sampleOf(parsed(format.value.schema)));
  return `This is the mock provider: no model was called. You said: ${echo}`;
}

/** The same request always gets the same answer. */
export function mockAnswer(request: CompleteRequest, reply: string | undefined): MockAnswer {
  if (reply !== undefined) return { text: beforeStop(reply, request.stop) };
  const tool = calledTool(request);
  if (tool) return { tool, arguments: JSON.stringify(sampleOf(parsed(tool.parameters))) };
  return { text: beforeStop(words(request), request.stop) };
}

function beforeStop(text: string, stops: readonly string[]): string {
  const ends = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  return text.slice(0, Math.min(text.length, ...ends));
}
