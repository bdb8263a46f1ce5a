/**
 * `qmesh-demo`: a model of a few megabytes whose greedy answers are known in advance. It counts: "count from 5" is
 * answered with `6 7 8 9 …` up to 3,000, whether as a raw prompt, in a chat, or resumed after "6 7 8". A new mesh works
 * with it before any model has been downloaded, and tests can check answers to the last character.
 *
 * How it counts: tokens lie on a **number line** of 13 · 15 · 16 = 3,120 places, each embedded by its three residues.
 *   - `from N` is a source at place N; words such as `unicode` are sources at places above 3,000.
 *   - An ordinary token asks: the attention head copies the place of the latest source, and the **first** token of the
 *     place after it wins (`6`). If there is no source, the first token of the help text wins.
 *   - A **next** token (` 6`, or a step of a fixed text) does not ask: the token at the place after its own wins.
 */
import { circuitShape, embed, recencyHead, Residues } from './circuit.js';
import { handmadeTensors, llamaMetadata, Matrix } from './llama-architecture.js';
import { buildVocabulary, byteTokenId, TokenId, type Vocabulary } from './vocabulary.js';
import type { GgufContent } from './writer.js';

export const demoModelName = 'qmesh-demo';
/** The largest number it generates before it ends. */
export const demoLastNumber = 3000;
/** It can count from any number below this. */
export const demoStarts = 1000;

/** Its answer if there is nothing to count from. Each piece is one token that people are unlikely to type. */
const helpPieces = [
  'I am',
  ' the QMesh demo model:',
  ' I can only count.',
  ' Ask me',
  ' to count from a number below 1000,',
  ' for example 5.',
];
export const demoHelpText = helpPieces.join('');
const helpPlace = 3011;

/** Its answer after one of these words. Non-ASCII characters are byte tokens, so a stream receives them in pieces. */
const unicodeWords = ['unicode', 'Unicode', 'emoji'];
const unicodePieces = ['✓', ' plus ', 'é', ' minus ', '漢字', ' times ', '👍'];
export const demoUnicodeText = unicodePieces.join('');
const unicodePlace = 3051;

const fromWords = [' from ', 'from ', 'From '];

/** Dimensions of the embedding: residues of the token's own place, residues copied by the head, and flags. */
const moduli = [13, 15, 16];
const own = new Residues(moduli, 0);
const copied = new Residues(moduli, own.width);
const firstFlag = own.width + copied.width;
const [anyFlag, asksFlag, restsFlag] = [firstFlag, firstFlag + 1, firstFlag + 2];
const [sourceFlag, nextFlag, lastFlag, paddingFlag] = [firstFlag + 3, firstFlag + 4, firstFlag + 5, firstFlag + 6];

/**
 * Weight of one matching residue. It is about 30 in logits, so neither rounding nor a sane temperature changes an
 * answer.
 */
const agreement = 8;

/**
 * Preferences far below agreement. They matter only if a grammar forbids everything else: under a JSON schema, close
 * what is open as soon as possible and avoid white space.
 */
