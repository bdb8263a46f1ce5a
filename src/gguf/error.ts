/** Why a model file is refused: one code per cause, a reason for people, and what to do next. */

export type GgufErrorCode =
  /** The file cannot be opened or read. */
  | 'unreadable'
  /** Not a GGUF file: empty, text, a web page, another format. */
  | 'not_gguf'
  /** A GGUF version or byte order that llama.cpp does not load. */
  | 'unsupported_version'
  /** The file is shorter than its header requires. */
  | 'truncated'
  /** A count or length beyond any real model's: damaged, or made to exhaust memory. */
  | 'limit_exceeded'
  /** A metadata value has the wrong type or is impossible. */
  | 'bad_metadata'
  /** A tensor's type, size or offset is impossible. */
  | 'bad_tensor'
  /** Tensors that the architecture requires are missing, or do not match the metadata. */
  | 'tensor_mismatch'
  /** The tokenizer is missing, incomplete or inconsistent. */
  | 'bad_tokenizer'
  /** It belongs to a model, or does not generate text. The file itself is fine. */
  | 'other_kind'
  /** One part of a model in several files: not the first, or others are missing. */
  | 'not_whole'
  /** A valid model that is too large for this machine's memory. */
  | 'too_large';

const adviceFor: Readonly<Record<GgufErrorCode, string>> = {
  unreadable: 'Check the path and the permissions of the file.',
  not_gguf: 'Give the path of a GGUF model; if this file was downloaded, the download brought something else.',
  unsupported_version: 'Get the model in GGUF version 3, little-endian.',
  truncated: 'Download it again: it is not whole.',
  limit_exceeded: 'No real model is like this: delete the file, or get it from a source you trust.',
  bad_metadata: 'llama.cpp would crash on it: get the model from another source, or convert it again.',
  bad_tensor: 'llama.cpp cannot load it: get the model from another source, or convert it again.',
  tensor_mismatch: 'The file is incomplete or was converted wrongly: get the model from another source.',
  bad_tokenizer: 'The file was converted wrongly: get the model from another source.',
  other_kind: 'Give the model itself: a file that writes text.',
  not_whole:
    'Put all parts into one folder under their own names, and give the first; or make them one file with llama-gguf-split --merge.',
  too_large: '`qmesh models recommend` says what fits.',
};

export class GgufError extends Error {
  override readonly name = 'GgufError';
  /** What to do next, as sentences. */
  readonly advice: string;

  /** @param reason what is wrong with the file: a clause without a full stop */
  constructor(
    readonly code: GgufErrorCode,
    readonly file: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${reason}. ${adviceFor[code]}`, options);
    this.advice = adviceFor[code];
  }
}
