/**
 * Separate hosts on one machine: network namespaces on a bridge, which is a namespace too. This machine's own network
 * is not touched. Needs root and Debian's `iproute2`, so callers check `whyNoNamespaces` first.
 */
import { execFileSync, spawnSync } from 'node:child_process';

const subnet = '10.78.0';

/** Why this machine cannot have them, or undefined. */
export function whyNoNamespaces(): string | undefined {
  const name = `qmesh-${process.pid}-try`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.error !== undefined) return 'there is no `ip` (iproute2)';
  if (made.status !== 0) return `ip netns: ${made.stderr.trim()}`;
  const { status } = spawnSync('ip', ['-n', name, 'link', 'add', 'type', 'veth'], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'del', name]);
  return status === 0 ? undefined : 'the kernel has no veth';
}

export interface Host {
  readonly address: string;
  /** A command line prefix that runs the rest there. */
  readonly prefix: readonly string[];
  /** Commands that pull its cable and put it back; neither end is told. */
  readonly cut: readonly string[];
  readonly mend: readonly string[];
  /** Changes its address. */
  move(): void;
}

export class Namespaces {
  readonly #bridge = `qmesh-${process.pid}-bridge`;
  readonly #names: string[] = [];
  #addresses = 0;

  constructor() {
    this.#add(this.#bridge);
    ip('-n', this.#bridge, 'link', 'add', 'bridge0', 'type', 'bridge');
    ip('-n', this.#bridge, 'link', 'set', 'bridge0', 'up');
  }

  host(): Host {
    const place = this.#names.length;
    const name = `qmesh-${process.pid}-${place}`;
    const port = `port${place}`;
    this.#add(name);
    ip('link', 'add', 'eth', 'netns', name, 'type', 'veth', 'peer', 'name', port, 'netns', this.#bridge);
    ip('-n', this.#bridge, 'link', 'set', port, 'master', 'bridge0', 'up');
    const address = this.#nextAddress();
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'eth');
    ip('-n', name, 'link', 'set', 'eth', 'up');
    const cable = (state: string): readonly string[] => ['ip', '-n', this.#bridge, 'link', 'set', port, state];
    return {
      address,
      prefix: ['ip', 'netns', 'exec', name],
      cut: cable('nomaster'),
      mend: ['ip', '-n', this.#bridge, 'link', 'set', port, 'master', 'bridge0'],
      move: () => {
        ip('-n', name, 'addr', 'flush', 'dev', 'eth', 'scope', 'global');
        ip('-n', name, 'addr', 'add', `${this.#nextAddress()}/24`, 'dev', 'eth');
      },
    };
  }

  /** Everything running there must have ended. */
  remove(): void {
    for (const name of this.#names.splice(0)) ip('netns', 'del', name);
  }

  #add(name: string): void {
    ip('netns', 'add', name);
    this.#names.push(name);
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }

  #nextAddress(): string {
    return `${subnet}.${++this.#addresses}`;
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
