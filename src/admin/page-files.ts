/**
 * The files served to the browser, by path: the page, its style, its modules as compiled from page/, and the charts of
 * docs/statecharts. Read once, some 250 kB in all, charts included; nothing comes from anywhere else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { indexPage } from './index-page.js';
import { style } from './style.js';

export interface PageFile {
  readonly type: string;
  readonly body: string;
}

/** In the build output, beside this file. */
const modules = new URL('./page/', import.meta.url);
const charts = new URL('../../docs/statecharts/', import.meta.url);

export function pageFiles(): ReadonlyMap<string, PageFile> {
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: indexPage }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: style }],
    ...filesOf(modules, '.js', '/page/', 'text/javascript; charset=utf-8'),
    ...filesOf(charts, '.svg', '/charts/', 'image/svg+xml'),
  ]);
}

/** None if the folder is missing: a package without its docs has a page without charts. */
function filesOf(folder: URL, ending: string, path: string, type: string): [string, PageFile][] {
  return listed(folder)
    .filter((name) => name.endsWith(ending))
    .map((name) => [
      path + name,
      { type, body: readFileSync(new URL(name, folder), 'utf8').replace(/\n\/\/# sourceMappingURL=.*/, '') },
    ]);
}

function listed(folder: URL): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
