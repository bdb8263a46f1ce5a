/**
 * House style as a test: what lint cannot see because it looks at one file at a time, and what nobody should have to say
 * in a review. Each rule's reason stands in CONTRIBUTING.md. An exception is a line in a list here, with its reason, and a
 * list that names something that needs no exception fails too.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** Lines a file of src/ may have, and the files that may have more. */
const maxFileLines = 350;
const longFiles: Readonly<Record<string, string>> = {};

/** Lines of its own that a function may have (those of functions inside it are theirs), and `path:name` of those with more. */
const maxFunctionLines = 60;
const longFunctions: Readonly<Record<string, string>> = {};

/** Where programs start: everything else in src/ is reached from here, or is dead. */
const entries: Readonly<Record<string, string>> = {
  'src/worker.ts': 'node dist/worker.js',
  'src/index.ts': "the package's public names",
  'src/cli/qmesh.ts': "the package's command",
  'src/runtime/statechart-pages.ts': 'npm run statecharts',
  'src/cli/error-codes.ts': 'npm run errors',
  'src/admin/page/main.ts': "the admin page's, in a browser",
  'src/runtime/virtual-clock.ts': 'simulations and tests run on it; it stands beside the port it implements',
};

/** Exported for tests alone. */
const testedOnly: Readonly<Record<string, string>> = {
  'src/gguf/demo-model.ts:expectedCount': 'the answers that the demo model is built to give, beside how it is built',
  'src/gguf/demo-model.ts:demoHelpText': 'the same',
  'src/gguf/demo-model.ts:demoUnicodeText': 'the same',
  'src/runtime/inspection.ts:traceHash': 'two runs of a simulation are compared by it',
};

/** A folder of src/ and the folders of ours it may import (docs/architecture.md, Layers). Lint says it earlier, this says it all. */
const layers: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  protocol: [],
  gguf: [],
  types: [],
  rules: ['protocol'],
  machines: ['protocol', 'rules', 'runtime'],
  engine: ['protocol', 'runtime'],
  actors: ['runtime', 'protocol', 'rules', 'machines', 'gguf', 'engine'],
  client: ['runtime', 'protocol', 'rules', 'machines', 'actors', 'gguf'],
  gateway: ['runtime', 'protocol', 'client'],
  admin: ['runtime', 'protocol', 'rules', 'machines', 'actors'],
  cli: ['runtime', 'protocol', 'rules', 'machines', 'actors', 'engine', 'gguf', 'client', 'gateway', 'admin', 'top'],
};

/** Folders of test/ that vitest.config.ts runs: a test anywhere else would never run. */
const testProjects = ['unit', 'property', 'simulation', 'integration', 'chaos', 'browser'];

interface Import {
  readonly specifier: string;
  /** Erased when compiled: cannot make a cycle at run time. */
  readonly typeOnly: boolean;
}

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly functions: readonly { readonly name: string; readonly lines: number }[];
}

const sources = filesUnder('src', /\.ts$/).map(parse);
const sourcePaths = new Set(sources.map(({ path }) => path));
const tests = filesUnder('test', /\.ts$/);
const programsBeside = ['bench', 'scripts', 'examples'].flatMap((folder) => filesUnder(folder, /\.m?js$/));
const pages = [
  ...['docs', 'bench'].flatMap((folder) => filesUnder(folder, /\.md$/)),
  ...filesUnder('examples', /\.md$/),
  ...rootFiles(/\.md$/),
];

