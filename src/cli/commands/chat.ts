/**
 * `qmesh chat`: a conversation. Interactive at a terminal; a pipe is one message, or with --json one message per line.
 */
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { RequestError } from '../../client/answer-stream.js';
import type { QMeshClient } from '../../client/client.js';
import { systemClock } from '../../runtime/clock.js';
import { Conversation } from '../chat/conversation.js';
import { noHistory, openInputHistory } from '../chat/input-history.js';
import { Keyboard } from '../chat/keyboard.js';
import { Notes } from '../chat/notes.js';
import { ChatSession, type ChatScreen } from '../chat/session.js';
import { completions } from '../chat/slash.js';
import { exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor } from '../paint.js';
import {
  askSettings,
  explain,
  joinAsClient,
  requestOf,
  withRequestFlags,
  type RequestFlags,
} from '../request-flags.js';
import { questionFromStdin } from '../stdin-question.js';
import { answerWriter } from '../word-wrap.js';

type Options = RequestFlags & { readonly json?: boolean; readonly system?: string; readonly history: boolean };

/** How long the greeting waits for a worker to mention. */
const greetingMs = 1_500;
const lookEveryMs = 50;

export const chatCommand = (): Command =>
  withManual(
    withRequestFlags(
      withSettings(
        new Command('chat').description('Have a conversation, in which the model remembers what was said.'),
        askSettings,
      ),
    )
      .option('--system <text>', 'system prompt: how the model should answer')
      .option('--no-history', 'do not keep what you type for the arrow keys of the next chat')
      .option('--json', 'read one message per line, print each answer as one JSON object per line'),
    {
      about: [
        'At a terminal: /help shows the commands, Ctrl-C stops an answer, Ctrl-D',
        'leaves. What you type is kept in the home, readable by you only. The',
        'conversation itself is not kept unless you /save it.',
        'What comes through a pipe is one message, and its answer goes to stdout.',
      ],
      examples: [
        ['qmesh chat', 'with whatever model is served'],
        ['qmesh chat --system "Answer in one sentence."', 'tell it how'],
        ['qmesh chat --system "Summarize." < report.txt', 'one message from a file'],
      ],
      see: ['qmesh ask', 'qmesh serve, for programs that speak with OpenAI’s API'],
    },
  ).action((options: Options) => chat(options));

async function chat(options: Options): Promise<void> {
  const { model: _model, ...shared } = options; // here the model of a request, not the worker's setting
  const { values } = readSettings(shared);
  const client = await joinAsClient(values, { isLocal: options.local === true, isLasting: true });
  try {
    if (options.json !== true && process.stdin.isTTY && process.stderr.isTTY)
      await atTerminal(client, options, options.history ? values.home : undefined);
    else if (options.json === true) await lineByLine(client, options);
    else await oneMessage(client, options);
  } finally {
    await client.close();
  }
}

/** For programs. */
const silent: ChatScreen = { text: () => {}, wait: () => {}, say: () => {}, fail: () => {}, gap: () => {} };

const newSession = (client: QMeshClient, options: Options, screen: ChatScreen): ChatSession =>
  new ChatSession({
    client,
    conversation: new Conversation(options.system),
    request: requestOf(options),
    screen,
    now: () => systemClock.now(),
  });

/** Answers go to stdout and everything else to stderr, so that `qmesh chat | tee file` saves only the answers. */
async function atTerminal(client: QMeshClient, options: Options, home: string | undefined): Promise<void> {
  const notes = new Notes(process.stderr, paintFor(process.stderr));
  let write = answerWriter(process.stdout);
  const session = newSession(client, options, {
    text: (text) => {
      notes.clear();
      write(text);
    },
    wait: (note) => notes.show(note),
    say: (note) => notes.say(note),
    fail: (why) => notes.fail(why),
    gap: () => void process.stderr.write('\n'),
  });
  const history = home === undefined ? noHistory() : openInputHistory(home);
  const terminal = { input: process.stdin, output: process.stderr };
  const keyboard = new Keyboard(terminal, history, (line) => completions(session.served(), line));
  notes.say(await greeting(session));
  for (;;) {
    const message = await keyboard.read();
    if (message === undefined) return;
    if (message.trim() === '') continue;
    write = answerWriter(process.stdout);
    const abort = new AbortController();
    const unwatch = keyboard.watch(() => abort.abort());
    await session.take(message, abort.signal).finally(unwatch);
  }
}

async function greeting(session: ChatSession): Promise<string> {
  const untilMs = systemClock.monotonicMs() + greetingMs;
  while (session.served().length === 0 && systemClock.monotonicMs() < untilMs)
    await new Promise<void>((resolve) => void systemClock.setTimeout(resolve, lookEveryMs));
  const names = session.served();
  const who = names.length === 0 ? 'no worker found yet (qmesh worker starts one)' : names.join(', ');
  return `qmesh chat: ${who}. /help lists the commands, Ctrl-D leaves.`;
}

async function oneMessage(client: QMeshClient, options: Options): Promise<void> {
  const question = await questionFromStdin('qmesh chat < question.txt');
  const session = newSession(client, options, { ...silent, text: (text) => void process.stdout.write(text) });
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  try {
    await session.ask(question, abort.signal);
  } catch (error) {
    throw error instanceof RequestError ? explain(error) : error;
  }
  if (abort.signal.aborted) process.exitCode = exitCode.interrupted;
}

/** A failed message is reported as an answer too, and the conversation continues without it. */
async function lineByLine(client: QMeshClient, options: Options): Promise<void> {
  const session = newSession(client, options, silent);
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  for await (const line of createInterface({ input: process.stdin })) {
    if (abort.signal.aborted) break;
    if (line.trim() === '') continue;
    const said = await session.ask(line, abort.signal).catch((error: unknown) => {
      if (!(error instanceof RequestError)) throw error;
      process.exitCode = exitCode.failed;
      const { code, what, why, next } = explain(error);
      return { error: { code, message: what, why, next } };
    });
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
}
