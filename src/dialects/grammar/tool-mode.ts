import { type ToolChoice, ToolChoiceMode } from '#gen/antiphon/v1/completion_pb.js';

/** Whether a tool is to be called, in OpenAI's words, which others share. */
export type ToolMode = 'auto' | 'none' | 'required';

const modes: Partial<Record<ToolChoiceMode, ToolMode>> = {
  [ToolChoiceMode.AUTO]: 'auto',
  [ToolChoiceMode.NONE]: 'none',
  [ToolChoiceMode.REQUIRED]: 'required',
};

/** The mode that is chosen; undefined: none is, or a tool is chosen by its name. */
export const toolMode = (choice: ToolChoice['choice'] | undefined): ToolMode | undefined =>
  choice?.case === 'mode' ? modes[choice.value] : undefined;
