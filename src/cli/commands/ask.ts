/** `qmesh ask`: asks one question and streams the answer to the terminal. */
import { Command } from 'commander';
import { RequestError, type Answer, type AnswerStream } from '../../client/answer-stream.js';
import type { CheckedAnswer, QMeshClient, RequestOptions } from '../../client/client.js';
import type { ChatMessage } from '../../protocol/run.js';
import { systemClock } from '../../runtime/clock.js';
import type { Settings } from '../../settings.js';
import { checkedNote, failoverNote, paidNote, positionNote } from '../ask-notes.js';
import { exitCode } from '../failure.js';
import { readSettings, withSettings } from '../load-settings.js';
import { withManual } from '../manual.js';
import { paintFor } from '../paint.js';
import { quote, quoteText } from '../price.js';
import { printable } from '../printable.js';
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

type Options = RequestFlags & { readonly json?: boolean; readonly price?: boolean };

export const askCommand = (): Command =>
  withManual(
    withRequestFlags(
      withSettings(
        new Command('ask')
          .description('Ask a question, and read the answer as it comes.')
          .argument('[prompt...]', 'the question; without one, it is read from stdin'),
        askSettings,
      ),
    )
      .option('--json', 'print one JSON object with the answer, the worker, the tries and the timings')
      .option('--price', 'do not ask, but say what it would cost at most, and which tier it would get'),
    {
      about: [
        'A worker that dies or falls silent in the middle of an answer costs about a',
        'second: another one continues from there. Ctrl-C ends the answer where it is.',
        'Exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted.',
      ],
      examples: [
        ['qmesh ask "count from 5" --max-tokens 10', 'as it comes'],
        ['qmesh ask --json "count from 5"', 'one JSON object, for programs'],
        ['qmesh ask < question.txt', 'a question from a file'],
        ['qmesh ask --local "count from 5"', 'also where there is no worker'],
        ['qmesh ask --price "count from 5"', 'what it would cost'],
        ['qmesh ask --bootstrap 192.168.1.10:50000 "count from 5"', 'in a private mesh'],
      ],
      see: ['qmesh chat', 'docs/errors.md'],
    },
  ).action(async (words: string[], options: Options) =>
    ask(words.length === 0 ? await questionFromStdin('qmesh ask "count from 5"') : words.join(' '), options),
  );

async function ask(prompt: string, options: Options): Promise<void> {
  const abort = abortOnSignal();
  const json = options.json === true;
  const { model: _model, ...shared } = options; // here the model of a request, not the worker's setting
  const { values } = readSettings(shared);
  const messages = [{ role: 'user', content: prompt }];
  if (options.price === true) return sayPrice(messages, values, json);
  const startedMs = systemClock.monotonicMs();
  const client = await joinAsClient(values, { isLocal: options.local === true });
  const connectedMs = systemClock.monotonicMs();
  const request = { messages, ...requestOf(options) };
  const { onPosition, onFailover, ...aside } = asides(json);
  try {
    const stream = client.stream(request, { signal: abort.signal, onPosition, onFailover });
    const check = nextCheck(client, abort.signal);
    const { answer, firstTextMs } = await read(stream, json, aside.textBegins);
    if (json) {
      const timings = {
        connectMs: Math.round(connectedMs - startedMs),
        firstTextMs: firstTextMs === undefined ? null : Math.round(firstTextMs - connectedMs),
        totalMs: Math.round(systemClock.monotonicMs() - startedMs),
      };
      const checked = await check();
      process.stdout.write(`${JSON.stringify({ ...answer, ...(checked && { checked }), timings })}\n`);
    } else {
      if (!answer.text.endsWith('\n')) process.stdout.write('\n');
      aside.textEnded();
      sayPaid(answer);
      sayChecked(await check());
    }
    if (abort.signal.aborted) process.exitCode = exitCode.interrupted;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    if (!json && error.text !== '') process.stdout.write('\n');
    aside.textEnded();
    throw explain(error);
  } finally {
    await client.close();
  }
}

/** For a person; programs use `--json`. */
function sayPaid(answer: Answer): void {
  const note = paidNote(answer);
  if (note !== undefined && process.stderr.isTTY) sayAside(note);
}

/** The text is already in the answer. */
type Checked = Omit<CheckedAnswer, 'text'>;

/** If the check makes this client avoid the worker, that is always reported; other results only to a person. */
function sayChecked(checked: Checked | undefined): void {
  if (checked !== undefined && (checked.isAvoided || process.stderr.isTTY)) sayAside(printable(checkedNote(checked)));
}

function sayAside(note: string): void {
  process.stderr.write(`${paintFor(process.stderr).dim(`[${note}]`)}\n`);
}

/** @returns a function that waits for this answer's check, if there is one; Ctrl-C ends the wait */
function nextCheck(client: QMeshClient, signal: AbortSignal): () => Promise<Checked | undefined> {
  let checked: Checked | undefined;
  client.once('checked', ({ text: _text, ...others }) => (checked = others));
  return async () => {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    if (!signal.aborted) await Promise.race([client.checksSettled(), aborted]);
    return checked;
  };
}

async function sayPrice(messages: readonly ChatMessage[], values: Settings, json: boolean): Promise<void> {
  const told = await quote({ messages }, values);
  process.stdout.write(`${json ? JSON.stringify(told) : quoteText(told, values.maxPrice)}\n`);
}

/** The first Ctrl-C cancels the request, and the answer ends there; a second one ends the process. */
function abortOnSignal(): AbortController {
  const abort = new AbortController();
  process.once('SIGINT', () => {
    process.once('SIGINT', () => process.exit(exitCode.interrupted));
    abort.abort();
  });
  return abort;
}

interface Asides extends Required<Pick<RequestOptions, 'onPosition' | 'onFailover'>> {
  /** From now on notes are held back: they would interrupt a line of the answer. */
  readonly textBegins: () => void;
  /** Shows the notes held back. */
  readonly textEnded: () => void;
}

/** Shows nothing but the answer if nobody is watching, or a program is reading. */
function asides(isSilent: boolean): Asides {
  const isHeard = !isSilent && process.stderr.isTTY;
  let hasText = false;
  let last: string | undefined;
  const waiting: string[] = [];
  const say = (note: string | undefined): void => {
    if (!isHeard || note === undefined || note === last) return;
    last = note;
    if (hasText) waiting.push(printable(note));
    else sayAside(printable(note));
  };
  return {
    onPosition: (position) => say(positionNote(position)),
    onFailover: (failover) => say(failoverNote(failover)),
    textBegins: () => void (hasText = true),
    textEnded: () => waiting.forEach(sayAside),
  };
}

/** Writes the answer to the terminal as it arrives, unless only the whole answer is wanted. */
async function read(
  stream: AnswerStream,
  isSilent: boolean,
  textBegins: () => void,
): Promise<{ readonly answer: Answer; readonly firstTextMs: number | undefined }> {
  let firstTextMs: number | undefined;
  const write = answerWriter(process.stdout);
  for await (const { text } of stream) {
    firstTextMs ??= systemClock.monotonicMs();
    if (isSilent) continue;
    textBegins();
    write(text);
  }
  return { answer: await stream.result, firstTextMs };
}
