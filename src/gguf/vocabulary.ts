/**
 * The tokenizer of the models that this project writes: SentencePiece with byte fallback (`tokenizer.ggml.model =
 * "llama"`). Any text can be tokenized. The given `words` become one token each wherever they occur, longest first.
 */
import { TokenType } from './format.js';
import { bool, float32s, int32s, type Metadata, string, strings, uint32 } from './writer.js';

/** ChatML, which node-llama-cpp recognizes by its text: using these models never executes a template. */
export const chatmlTemplate =
  '{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}' +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

const controlTokens = ['<|im_start|>', '<|im_end|>'];

/** IDs shared by all vocabularies here. */
export const TokenId = { unknown: 0, bos: 1, eos: 2, firstByte: 3, space: 259, imStart: 260, imEnd: 261 } as const;

export interface Vocabulary {
  readonly tokens: readonly string[];
  readonly metadata: Metadata;
  /** The ID of a word of this vocabulary; throws for any other text. */
  idOf(word: string): number;
}

export const byteTokenId = (byte: number): number => TokenId.firstByte + byte;

/** @param kind how words are matched: `userDefined` before everything else, `normal` by SentencePiece's merges */
export function buildVocabulary(words: readonly string[], kind: 'userDefined' | 'normal' = 'userDefined'): Vocabulary {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  // The lone space must be a token: without it, llama.cpp spells a space as the three bytes of U+2581.
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, '\u2581', ...controlTokens, ...words];
  const types = [
    ...[TokenType.unknown, TokenType.control, TokenType.control],
    ...bytes.map(() => TokenType.byte),
    ...[TokenType.normal, ...controlTokens.map(() => TokenType.control)],
    ...words.map(() => TokenType[kind]),
  ];
  const ids = new Map(tokens.map((token, id) => [token, id]));
  if (ids.size !== tokens.length) throw new RangeError('a vocabulary holds each word once');
  return {
    tokens,
    metadata: {
      'tokenizer.ggml.model': string('llama'),
      'tokenizer.ggml.pre': string('default'),
      'tokenizer.ggml.tokens': strings(tokens),
      'tokenizer.ggml.scores': float32s(tokens.map((_, id) => (kind === 'normal' && id > TokenId.imEnd ? -id : 0))),
      'tokenizer.ggml.token_type': int32s(types),
      'tokenizer.ggml.bos_token_id': uint32(TokenId.bos),
      'tokenizer.ggml.eos_token_id': uint32(TokenId.eos),
      'tokenizer.ggml.eot_token_id': uint32(TokenId.imEnd),
      'tokenizer.ggml.unknown_token_id': uint32(TokenId.unknown),
      'tokenizer.ggml.add_bos_token': bool(true),
      'tokenizer.ggml.add_eos_token': bool(false),
      'tokenizer.ggml.add_space_prefix': bool(false),
      'tokenizer.chat_template': string(chatmlTemplate),
    },
    idOf(word) {
      const id = ids.get(word);
      if (id === undefined) throw new RangeError(`not in the vocabulary: ${JSON.stringify(word)}`);
      return id;
    },
  };
}
