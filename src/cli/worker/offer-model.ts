/**
 * A worker's first start on a terminal, without a model: offers the model that fits this machine best, and fetches it
 * if the answer is yes. It is written into the home's configuration, so later starts serve it. After any other answer,
 * or a failure, the demo model is served.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findModelFiles } from '../../actors/models/model-library.js';
import { modelFolders } from '../../model-folders.js';
import { replaceFile } from '../../runtime/replace-file.js';
import type { Settings } from '../../settings.js';
import { canAsk, confirm } from '../confirm.js';
import { fetchBar, fetchModel } from '../fetch-model.js';
import { bestOf, recommendHere } from '../recommendation.js';
import { showBytes } from '../sizes.js';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** @returns the settings to continue with; undefined if Ctrl-C ended it */
export async function offerModel(values: Settings): Promise<Settings | undefined> {
  if (values.model.length > 0 || !canAsk()) return values;
  // The demo model is there after the first start, so the question is not asked again.
  if ((await findModelFiles(modelFolders(values))).size > 0) return values;
  const best = bestOf(await recommendHere(values));
  if (best === undefined) return values;
  const { name, bytes, memoryBytes, licence } = best.model;
  say(
    `There is no model here yet. This one fits the machine best:\n  ${name}\n` +
      `  ${showBytes(bytes)} to fetch, about ${showBytes(memoryBytes)} of memory\n  ${best.why}\n  licence ${licence}\n` +
      'Without it the worker serves its demo model. Others: qmesh models list',
  );
  if (!(await confirm('Fetch it now, from the mesh or from its address?', true))) return values;
  const watch = fetchBar();
  const outcome = await fetchModel(name, values, watch).finally(() => watch.end());
  switch (outcome.kind) {
    case 'fetched':
      keep(values.home, name);
      return { ...values, model: [name] };
    case 'stopped':
      say(`Stopped. What has arrived is kept; it goes on with: qmesh models pull ${name}`);
      return undefined;
    case 'failed':
      say(
        `${name} cannot be fetched:\n  ${outcome.reasons.join('\n  ')}\n` +
          `The demo model is served now. Try again with: qmesh models pull ${name}`,
      );
      return values;
  }
}

/** Keeps the other settings in the file. */
function keep(home: string, name: string): void {
  const path = join(home, 'qmesh.config.json');
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as object) : {};
  replaceFile(path, `${JSON.stringify({ ...before, model: [name] }, null, 2)}\n`);
  say(`From now on qmesh worker serves ${name}: it stands in ${path}.`);
}