const emptyString = '""';
const preferences: readonly (readonly [string, number])[] = [
  [emptyString, 1.75],
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

/** The first `tokens` tokens that the demo model generates when asked to count from `start`, joined. */
export function expectedCount(start: number, tokens: number): string {
  const count = Math.max(0, Math.min(tokens, demoLastNumber - start));
  return Array.from({ length: count }, (_, i) => String(start + 1 + i)).join(' ');
}

export function demoModel(): GgufContent {
  const numbers = Array.from({ length: demoLastNumber }, (_, i) => i + 1);
  const vocabulary = buildVocabulary([
    ...fromWords.flatMap((word) => Array.from({ length: demoStarts }, (_, n) => `${word}${n}`)),
    ...numbers.slice(0, demoStarts).map(String),
    ...numbers.map((n) => ` ${n}`),
    ...helpPieces,
    ...unicodeWords,
    ...unicodePieces.filter(isAscii),
    emptyString,
  ]);
  const shape = circuitShape(demoModelName, vocabulary.tokens.length);
  const embeddings = new Matrix(shape.embeddingLength, shape.vocabSize);
  const output = new Matrix(shape.embeddingLength, shape.vocabSize);
  const line = new NumberLine(embeddings, output);

  line.addOrdinary(shape.vocabSize);
  for (const word of fromWords) for (let n = 0; n < demoStarts; n++) line.addSource(vocabulary.idOf(`${word}${n}`), n);
  for (const word of unicodeWords) line.addSource(vocabulary.idOf(word), unicodePlace - 1);
  for (const n of numbers.slice(0, demoStarts)) line.addFirst(vocabulary.idOf(String(n)), n);
  for (const n of numbers) line.addNext(vocabulary.idOf(` ${n}`), n, n === demoLastNumber);
  const [help = TokenId.eos, ...restOfHelp] = helpPieces.map((piece) => vocabulary.idOf(piece));
  line.addDefault(help, helpPlace);
  line.addText(restOfHelp, helpPlace + 1);
  const [unicode = TokenId.eos, ...restOfUnicode] = unicodeTokens(vocabulary);
  line.addFirst(unicode, unicodePlace);
  line.addText(restOfUnicode, unicodePlace + 1);
  for (const [text, weight] of preferences) output.set(preferredToken(vocabulary, text), anyFlag, weight);
  output.set(TokenId.eos, lastFlag, 5 * agreement);

  const attention = recencyHead(shape, {
    source: sourceFlag,
    asks: asksFlag,
    idle: { refuses: nextFlag, rests: restsFlag, any: anyFlag },
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

/**
 * Non-ASCII pieces become byte tokens. No byte may occur twice in the text, since a token has only one place on the
 * line.
 */
function unicodeTokens(vocabulary: Vocabulary): number[] {
  const tokens = unicodePieces.flatMap((piece) =>
    isAscii(piece) ? [vocabulary.idOf(piece)] : [...Buffer.from(piece)].map(byteTokenId),
  );
  if (new Set(tokens).size !== tokens.length) throw new RangeError('a byte occurs twice in the unicode text');
  return tokens;
}

/** The number line as weights: each kind of token's embedding, and what it is generated after. */
class NumberLine {
  constructor(
    private readonly embeddings: Matrix,
    private readonly output: Matrix,
  ) {}

  /** Initializes all tokens as ordinary; the other methods give some of them another role. */
  addOrdinary(vocabSize: number): void {
    for (let token = 0; token < vocabSize; token++) this.#embed(token, [anyFlag, asksFlag, restsFlag]);
  }

  addSource(token: number, place: number): void {
    this.#embed(token, [anyFlag, asksFlag, sourceFlag, ...own.dimensionsOf(place)]);
  }

  /** Generated where the head copied the place before `place`. */
  addFirst(token: number, place: number): void {
    this.#embed(token, [anyFlag, nextFlag, ...own.dimensionsOf(place)]);
    this.output.set(token, asksFlag, agreement);
    for (const dimension of copied.dimensionsOf(place - 1)) this.output.set(token, dimension, agreement);
  }

  /** Generated after the token at the place before `place`. */
  addNext(token: number, place: number, last: boolean): void {
    this.#embed(token, [anyFlag, nextFlag, ...own.dimensionsOf(place), ...(last ? [lastFlag] : [])]);
    this.output.set(token, nextFlag, agreement);
    this.output.set(token, asksFlag, -3 * agreement); // these must not follow a source's own place
    for (const dimension of own.dimensionsOf(place - 1)) this.output.set(token, dimension, agreement);
  }

  /**
   * Generated where the head copied nothing: scores halfway between a place with three matching residues and one with
   * none.
   */
  addDefault(token: number, place: number): void {
    this.#embed(token, [anyFlag, nextFlag, ...own.dimensionsOf(place)]);
    this.output.set(token, asksFlag, 2.5 * agreement);
  }

  /** The rest of a fixed text: each token follows the one before it. */
  addText(tokens: readonly number[], start: number): void {
    tokens.forEach((token, i) => this.addNext(token, start + i, i === tokens.length - 1));
  }

  #embed(token: number, ones: readonly number[]): void {
    for (let dimension = 0; dimension < this.embeddings.columns; dimension++) this.embeddings.set(token, dimension, 0);
    embed(this.embeddings, token, ones, paddingFlag);
  }
}
