/**
 * Who may read the admin server. It has no password: it is reachable only from this machine, unless its owner chose
 * another address. A stranger's page in the owner's browser is kept out by two headers it cannot choose: Host (no name
 * that a stranger owns is accepted) and the Origin of its scripts. A link on such a page does work if the owner clicks
 * it, but it opens a window that the page cannot read.
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
 * Why a request is refused; undefined if it may be answered.
 * @param isLoopback the server is bound to this machine only. Otherwise it also answers to IP addresses and to names
 * without a dot, as used in container networks, since no stranger can own one.
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
