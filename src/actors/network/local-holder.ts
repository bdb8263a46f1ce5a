/**
 * The DHT node on this machine's well-known port, through which the nodes of a local mesh find each other. It alone
 * stores announcements, so the mesh is a star: a lookup takes one round trip and never asks a dead node. Whoever binds
 * the port holds the mesh; the kernel decides if several try at once.
 *
 * Other programs speak this DHT protocol too, and one of them may be part of the public DHT. So a holder answers a
 * query that only QMesh sends, with a number unique to each holder: it identifies the holder and reveals when it
 * changed.
 */
import type HyperDHT from 'hyperdht';
import type { Address } from 'hyperdht';
import Plugin, { type IncomingRequest, type PluginReply } from 'hyperdht/lib/plugin.js';
import { isCode } from '../../runtime/errors.js';
import { bindBootstrapper } from './bind-bootstrapper.js';

const pluginName = 'qmesh-local';
const pluginVersion = 1;
const commandWho = 0;

/** Registered by the holder to answer, by the other members to ask. */
export class HolderMark extends Plugin {
  readonly #mark: Uint8Array | null;

  /** @param mark what this node answers; null if it only asks. */
  constructor(mark: Uint8Array | null) {
    super(pluginName, pluginVersion);
    this.#mark = mark;
  }

  /** The mark of the node at `address`, in hex; undefined if it does not answer or does not know the query. */
  async ask(address: Address): Promise<string | undefined> {
    const noAnswer = (): PluginReply => ({ error: 1, value: null });
    const { error, value } = await this.request({ command: commandWho }, address, { retry: false }).catch(noAnswer);
    return error === 0 && value !== null ? Buffer.from(value).toString('hex') : undefined;
  }

  override onrequest(request: { readonly command: number }, incoming: IncomingRequest): void {
    if (this.#mark === null || request.command !== commandWho) return;
    incoming.reply(this.#mark, { token: false, closerNodes: false });
  }

  override onpersistent(): void {}

  override destroy(): void {}
}

/** Binds the port and answers on it; undefined if another process holds it. */
export async function holdPort(address: Address, mark: Uint8Array): Promise<HyperDHT | undefined> {
  try {
    const { node } = await bindBootstrapper(address);
    node.register(pluginName, new HolderMark(mark));
    return node;
  } catch (error) {
    if (isCode(error, 'EADDRINUSE')) return undefined;
    throw error;
  }
}
