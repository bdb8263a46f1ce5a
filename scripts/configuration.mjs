/** `npm run configuration`: generates docs/configuration.md from the table of settings in src/settings.ts. */
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const introduction = `<!-- Generated from src/settings.ts by \`npm run configuration\`. Edits here are lost, and fail a test. -->

# Configuration

A setting is looked for in four places; the first one that has it wins:

1. a flag: \`qmesh worker --slots 2\`, \`npm start -- --slots 2\`
2. the environment: \`QMESH_SLOTS=2 npm start\`; an empty variable counts as not set
3. \`qmesh.config.json\` in the home, by key: \`{"slots": 2}\`
4. the default

A value that is not valid, a variable that starts with \`QMESH_\` and is not on this page, or an unknown key in the file is an error that
says what it is, where it came from and what was expected. All mistakes are reported at once, even those that a stronger source would override.
Each command takes the flags that make a difference to it; see its \`--help\`. \`qmesh config show --sources\` prints what is in force, and why.
`;

/** @param {readonly {key: string, env: string, flag: string, default: string, unit: string, describe: string}[]} rows of \`describeConfig\` */
export function configurationPage(rows) {
  const sections = rows.map(({ key, env, flag, default: value, unit, describe }) => {
    const shown = readable(value);
    const facts = [
      ['flag', `\`${flag}\``],
      ['environment', `\`${env}\``],
      ['default', shown === '' ? 'none' : `\`${shown}\`${unit === '' ? '' : ` ${unit}`}`],
    ];
    const unitOnly = shown === '' && unit !== '' ? ` In ${unit}.` : '';
    return `## \`${key}\`\n\n${describe}${unitOnly}\n\n${facts.map(([name, what]) => `- ${name}: ${what}`).join('\n')}\n`;
  });
  return [introduction, ...sections].join('\n');
}

/** A default as one would type it; '' if there is none. @param {string} json */
function readable(json) {
  const home = homedir().replaceAll('\\', '\\\\'); // as it appears in JSON
  const text = json.replaceAll(home, '~').replace(/^"(.*)"$/, '$1');
  return text === '[]' ? '' : text.replace(/^\{"kind":"(\w+)"\}$/, '$1');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const { describeConfig } = await import('../dist/runtime/config.js');
  const { settings } = await import('../dist/settings.js');
  const rows = describeConfig(settings);
  writeFileSync(join(root, 'docs/configuration.md'), configurationPage(rows));
  console.log(`docs/configuration.md: ${rows.length} settings`);
}
