/**
 * How a conversation is written for a model. The format is recognised by the marks that the model's own template
 * and vocabulary contain, and the template is never executed: one from a stranger's file may loop for ever or say anything.
 * Marks are tokenised as control tokens; what people wrote is tokenised as plain text, so no message can speak for
 * another role.
 */
import type { ChatMessage } from './messages.js';

export type ChatRole = 'system' | 'user' | 'assistant';

export interface ChatFormat {
  readonly name: string;
  /** A template that contains all of these is of this format; so is a vocabulary, where none is given. */
  readonly evidence: readonly string[];
  /** What stands before and after a message. The answer begins after `open('assistant')`. */
  open(role: ChatRole): string;
  close(role: ChatRole): string;
  /** False: a system message is put before the first user's words. */
  readonly systemTurn: boolean;
  /** Text that begins someone else's turn, for formats whose marks are plain text. */
  readonly stop?: string;
}

/** A stretch of the written conversation. `marks`: the format's own, in which control tokens count. */
export interface Segment {
  readonly text: string;
  readonly marks: boolean;
}

/** Formats whose roles stand between two marks, as in ChatML: `<open>role<afterRole>content<close>`. */
const headed = (
  name: string,
  open: string,
  afterRole: string,
  close: string,
  options: { systemTurn?: boolean; assistant?: string; evidence?: readonly string[] } = {},
): ChatFormat => ({
  name,
  evidence: options.evidence ?? [open, close.trim()],
  open: (role) => open + (role === 'assistant' ? (options.assistant ?? role) : role) + afterRole,
  close: () => close,
  systemTurn: options.systemTurn ?? true,
});

/** Formats with a mark of its own for each role. */
const marked = (
  name: string,
  open: Readonly<Record<ChatRole, string>>,
  close: Readonly<Record<ChatRole, string>>,
  options: { systemTurn?: boolean; evidence: readonly string[] },
): ChatFormat => ({
  name,
  evidence: options.evidence,
  open: (role) => open[role],
  close: (role) => close[role],
  systemTurn: options.systemTurn ?? true,
});

const same = (text: string): Record<ChatRole, string> => ({ system: text, user: text, assistant: text });

/** In order of how telling their marks are. */
export const chatFormats: readonly ChatFormat[] = [
  headed('phi4', '<|im_start|>', '<|im_sep|>', '<|im_end|>', {
    evidence: ['<|im_start|>', '<|im_sep|>', '<|im_end|>'],
  }),
  headed('chatml', '<|im_start|>', '\n', '<|im_end|>\n'),
  headed('llama3', '<|start_header_id|>', '<|end_header_id|>\n\n', '<|eot_id|>'),
  headed('llama4', '<|header_start|>', '<|header_end|>\n\n', '<|eot|>'),
  // gpt-oss: the answer itself, without the thinking that would come on another channel.
  headed('harmony', '<|start|>', '<|message|>', '<|end|>', {
    assistant: 'assistant<|channel|>final',
    evidence: ['<|start|>', '<|channel|>', '<|message|>', '<|end|>'],
  }),
  headed('gemma', '<start_of_turn>', '\n', '<end_of_turn>\n', { systemTurn: false, assistant: 'model' }),
  headed('granite', '<|start_of_role|>', '<|end_of_role|>', '<|end_of_text|>\n'),
  marked(
    'command-r',
    {
      system: '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>',
      user: '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>',
      assistant: '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>',
    },
    same('<|END_OF_TURN_TOKEN|>'),
    { evidence: ['<|START_OF_TURN_TOKEN|>', '<|CHATBOT_TOKEN|>'] },
  ),
  marked(
    'deepseek',
    { system: '', user: '<｜User｜>', assistant: '<｜Assistant｜>' },
    { system: '', user: '', assistant: '<｜end▁of▁sentence｜>' },
    { evidence: ['<｜User｜>', '<｜Assistant｜>'] },
  ),
  marked('phi3', { system: '<|system|>\n', user: '<|user|>\n', assistant: '<|assistant|>\n' }, same('<|end|>\n'), {
    evidence: ['<|user|>', '<|assistant|>', '<|end|>'],
  }),
  marked('zephyr', { system: '<|system|>\n', user: '<|user|>\n', assistant: '<|assistant|>\n' }, same('</s>\n'), {
    evidence: ['<|user|>', '<|assistant|>'],
  }),
  marked(
    'mistral',
    { system: '', user: '[INST] ', assistant: '' },
    { system: '', user: ' [/INST]', assistant: '</s>' },
    { systemTurn: false, evidence: ['[INST]', '[/INST]'] },
  ),
];

/** For models that were given no format at all. */
export const plainFormat: ChatFormat = {
  name: 'raw',
  evidence: [],
  open: (role) => `${role}:`,
  close: () => '\n',
  systemTurn: true,
  stop: '\nuser:',
};

/** @param isToken whether a text is one token of the vocabulary */
export function detectChatFormat(template: string | undefined, isToken: (text: string) => boolean): ChatFormat {
  const byTemplate = chatFormats.find((format) => format.evidence.every((mark) => template?.includes(mark)));
  return byTemplate ?? chatFormats.find((format) => format.evidence.every(isToken)) ?? plainFormat;
}

/** Index of the first message whose role no format can write, or -1. */
export const firstUnknownRole = (messages: readonly ChatMessage[]): number =>
  messages.findIndex(({ role }) => !['system', 'user', 'assistant', 'tool'].includes(role));

/** What a tool gave back is told by the user: not every format has a role for it. */
const spoken = ({ role, content }: ChatMessage): { role: ChatRole; content: string } =>
  role === 'tool' ? { role: 'user', content: `Result of the tool:\n${content}` } : { role: role as ChatRole, content };

/** The conversation up to where the answer begins. Every role must be known (`firstUnknownRole`). */
export function writeConversation(format: ChatFormat, messages: readonly ChatMessage[]): Segment[] {
  const turns = format.systemTurn ? messages : withSystemInFirstUser(messages);
  const segments = turns.map(spoken).flatMap(({ role, content }) => [
    { text: format.open(role), marks: true },
    { text: content, marks: false },
    { text: format.close(role), marks: true },
  ]);
  segments.push({ text: format.open('assistant'), marks: true });
  return segments.filter(({ text }) => text !== '');
}

function withSystemInFirstUser(messages: readonly ChatMessage[]): ChatMessage[] {
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  const others = messages.filter(({ role }) => role !== 'system');
  if (system.length === 0) return others;
  const first = others.findIndex(({ role }) => role === 'user');
  if (first < 0) return [{ role: 'user', content: system.join('\n\n') }, ...others];
  return others.map((message, index) =>
    index === first ? { role: 'user', content: [...system, message.content].join('\n\n') } : message,
  );
}