describe('files', () => {
  it(`have at most ${maxFileLines} lines`, () => {
    const long = sources.filter(({ lines }) => lines > maxFileLines);
    expect(
      exceptTheListed(
        long.map(({ path, lines }) => [path, `${lines} lines`]),
        longFiles,
      ),
    ).toEqual([]);
  });

  it('have names in kebab-case that say what is inside', () => {
    const name = /^[a-z0-9]+(-[a-z0-9]+)*(\.(machine|actor|supervisor|tree|test|property|d|config))*\.(ts|js|mjs)$/;
    const vague = /^(utils?|helpers?|manager|common|misc|stuff|types|base|shared)$/;
    const named = [...sourcePaths, ...tests, ...filesUnder('bench', /\.js$/), ...filesUnder('scripts', /\.mjs$/)];
    const offenders = named.filter((path) => {
      const file = path.slice(path.lastIndexOf('/') + 1);
      const words = file.split('.')[0]?.split('-') ?? [];
      return !name.test(file) || words.some((word) => vague.test(word));
    });
    expect(offenders).toEqual([]);
  });

  it('begin with what they are and why', () => {
    const offenders = sources.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path);
    expect(offenders).toEqual([]);
  });

  it('are reached from an entry', () => {
    const reached = new Set(Object.keys(entries).filter((path) => sourcePaths.has(path)));
    for (const path of reached) for (const { target } of importsOf(path)) if (target !== undefined) reached.add(target);
    const dead = [...sourcePaths].filter((path) => !reached.has(path) && !path.endsWith('.d.ts'));
    expect(dead).toEqual([]);
  });

  it('export what the program uses', () => {
    const programs = [...sources.map(({ text }) => text), ...programsBeside.map(read)];
    const used = new Map<string, number>();
    for (const [word] of programs.flatMap((text) => [...text.matchAll(/\w+/g)]))
      used.set(word, (used.get(word) ?? 0) + 1);
    const unused = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/^export (?:async )?(?:const|function|class|interface|type) (\w+)/gm)]
        .filter(([, name = '']) => used.get(name) === 1)
        .map(([, name = '']) => [`${path}:${name}`, 'used by nobody'] as const),
    );
    expect(exceptTheListed(unused, testedOnly)).toEqual([]);
  });
});

describe('code', () => {
  it(`has functions of at most ${maxFunctionLines} lines`, () => {
    const long = sources.flatMap(({ path, functions }) =>
      functions
        .filter(({ lines }) => lines > maxFunctionLines)
        .map(({ name, lines }) => [`${path}:${name}`, `${lines} lines`] as const),
    );
    expect(exceptTheListed(long, longFunctions)).toEqual([]);
  });

  it('imports only what its layer may, types and dynamic imports included', () => {
    const offenders = sources.flatMap(({ path }) => {
      const layer = layerOf(path);
      if (layer === 'top') return [];
      const allowed = layers[layer];
      if (allowed === undefined) return [`${path}: '${layer}' is not in the table of layers`];
      return importsOf(path).flatMap(({ target }) => {
        if (target === undefined) return [];
        const goal = layerOf(target);
        return goal === layer || allowed.includes(goal) ? [] : [`${path} imports ${target}`];
      });
    });
    expect(offenders).toEqual([]);
  });

  it('imports files that exist', () => {
    const missing = sources.flatMap(({ path }) =>
      importsOf(path)
        .filter(({ specifier, target }) => specifier.startsWith('.') && target === undefined)
        .map(({ specifier }) => `${path}: ${specifier}`),
    );
    expect(missing).toEqual([]);
  });

  it('imports nothing that imports it in turn', () => {
    expect(cycle()).toEqual([]);
  });

  it('leaves nothing to do later and prints nothing', () => {
    const later = /\b(TODO|FIXME|XXX|HACK)\b/;
    const offenders = sources.flatMap(({ path, text }) => [
      ...(later.test(text) ? [`${path}: ${later.exec(text)?.[0] ?? ''}`] : []),
      ...(/\bconsole\./.test(text) ? [`${path}: console`] : []),
    ]);
    expect(offenders).toEqual([]);
  });
});

describe('tests', () => {
  it('stand where Vitest looks for them', () => {
    const offenders = tests.filter(
      (path) => path.endsWith('.test.ts') && !testProjects.includes(path.split('/')[1] ?? ''),
    );
    expect(offenders).toEqual([]);
  });

  it('all run', () => {
    const left = /\b(it|test|describe|suite)\.(only|skip|todo|fails)\b/;
    expect(tests.filter((path) => left.test(read(path)))).toEqual([]);
  });
});

describe('pages', () => {
  it('link only to what is there, headings included', () => {
    const offenders = pages.flatMap((page) =>
      linksOf(page).flatMap((link) => {
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? page : relative(root, join(root, dirname(page), decodeURIComponent(file)));
        if (!existsSync(join(root, target))) return [`${page}: ${link}`];
        const missing = anchor !== undefined && target.endsWith('.md') && !headingsOf(target).includes(anchor);
        return missing ? [`${page}: ${link}: no such heading`] : [];
      }),
    );
    expect(offenders).toEqual([]);
  });
});

