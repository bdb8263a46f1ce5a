/**
 * Who may read the admin server. It has no password: it is reached from this machine only, unless its owner gave it another address. A
 * page of a stranger in the owner's browser is kept out by what it cannot choose: the Host that it was resolved from (so no name of a
 * stranger may lead here), and the Origin that its scripts have. A link that the owner clicks on such a page does lead here: what it
 * opens is a window of its own, which the page that had the link cannot read.
 */
import { isIP } from 'node:net';

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

interface Headers {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
  readonly 'sec-fetch-mode'?: string | string[] | undefined;
  readonly 'sec-fetch-dest'?: string | string[] | undefined;
}

/**
 * Why a request is refused; undefined where it may be answered. @param isLoopback the server is bound to this machine alone.
 * Otherwise it also answers to addresses and to names without a dot, as a container's network has them: no stranger owns one.
 */
export function refusalOf({ host, origin, ...other }: Headers, isLoopback: boolean): string | undefined {
  const { hostname } = parsed(`http://${host ?? ''}`);
  if (!isOurName(hostname, isLoopback)) return 'This name does not lead here: use the address that the worker logged.';
  if (origin !== undefined && parsed(origin).host !== parsed(`http://${host ?? ''}`).host)
    return 'Pages of other origins may not read this.';
  const isLink = other['sec-fetch-mode'] === 'navigate' && other['sec-fetch-dest'] === 'document';
  return other['sec-fetch-site'] === 'cross-site' && !isLink ? 'Pages of other sites may not read this.' : undefined;
}

function isOurName(name: string, isLoopback: boolean): boolean {
  if (loopbackNames.includes(name)) return true;
  return !isLoopback && name !== '' && (isIP(name.replace(/^\[|\]$/g, '')) > 0 || !name.includes('.'));
}

function parsed(url: string): { readonly host: string; readonly hostname: string } {
  try {
    return new URL(url);
  } catch {
    return { host: '', hostname: '' };
  }
}
