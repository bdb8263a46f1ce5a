/**
 * Saves a recording of what the page has seen as one file that opens in any browser, without worker or network: a
 * single document with the page, its modules and drawings, and the data.
 */
import type { LogLine, WorkerView } from '../wire.js';
import type { Recording } from './history.js';

export interface Saved extends Recording {
  readonly savedAtMs: number;
  readonly view: WorkerView;
  readonly log: readonly LogLine[];
}

/** The recording in this document; undefined if the page shows a live worker. */
export function savedHere(): { saved: Saved; charts: Record<string, string> } | undefined {
  const text = (id: string): string | undefined => document.getElementById(id)?.textContent ?? undefined;
  const saved = text('saved');
  if (saved === undefined) return undefined;
  return { saved: JSON.parse(saved) as Saved, charts: JSON.parse(text('drawings') ?? '{}') as Record<string, string> };
}

export async function save(saved: Saved, charts: readonly string[]): Promise<void> {
  const [page, style, modules, drawings] = await Promise.all([
    textOf('/'),
    textOf('/style.css'),
    allModules('main.js'),
    Promise.all(charts.map(async (id) => [id, await textOf(`/charts/${encodeURIComponent(id)}.svg`)] as const)),
  ]);
  const imports = Object.fromEntries([...modules].map(([name, code]) => [bare(name), moduleUrl(code)]));
  const head = [
    `<style>${style}</style>`,
    script('importmap', JSON.stringify({ imports })),
    script('application/json', JSON.stringify(saved), 'saved'),
    script('application/json', JSON.stringify(Object.fromEntries(drawings)), 'drawings'),
    script('module', `import '${bare('main.js')}';`),
  ];
  const whole = page
    .replace(/<link rel="stylesheet"[^>]*>/, '')
    .replace(/<script type="module"[^>]*><\/script>/, () => head.join('\n'));
  offer(`qmesh-${new Date(saved.savedAtMs).toISOString().slice(0, 19).replaceAll(':', '')}.html`, whole);
}

/** Escaped, so that no content can end the element early. */
const script = (type: string, content: string, id?: string): string =>
  `<script type="${type}"${id === undefined ? '' : ` id="${id}"`}>${type === 'module' ? content : content.replaceAll('<', '\\u003c')}</script>`;

const bare = (name: string): string => `qmesh/${name}`;
const moduleUrl = (code: string): string => `data:text/javascript;charset=utf-8,${encodeURIComponent(code)}`;

/** A module and everything it imports, by file name. Imports are renamed so that the import map resolves them. */
async function allModules(first: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const waiting = [first];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    const code = await textOf(`/page/${name}`);
    found.set(
      name,
      code.replace(/(from|import) '\.\/([\w-]+\.js)'/g, (_, word: string, other: string) => {
        waiting.push(other);
        return `${word} '${bare(other)}'`;
      }),
    );
  }
  return found;
}

async function textOf(path: string): Promise<string> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}

function offer(name: string, content: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type: 'text/html' }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
