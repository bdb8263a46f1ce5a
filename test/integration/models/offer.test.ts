/** The first start of a worker on a terminal offers a model. The terminal is one of `script`, which Linux has; it types the answer. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { writeModel } from '../../../src/gguf/models.js';
import { freePort } from '../../support/command.js';
import { dist } from '../../support/dist.js';
import { ModelHub } from '../../support/model-hub.js';
import { closeMesh, newFolder } from '../../support/model-mesh.js';

const hasScript = process.platform === 'linux' && existsSync('/usr/bin/script');

afterEach(closeMesh);

/** Starts a worker on a terminal, answers its question, and stops it when `done` is seen. @returns all that the terminal showed. */
async function workerOnTerminal(home: string, answer: string, done: string, hub: string): Promise<string> {
  const env = {
    ...{ PATH: process.env.PATH, TERM: 'xterm', QMESH_HOME: home, QMESH_BOOTSTRAP: `local:${await freePort()}` },
    ...{ QMESH_ADMIN: 'off', QMESH_THREADS: '1', HF_ENDPOINT: hub },
  };
  const command = `exec ${process.execPath} ${join(dist, 'cli/qmesh.js')} worker`;
  const child = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], { cwd: home, env });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = shown;
    shown += text;
    const isNew = (word: string): boolean => shown.includes(word) && !before.includes(word);
    if (isNew('[Y/n]')) child.stdin.write(`${answer}\r`);
    if (isNew(done)) child.stdin.write('\x03');
  });
  await new Promise((ended) => child.on('close', ended));
  return shown;
}

it.runIf(hasScript)('yes fetches it and serves it, from then on; no is the demo model, and is not asked again', async () => {
  const source = join(newFolder(), 'source.gguf');
  await writeModel('demo', source);
  const hub = await new ModelHub(readFileSync(source)).open();
  try {
    const home = newFolder();
    const first = await workerOnTerminal(home, '', 'worker.ready', hub.endpoint);
    const [, name = ''] = /fits the machine best:\s+(\S+)/.exec(first) ?? [];
    expect(JSON.parse(readFileSync(join(home, 'qmesh.config.json'), 'utf8'))).toEqual({ model: [name] });
    expect(first).toMatch(new RegExp(`worker.ready.*${name}`, 's'));

    const other = newFolder();
    expect(await workerOnTerminal(other, 'n', 'worker.ready', hub.endpoint)).toContain('qmesh-demo');
    const again = await workerOnTerminal(other, 'n', 'worker.ready', hub.endpoint);
    expect(again).not.toContain('[Y/n]');
    expect(existsSync(join(other, 'qmesh.config.json'))).toBe(false);
  } finally {
    await hub.close();
  }
}, 120_000);
