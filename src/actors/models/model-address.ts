/** Where a model's file lies on the web, by the URI of the catalog. */
import { partOf } from '../../gguf/split.js';

const huggingFace = 'https://huggingface.co';

/**
 * `hf:user/repository/file.gguf` at Hugging Face or at a hub that speaks its paths, or an address as it is.
 * @param hub `HF_ENDPOINT` of the environment, as Hugging Face's own tools read it.
 * @throws Error for one that is neither, that is a part of a model only, or that would travel unencrypted over a network.
 */
export function addressOf(uri: string, hub: string | undefined): URL {
  const [, user, repository, file] = /^hf:([^/:]+)\/([^/:]+)\/(.+)$/.exec(uri) ?? [];
  const text =
    user === undefined || repository === undefined || file === undefined
      ? uri
      : `${(hub ?? huggingFace).replace(/\/+$/, '')}/${user}/${repository}/resolve/main/${file}`;
  if (!URL.canParse(text) || text.startsWith('hf:'))
    throw new Error(`${uri} is no address; write hf:user/repository/file.gguf or https://…`);
  if (partOf(nameInAddress(text)) !== undefined)
    throw new Error(`${uri} is one of several files of a model; QMesh fetches models of one file`);
  const address = new URL(text);
  if (address.username !== '' || address.password !== '')
    throw new Error(`the address at ${address.host} holds a password, which is not sent; give it without`);
  if (!isPrivate(address)) throw new Error(`${text} is not encrypted; use an address that begins with https:`);
  return address;
}

/** Rather than a name or a path. */
export const isAddress = (wanted: string): boolean => /^(hf|https?):/.test(wanted);

/** The file's name without `.gguf`, as a worker would find it. */
export const nameInAddress = (uri: string): string =>
  (uri.split(/[?#]/)[0]?.split('/').at(-1) ?? '').replace(/\.gguf$/i, '').toLowerCase() || 'model';

/** Encrypted, or never on a network. */
export const isPrivate = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
