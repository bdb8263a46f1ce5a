/**
 * The key of a model's core: the hash of a manifest that has no signers and contains the file's hash tree. Equal files
 * have equal keys, and no other bytes ever have the same key.
 */
import Hypercore, { type Manifest } from 'hypercore';
import type { ModelContent } from '../../protocol/model-content.js';
import { blockCount } from './block-tree.js';

export const manifestOf = ({ tree, bytes }: Pick<ModelContent, 'tree' | 'bytes'>): Manifest => ({
  version: 1,
  hash: 'blake2b',
  allowPatch: false,
  quorum: 0,
  signers: [],
  prologue: { hash: Buffer.from(tree, 'hex'), length: blockCount(bytes) },
  linked: null,
  userData: null,
});

export const keyOf = (content: Pick<ModelContent, 'tree' | 'bytes'>): Uint8Array => Hypercore.key(manifestOf(content));
