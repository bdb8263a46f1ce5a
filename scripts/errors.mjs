/** `npm run errors`: generates docs/errors.md from the registries of error codes. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const introduction = `<!-- Generated from src/client/error-codes.ts, src/protocol/errors.ts and src/cli/error-codes.ts by \`npm run errors\`. Edits here are lost, and fail a test. -->

# Errors

When a command fails, it prints three lines on stderr: what went wrong, why, and what to do. With \`--json\` it is one object on stdout:

    {"error":{"code":"no_worker","message":"no answer","why":"No worker was found …","next":"Start one …"}}
`;

/** @param {readonly (readonly string[])[]} rows the first is the header */
function table(rows) {
  const [head = [], ...body] = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

/**
 * @param {object} registries
 * @param {readonly {code: string, meaning: string, next: string, isRetried: boolean}[]} registries.requests
 * @param {Readonly<Record<string, string>>} registries.commands
 * @param {readonly {code: number, meaning: string}[]} registries.exits
 */
export function errorsPage({ requests, commands, exits }) {
  const requestRows = requests.map(({ code, meaning, next, isRetried }) => [
    `\`${code}\``,
    meaning,
    isRetried ? 'yes' : '',
    next,
  ]);
  return [
    introduction,
    '## Exit codes\n',
    table([['code', 'meaning'], ...exits.map(({ code, meaning }) => [String(code), meaning])]),
    '\n## Why a request has no answer\n',
    'These are the codes of a `RequestError`, and of `qmesh ask` and `qmesh chat`. Where another worker may succeed, the request is first sent to another one without',
    'a word, and the code is seen only if none did. Most come from [the wire protocol](protocol.md); the last ones are the client’s own.\n',
    table([['code', 'meaning', 'asked elsewhere first', 'what to do'], ...requestRows]),
    '\n## Other errors of commands\n',
    table([['code', 'meaning'], ...Object.entries(commands).map(([code, meaning]) => [`\`${code}\``, meaning])]),
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const { format, resolveConfig } = await import('prettier');
  const { requestErrors } = await import('../dist/client/error-codes.js');
  const { commandErrors, exitCodes } = await import('../dist/cli/error-codes.js');
  const path = join(root, 'docs/errors.md');
  const page = errorsPage({ requests: requestErrors(), commands: commandErrors, exits: exitCodes() });
  writeFileSync(path, await format(page, { ...(await resolveConfig(path)), parser: 'markdown' }));
}
