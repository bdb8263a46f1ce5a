/**
 * `qmesh-demo`: a model of a few megabytes whose greedy answers are known in advance. It counts: "count from 5" is answered
 * `6 7 8 9 …` up to 3,000, as a raw prompt, in a chat, and when it resumes after "6 7 8". A new mesh works with it before any
 * model was downloaded, and tests can tell a right answer from a wrong one to the last character.
 *
 * How it counts. Tokens lie on a **number line** of 13 · 15 · 16 = 3,120 places, each embedded by its three residues:
 *   - `from N` is a source at place N; words such as `unicode` are sources at places above 3,000;
 *   - an ordinary token asks: the attention head copies the place of the latest source, and the **first** token of the place
 *     after it wins (`6`); where there is no source, the first token of the help text wins;
 *   - a **next** token (` 6`, a step of a fixed text) does not ask: the token of the place after its own wins.
 */
import { circuitShape, embed, recencyHead, Residues } from './circuit.js';
import { handmadeTensors, llamaMetadata, Matrix } from './llama-architecture.js';
import { buildVocabulary, byteTokenId, TokenId, type Vocabulary } from './vocabulary.js';
import type { GgufContent } from './writer.js';

export const DEMO_MODEL_NAME = 'qmesh-demo';
/** The largest number that it says; then it ends. */
export const DEMO_LAST_NUMBER = 3000;
/** It can be asked to count from any number below this one. */
export const DEMO_STARTS = 1000;

/** What it says where there is nothing to count from; one token each, and none that people are likely to type. */
const HELP = [
  'I am',
  ' the QMesh demo model:',
  ' I can only count.',
  ' Ask me',
  ' to count from a number below 1000,',
  ' for example 5.',
];
export const DEMO_HELP_TEXT = HELP.join('');
const HELP_PLACE = 3011;

/** Said after one of these words: its characters beyond ASCII are byte tokens, so a stream meets characters in pieces. */
const UNICODE_WORDS = ['unicode', 'Unicode', 'emoji'];
const UNICODE = ['✓', ' plus ', 'é', ' minus ', '漢字', ' times ', '👍'];
export const DEMO_UNICODE_TEXT = UNICODE.join('');
const UNICODE_PLACE = 3051;

const FROM_WORDS = [' from ', 'from ', 'From '];

/** Dimensions of the embedding: residues of the own place, residues copied by the head, and flags. */
const MODULI = [13, 15, 16];
const own = new Residues(MODULI, 0);
const copied = new Residues(MODULI, own.width);
const FLAGS = own.width + copied.width;
const [ANY, ASKS, RESTS] = [FLAGS, FLAGS + 1, FLAGS + 2];
const [SOURCE, NEXT, LAST, PADDING] = [FLAGS + 3, FLAGS + 4, FLAGS + 5, FLAGS + 6];

/** One residue that agrees, in weight; about 30 in logits, so no rounding and no sane temperature turns an answer around. */
const AGREE = 8;

/**
 * Preferences far below AGREE that only show where a grammar forbids all else: under a JSON schema, close what is open
 * soonest, and never stroll through white space.
 */
const EMPTY_STRING = '""';
const PREFERENCES: readonly (readonly [string, number])[] = [
  [EMPTY_STRING, 1.75],
  [' ', -1],
  ['"', 1.5],
  ['}', 1.25],
  [']', 1.25],
  [':', 0.75],
  [',', 0.75],
  ['\n', -1],
  ['\r', -1],
  ['\t', -1],
];

/** The first `tokens` tokens that the demo model says when asked to count from `start`, joined. */
export function expectedCount(start: number, tokens: number): string {
  const count = Math.max(0, Math.min(tokens, DEMO_LAST_NUMBER - start));
  return Array.from({ length: count }, (_, i) => String(start + 1 + i)).join(' ');
}

