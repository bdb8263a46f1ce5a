/** A chat session: each message is either a command, or a question asked with the conversation so far. */
import { RequestError, type Answer, type AnswerStream } from '../../client/answer-stream.js';
import type { AskRequest, QMeshClient, RequestOptions } from '../../client/client.js';
import { failoverNote, positionNote, workerName } from '../ask-notes.js';
import { explain } from '../request-flags.js';
import type { Conversation } from './conversation.js';
import { runSlash, type ChatState } from './slash.js';

export interface ChatScreen {
  /** New text of the answer. */
  text(text: string): void;
  /** Shown while there is no text yet. */
  wait(note: string): void;
  /** Not part of the conversation. */
  say(note: string): void;
  /** Why there is no answer. */
  fail(why: string): void;
  /** Separates two exchanges. */
  gap(): void;
}

export interface ChatOptions {
  readonly client: Pick<QMeshClient, 'stream' | 'workers'>;
  readonly conversation: Conversation;
  /** The same for every request; the messages are added. */
  readonly request: Omit<AskRequest, 'messages' | 'prompt'>;
  readonly screen: ChatScreen;
  readonly now: () => number;
}

const otherModel = 'Choose another one with /model.';

export class ChatSession implements ChatState {
  readonly conversation: Conversation;
  readonly now: () => number;
  model: string | undefined;
  readonly #options: ChatOptions;

  constructor(options: ChatOptions) {
    this.#options = options;
    this.conversation = options.conversation;
    this.now = options.now;
    this.model = options.request.model;
  }

  readonly served = (): readonly string[] => {
    const names = this.#options.client.workers().flatMap(({ status }) => status.models.map(({ name }) => name));
    return [...new Set(names)].sort();
  };

  /** Handles a line typed by the user. Never throws. */
  async take(line: string, signal: AbortSignal): Promise<void> {
    const { screen } = this.#options;
    const told = runSlash(this, line);
    if (told !== undefined) {
      screen.say(told);
      return;
    }
    const question = line.replace(/^\/\//, '/');
    try {
      await this.ask(question, signal);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      const { what, why, next } = explain(error);
      const advice = error.code === 'model_not_found' ? otherModel : next;
      screen.fail(`${what}: ${why} ${[advice, ...this.#keepPart(question, error)].join(' ')}`);
    }
    screen.gap();
  }

  /** A person has seen the part of the answer that arrived, and may ask the model to go on from there. */
  #keepPart(question: string, { text }: RequestError): string[] {
    if (text === '') return [];
    this.conversation.add({ question, answer: text });
    return ['What has arrived stays in the conversation.'];
  }

  /**
   * A question that fails does not become part of the conversation; `take` keeps what a person has seen of its answer.
   * @throws RequestError
   */
  async ask(question: string, signal: AbortSignal): Promise<Answer> {
    for (;;) {
      try {
        return await this.#askOnce(question, signal);
      } catch (error) {
        const isTooLong = error instanceof RequestError && error.code === 'prompt_too_long';
        if (!isTooLong || this.conversation.exchanges.length === 0) throw error;
        const count = this.conversation.forgetOldest();
        this.#options.screen.say(
          `[the model's context is full: forgot the first ${count === 1 ? 'question' : `${count} questions`}]`,
        );
      }
    }
  }

  async #askOnce(question: string, signal: AbortSignal): Promise<Answer> {
    const { client, request, screen } = this.#options;
    const { model: _model, ...rest } = request;
    const notes: string[] = [];
    let tail = '';
    const on: RequestOptions = {
      signal,
      onPosition: (position) => {
        if (tail === '') screen.wait(positionNote(position) ?? '…');
      },
      onFailover: (failover) => notes.push(failoverNote(failover)),
    };
    screen.wait('…');
    const messages = this.conversation.messages(question);
    const stream = client.stream({ ...rest, messages, ...(this.model !== undefined && { model: this.model }) }, on);
    const answer = await this.#read(stream, (text) => (tail = text)).finally(() => {
      if (tail !== '' && !tail.endsWith('\n')) screen.text('\n'); // notes about the answer start on a new line
    });
    if (answer.text !== '' || answer.finishReason !== 'cancelled')
      this.conversation.add({ question, answer: answer.text });
    screen.say(`[${[...notes, ...summary(answer)].join(' · ')}]`);
    return answer;
  }

  async #read(stream: AnswerStream, heard: (text: string) => void): Promise<Answer> {
    for await (const { text } of stream) {
      heard(text);
      this.#options.screen.text(text);
    }
    return stream.result;
  }
}

function summary({ model, worker, usage, timing, tries, finishReason }: Answer): string[] {
  const tokens = usage?.completionTokens ?? 0;
  const isOfOne = tries.length < 2; // the timing covers only the last worker
  const decodeMs = timing === undefined || !isOfOne ? 0 : timing.totalMs - timing.queuedMs - (timing.firstTokenMs ?? 0);
  return [
    ...(finishReason === 'cancelled' ? ['stopped'] : finishReason === 'length' ? ['stopped at the token limit'] : []),
    ...(model === undefined ? [] : [model.name]),
    ...(worker === undefined ? [] : [workerName(worker)]),
    `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`,
    ...(tokens > 1 && decodeMs > 0 ? [`${showRate(((tokens - 1) * 1_000) / decodeMs)} tokens/s`] : []),
  ];
}

const showRate = (rate: number): string => rate.toFixed(rate < 100 ? 1 : 0);
