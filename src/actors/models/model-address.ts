/** Resolves the catalog's URIs to web addresses. */
import { partOf } from '../../gguf/split.js';

const huggingFace = 'https://huggingface.co';

/**
 * Accepts `hf:user/repository/file.gguf`, at Hugging Face or a hub with the same paths, or a plain URL.
 *
 * @param hub `HF_ENDPOINT` from the environment, as Hugging Face's own tools read it
 * @throws Error if it is neither, is only one part of a model, contains credentials, or would be sent unencrypted over
 * a network
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

/** As opposed to a name or a path. */
export const isAddress = (wanted: string): boolean => /^(hf|https?):/.test(wanted);

/** The file's name without `.gguf`, as a worker would look it up. */
export const nameInAddress = (uri: string): string =>
  (uri.split(/[?#]/)[0]?.split('/').at(-1) ?? '').replace(/\.gguf$/i, '').toLowerCase() || 'model';

/** Encrypted, or local to this machine. */
export const isPrivate = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(hostname));
