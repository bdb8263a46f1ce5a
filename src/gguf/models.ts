/** The models that this project can write, by kind. */
import { benchModel } from './bench-model.js';
import { demoModel } from './demo-model.js';
import { keyedModel } from './keyed-model.js';
import { type GgufContent, writeGguf } from './writer.js';

const makers = {
  demo: demoModel,
  keyed: keyedModel,
  'bench-tiny': () => benchModel('tiny'),
  'bench-0.5b': () => benchModel('0.5b'),
  'bench-1b': () => benchModel('1b'),
} as const satisfies Readonly<Record<string, () => GgufContent>>;

export type ModelKind = keyof typeof makers;

export const modelKinds = Object.keys(makers) as readonly ModelKind[];

export const isModelKind = (text: string): text is ModelKind => Object.hasOwn(makers, text);

/**
 * Writes a model of this kind, completely or not at all.
 * @returns its size in bytes
 */
export function writeModel(kind: ModelKind, path: string): Promise<number> {
  return writeGguf(path, makers[kind]());
}
