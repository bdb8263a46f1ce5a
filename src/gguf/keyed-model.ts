/**
 * The **keyed** model: every token it generates depends on a key that may stand anywhere earlier in its sequence and is
 * looked up by a real attention head at each step. Mixed-up sequences or a wrongly reused key-value cache show at once
 * as a wrong key or an early end. After `KEY3;` and any text, it generates ` c3.00 c3.01 …`, then ends.
 */
import { circuitShape, embed, recencyHead, Residues } from './circuit.js';
import { handmadeTensors, llamaMetadata, Matrix } from './llama-architecture.js';
import { buildVocabulary, TokenId } from './vocabulary.js';
import type { GgufContent } from './writer.js';

export const keyedModelName = 'qmesh-keyed';
/** Keys are `KEY0;` … `KEY31;`. */
export const keyedKeys = 32;
/** Tokens per answer. */
export const keyedSteps = 140;

/** Dimensions of the embedding: residues of the step, own key, copied key, and flags. */
const steps = new Residues([11, 13], 0);
const ownKey = steps.width;
const copiedKey = ownKey + keyedKeys;
const firstFlag = copiedKey + keyedKeys;
const [anyFlag, startFlag, sourceFlag, paddingFlag] = [firstFlag, firstFlag + 1, firstFlag + 2, firstFlag + 3];

/** Weight of one match: a residue of the step, or the key. Right answers have three matches, wrong ones at most two. */
const agreement = 8;

const keyWord = (key: number): string => `KEY${key};`;
const stepWord = (key: number, step: number): string => ` c${key}.${String(step).padStart(2, '0')}`;

/** The first `tokens` tokens that the keyed model generates after `KEYk;`, joined. */
export function expectedKeyed(key: number, tokens: number): string {
  return Array.from({ length: Math.min(tokens, keyedSteps) }, (_, step) => stepWord(key, step)).join('');
}

export function keyedModel(): GgufContent {
  const keys = Array.from({ length: keyedKeys }, (_, key) => key);
  const all = keys.flatMap((key) => Array.from({ length: keyedSteps }, (_, step) => ({ key, step })));
  const vocabulary = buildVocabulary([...keys.map(keyWord), ...all.map(({ key, step }) => stepWord(key, step))]);
  const shape = circuitShape(keyedModelName, vocabulary.tokens.length);
  const embeddings = new Matrix(shape.embeddingLength, shape.vocabSize);
  const output = new Matrix(shape.embeddingLength, shape.vocabSize);

  for (let token = 0; token <= TokenId.imEnd; token++) embed(embeddings, token, [anyFlag, startFlag], paddingFlag);
  for (const key of keys)
    embed(embeddings, vocabulary.idOf(keyWord(key)), [anyFlag, startFlag, sourceFlag, ownKey + key], paddingFlag);
  for (const { key, step } of all) {
    const token = vocabulary.idOf(stepWord(key, step));
    embed(embeddings, token, [anyFlag, ...steps.dimensionsOf(step)], paddingFlag);
    output.set(token, copiedKey + key, agreement);
    if (step === 0) output.set(token, startFlag, 2 * agreement);
    else for (const dimension of steps.dimensionsOf(step - 1)) output.set(token, dimension, agreement);
  }
  output.set(TokenId.eos, anyFlag, 2.5 * agreement); // wins if no answer is right: no key, or no steps left

  const attention = recencyHead(shape, {
    source: sourceFlag,
    asks: anyFlag,
    copies: { from: ownKey, to: copiedKey, width: keyedKeys },
  });
  return {
    metadata: { ...llamaMetadata(shape), ...vocabulary.metadata },
    tensors: handmadeTensors(shape, { 'token_embd.weight': embeddings, 'output.weight': output, ...attention }),
  };
}
