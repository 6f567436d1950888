import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type CompleteResponse,
  type Message,
  MessageSchema,
  type PartSchema,
  Role,
} from '#gen/antiphon/v1/completion_pb.js';

/** A part of a message; a string stands for a part with this text. */
export type Content = string | MessageInitShape<typeof PartSchema>;

/** The application's instructions. */
export const system = (text: string): Message => said(Role.SYSTEM, [text]);

/** What the user says: text, images, sound, documents. */
export const user = (...content: readonly Content[]): Message => said(Role.USER, content);

/** What the model said before: text, or the `content` of its answer as it came. */
export const assistant = (...content: readonly Content[]): Message => said(Role.ASSISTANT, content);

/** The answer to the tool call of this id. */
export const toolResult = (toolCallId: string, ...content: readonly Content[]): Message =>
  said(Role.TOOL, [{ part: { case: 'toolResult', value: { toolCallId, content: content.map(partOf) } } }]);

/** The text of an answer: that of all its text parts, one after the other. */
export const textOf = ({ content }: Pick<CompleteResponse, 'content'>): string =>
  content.map(({ part }) => (part.case === 'text' ? part.value : '')).join('');

const said = (role: Role, content: readonly Content[]): Message =>
  create(MessageSchema, { role, content: content.map(partOf) });

const partOf = (content: Content): MessageInitShape<typeof PartSchema> =>
  typeof content === 'string' ? { part: { case: 'text', value: content } } : content;