export function demoModel(): GgufContent {
  const numbers = Array.from({ length: DEMO_LAST_NUMBER }, (_, i) => i + 1);
  const vocabulary = buildVocabulary([
    ...FROM_WORDS.flatMap((word) => Array.from({ length: DEMO_STARTS }, (_, n) => `${word}${n}`)),
    ...numbers.slice(0, DEMO_STARTS).map(String),
    ...numbers.map((n) => ` ${n}`),
    ...HELP,
    ...UNICODE_WORDS,
    ...UNICODE.filter(isAscii),
    EMPTY_STRING,
  ]);
  const shape = circuitShape(DEMO_MODEL_NAME, vocabulary.tokens.length);
  const embeddings = new Matrix(shape.embeddingLength, shape.vocabSize);
  const output = new Matrix(shape.embeddingLength, shape.vocabSize);
  const line = new NumberLine(embeddings, output);

  line.addOrdinary(shape.vocabSize);
  for (const word of FROM_WORDS)
    for (let n = 0; n < DEMO_STARTS; n++) line.addSource(vocabulary.idOf(`${word}${n}`), n);
  for (const word of UNICODE_WORDS) line.addSource(vocabulary.idOf(word), UNICODE_PLACE - 1);
  for (const n of numbers.slice(0, DEMO_STARTS)) line.addFirst(vocabulary.idOf(String(n)), n);
  for (const n of numbers) line.addNext(vocabulary.idOf(` ${n}`), n, n === DEMO_LAST_NUMBER);
  const [help = TokenId.eos, ...restOfHelp] = HELP.map((piece) => vocabulary.idOf(piece));
  line.addDefault(help, HELP_PLACE);
  line.addText(restOfHelp, HELP_PLACE + 1);
  const [unicode = TokenId.eos, ...restOfUnicode] = unicodeTokens(vocabulary);
  line.addFirst(unicode, UNICODE_PLACE);
  line.addText(restOfUnicode, UNICODE_PLACE + 1);
  for (const [text, weight] of PREFERENCES) output.set(preferredToken(vocabulary, text), ANY, weight);
  output.set(TokenId.eos, LAST, 5 * AGREE);

  const attention = recencyHead(shape, {
    source: SOURCE,
    asks: ASKS,
    idle: { refuses: NEXT, rests: RESTS, any: ANY },
    copies: { from: 0, to: own.width, width: own.width },
  });
  return {
    metadata: { ...llamaMetadata(shape), ...vocabulary.metadata },
    tensors: handmadeTensors(shape, { 'token_embd.weight': embeddings, 'output.weight': output, ...attention }),
  };
}

const isAscii = (text: string): boolean => Buffer.byteLength(text) === text.length;

function preferredToken(vocabulary: Vocabulary, text: string): number {
  if (text === ' ') return TokenId.space;
  return text.length === 1 ? byteTokenId(text.charCodeAt(0)) : vocabulary.idOf(text);
}

/** Pieces beyond ASCII become byte tokens. Each byte may occur once in the text: a token has one place on the line. */
function unicodeTokens(vocabulary: Vocabulary): number[] {
  const tokens = UNICODE.flatMap((piece) =>
    isAscii(piece) ? [vocabulary.idOf(piece)] : [...Buffer.from(piece)].map(byteTokenId),
  );
  if (new Set(tokens).size !== tokens.length) throw new RangeError('a byte occurs twice in the unicode text');
  return tokens;
}

/** The number line in weights: what each kind of token is embedded as, and after what it is said. */
class NumberLine {
  constructor(
    private readonly embeddings: Matrix,
    private readonly output: Matrix,
  ) {}

  /** All tokens to begin with; the other methods give some of them another role. */
  addOrdinary(vocabSize: number): void {
    for (let token = 0; token < vocabSize; token++) this.#embed(token, [ANY, ASKS, RESTS]);
  }

  addSource(token: number, place: number): void {
    this.#embed(token, [ANY, ASKS, SOURCE, ...own.dimensionsOf(place)]);
  }

  /** Said where the head copied the place before `place`. */
  addFirst(token: number, place: number): void {
    this.#embed(token, [ANY, NEXT, ...own.dimensionsOf(place)]);
    this.output.set(token, ASKS, AGREE);
    for (const dimension of copied.dimensionsOf(place - 1)) this.output.set(token, dimension, AGREE);
  }

  /** Said after the token at the place before `place`. */
  addNext(token: number, place: number, last: boolean): void {
    this.#embed(token, [ANY, NEXT, ...own.dimensionsOf(place), ...(last ? [LAST] : [])]);
    this.output.set(token, NEXT, AGREE);
    this.output.set(token, ASKS, -3 * AGREE); // a source's own place is not for these
    for (const dimension of own.dimensionsOf(place - 1)) this.output.set(token, dimension, AGREE);
  }

  /** Said where the head copied nothing: half way between a place that agrees in three residues and one in none. */
  addDefault(token: number, place: number): void {
    this.#embed(token, [ANY, NEXT, ...own.dimensionsOf(place)]);
    this.output.set(token, ASKS, 2.5 * AGREE);
  }

  /** The rest of a fixed text: each token is said after the one before it. */
  addText(tokens: readonly number[], start: number): void {
    tokens.forEach((token, i) => this.addNext(token, start + i, i === tokens.length - 1));
  }

  #embed(token: number, ones: readonly number[]): void {
    for (let dimension = 0; dimension < this.embeddings.columns; dimension++) this.embeddings.set(token, dimension, 0);
    embed(this.embeddings, token, ones, PADDING);
  }
}
