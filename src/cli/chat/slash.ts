/** The commands of a chat: `/model`, `/system` and so on. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isCode, messageOf } from '../../runtime/errors.js';
import { nearest } from '../../runtime/near-match.js';
import type { Conversation } from './conversation.js';

/** The state that the commands act on. */
export interface ChatState {
  readonly conversation: Conversation;
  /** Undefined: the first model of whichever worker answers. */
  model: string | undefined;
  /** Models served at the moment. */
  readonly served: () => readonly string[];
  /** For file names. */
  readonly now: () => number;
}

interface SlashCommand {
  readonly takes: string;
  readonly does: string;
  /** @returns the text to show */
  readonly run: (state: ChatState, argument: string) => string;
}

const none = '-';

export const slashCommands: Readonly<Record<string, SlashCommand>> = {
  '/model': {
    takes: '[name]',
    does: `choose a model (${none} for any), or show what is served`,
    run: (state, name) => (name === '' ? showModels(state) : chooseModel(state, name)),
  },
  '/system': {
    takes: '[text]',
    does: `set how the model should answer (${none} to unset), or show it`,
    run: ({ conversation }, text) => {
      if (text !== '') conversation.system = text === none ? undefined : text;
      return conversation.system === undefined ? 'No system prompt.' : `System prompt: ${conversation.system}`;
    },
  },
  '/clear': {
    takes: '',
    does: 'start over; the system prompt stays',
    run: ({ conversation }) => {
      conversation.clear();
      return 'Started over.';
    },
  },
  '/save': { takes: '[file]', does: 'write the conversation to a file, as Markdown', run: save },
  '/help': { takes: '', does: 'show this', run: () => help() },
};

/** Undefined if the line is not a command but text for the model. `//…` is text that begins with a slash. */
export function runSlash(state: ChatState, line: string): string | undefined {
  if (!line.startsWith('/') || line.startsWith('//')) return undefined;
  const [, word = '', argument = ''] = /^(\/\S*)\s*([\s\S]*)$/.exec(line) ?? [];
  const command = slashCommands[word];
  if (command !== undefined) return command.run(state, argument.trim());
  const meant = nearest(word, Object.keys(slashCommands));
  return `${word} is not a command${meant === undefined ? '' : `; did you mean ${meant}?`} (/help lists them; start with // to send text that begins with a slash)`;
}

/** Completions of a line: commands, and models served at the moment. */
export function completions(served: readonly string[], line: string): readonly string[] {
  const models = served.map((name) => `/model ${name}`);
  const all = line.startsWith('/model ') ? models : Object.keys(slashCommands);
  return line.startsWith('/') ? all.filter((candidate) => candidate.startsWith(line)) : [];
}

function help(): string {
  const rows = Object.entries(slashCommands).map(
    ([name, { takes, does }]) => [`${name} ${takes}`.trim(), does] as const,
  );
  const keys = [
    ['Ctrl-C', 'stop the answer, or discard what you are typing'],
    ['Ctrl-D', 'leave'],
    ['\\ at the end', 'continue the message on the next line'],
    ['"""', 'begin or end a message of several lines'],
    ['Up, Tab', 'earlier lines; complete a command'],
  ] as const;
  return [...rows, ...keys].map(([name, does]) => `${name.padEnd(16)} ${does}`).join('\n');
}

function showModels({ model, served }: ChatState): string {
  const names = served();
  if (names.length === 0) return 'No worker is serving anything right now.';
  const shown = names.map((name) => (name === model ? `${name} (chosen)` : name)).join(', ');
  return `Served now: ${shown}${model === undefined ? '. None is chosen, so any may answer.' : ''}`;
}

/** Accepts a model that nobody serves now, since somebody may later. */
function chooseModel(state: ChatState, name: string): string {
  state.model = name === none ? undefined : name;
  if (state.model === undefined) return 'Any model may answer.';
  const served = state.served();
  if (served.includes(name)) return `${name} answers from now on.`;
  const meant = nearest(name, served);
  const hint = meant === undefined ? '.' : `; did you mean ${meant}?`;
  return `No worker is serving ${name} right now${hint} It is chosen all the same; /model ${none} undoes that.`;
}

function save({ conversation, now }: ChatState, file: string): string {
  if (conversation.exchanges.length === 0) return 'There is nothing to save yet.';
  const stamp = new Date(now()).toISOString().slice(0, 19).replaceAll(':', '-');
  const path = resolve(file === '' ? `qmesh-chat-${stamp}.md` : file);
  try {
    writeFileSync(path, conversation.markdown(), { flag: 'wx', mode: 0o600 });
    return `Saved to ${path}`;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return `Not saved: ${path} exists already. Choose another name.`;
    return `Not saved: ${messageOf(error)}`;
  }
}