it('nothing names a path of the machine it was written on', () => {
  const local = /(?<![\w.])\/(work|root|opt\/llama)\b\/?/;
  const texts = [
    ...sourcePaths,
    ...tests,
    ...pages,
    ...['bench', 'scripts', 'examples', '.ci'].flatMap((folder) => filesUnder(folder, /(\.(js|mjs|json|md|ts)|run)$/)),
    ...rootFiles(/\.(js|ts|json)$/),
  ].filter((path) => path !== 'package-lock.json');
  expect(texts.filter((path) => local.test(read(path)))).toEqual([]);
});

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Paths from the root of the repository, with slashes. */
function filesUnder(folder: string, pattern: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name).replaceAll('\\', '/'))
    .filter((path) => pattern.test(path) && !path.includes('node_modules/') && statSync(join(root, path)).isFile())
    .sort();
}

function rootFiles(pattern: RegExp): string[] {
  return readdirSync(root).filter((name) => pattern.test(name));
}

function exceptTheListed(
  found: readonly (readonly [name: string, what: string])[],
  listed: Readonly<Record<string, string>>,
): string[] {
  const names = found.map(([name]) => name);
  return [
    ...found.filter(([name]) => !(name in listed)).map(([name, what]) => `${name}: ${what}`),
    ...Object.keys(listed)
      .filter((name) => !names.includes(name))
      .map((name) => `${name}: needs no exception any more`),
  ];
}

function parse(path: string): SourceFile {
  const text = read(path);
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const functions: { name: string; lines: number }[] = [];
  const visit = (node: ts.Node): number => {
    const specifier = importIn(node);
    if (specifier !== undefined) imports.push(specifier);
    let inner = 0; // lines of functions inside this node
    ts.forEachChild(node, (child) => {
      inner += visit(child);
    });
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return inner;
    const lines = linesOf(node, file);
    functions.push({ name: nameOf(node), lines: lines - inner });
    return lines - 1; // it still takes one line of the function around it
  };
  visit(file);
  return { path, text, lines: text.split('\n').length - 1, imports, functions };
}

/** Static and dynamic imports, re-exports, import types, and files named for a fork or a thread by `new URL('./x.js', …)`. */
function importIn(node: ts.Node): Import | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    const from = node.moduleSpecifier;
    const typeOnly = ts.isExportDeclaration(node)
      ? node.isTypeOnly
      : node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return from !== undefined && ts.isStringLiteral(from) ? { specifier: from.text, typeOnly } : undefined;
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal.text, typeOnly: true };
  }
  const dynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  const url = ts.isNewExpression(node) && node.expression.getText() === 'URL';
  const argument = dynamic || url ? node.arguments?.[0] : undefined;
  if (argument === undefined || !ts.isStringLiteralLike(argument) || (url && !/^\.{1,2}\/.*\.js$/.test(argument.text)))
    return undefined;
  return { specifier: argument.text, typeOnly: url };
}

function nameOf(node: ts.Node): string {
  const named = node as { name?: ts.Node };
  const holder = node.parent as { name?: ts.Node };
  return (named.name ?? holder.name)?.getText() ?? 'a callback';
}

function linesOf(node: ts.Node, file: ts.SourceFile): number {
  const line = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
  return line(node.end) - line(node.getStart()) + 1;
}

function importsOf(path: string): (Import & { readonly target: string | undefined })[] {
  const found = sources.find((source) => source.path === path)?.imports ?? [];
  return found.map((imported) => {
    const target = join(dirname(path), imported.specifier.replace(/\.js$/, '.ts'));
    return { ...imported, target: imported.specifier.startsWith('.') && sourcePaths.has(target) ? target : undefined };
  });
}

/** The folder of src/ that a file is in; 'top' for the entries and settings beside the folders, which may import all. */
function layerOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? 'top';
}

/** Some cycle of imports that run, as the files along it; empty where there is none. */
function cycle(): string[] {
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const { target, typeOnly } of importsOf(path)) {
      const found = target === undefined || typeOnly ? [] : walk(target, [...trail, path]);
      if (found.length > 0) return found;
    }
    done.add(path);
    return [];
  };
  return [...sourcePaths].map((path) => walk(path, [])).find((found) => found.length > 0) ?? [];
}

/** Relative links outside code, images included. */
function linksOf(page: string): string[] {
  const prose = read(page)
    .replace(/```[\s\S]*?```/g, '')
    .replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)]
    .map((match) => match[1] ?? '')
    .filter((link) => !/^(https?:|mailto:)/.test(link));
}

/** Anchors as GitHub makes them out of headings. */
function headingsOf(page: string): string[] {
  return [...read(page).matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}
