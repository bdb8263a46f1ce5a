import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../../src/admin/guard.js';

const asked = (host: string | undefined, more: object = {}) => ({ host, ...more });

describe('who may read the admin server', () => {
  it('on loopback: this machine by its own names, at any port', () => {
    for (const host of ['127.0.0.1:8787', 'localhost:8787', '[::1]:8787', 'localhost'])
      expect(refusalOf(asked(host), true)).toBeUndefined();
  });

  it('never a name that a stranger can point here, whatever it looks like', () => {
    for (const host of [
      'evil.example',
      'evil.example:8787',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '127.0.0.1@evil.example',
      '',
      undefined,
      '//',
    ]) {
      expect(refusalOf(asked(host), true), String(host)).toBeDefined();
      expect(refusalOf(asked(host), false), String(host)).toBeDefined();
    }
  });

  it('beyond loopback: also addresses, and names without a dot', () => {
    for (const host of ['192.168.1.10:8787', '[2001:db8::1]:8787', 'worker:8787']) {
      expect(refusalOf(asked(host), false), host).toBeUndefined();
      expect(refusalOf(asked(host), true), host).toBeDefined();
    }
  });

  it('no page of another origin, and none of another site', () => {
    const host = '127.0.0.1:8787';
    expect(refusalOf(asked(host, { origin: 'http://127.0.0.1:8787' }), true)).toBeUndefined();
    for (const origin of ['http://evil.example', 'http://127.0.0.1:8080', 'null', 'http://localhost:8787', ''])
      expect(refusalOf(asked(host, { origin }), true), origin).toBeDefined();
    expect(refusalOf(asked(host, { 'sec-fetch-site': 'same-origin' }), true)).toBeUndefined();
    expect(refusalOf(asked(host, { 'sec-fetch-site': 'cross-site' }), true)).toBeDefined();
  });

  it('a link on another site opens the page, and a frame or a script there does not', () => {
    const crossSite = (mode: string, dest: string): string | undefined =>
      refusalOf(
        asked('127.0.0.1:8787', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': mode, 'sec-fetch-dest': dest }),
        true,
      );
    expect(crossSite('navigate', 'document')).toBeUndefined();
    expect(crossSite('navigate', 'iframe')).toBeDefined();
    expect(crossSite('no-cors', 'script')).toBeDefined();
  });
});
