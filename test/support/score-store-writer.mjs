/**
 * Writes certificates as fast as it can until it is killed: `score-store-writer.mjs DIST FOLDER FIRST`. They come in groups of
 * three, one write each, and the parent hears of every group that was acknowledged. A UTC day has few of them, and is closed soon
 * after. Nobody looks at signatures here.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const [, , dist = '', folder = '', first = '0'] = process.argv;
const { openScoreStore } = await import(pathToFileURL(join(dist, 'actors/scores/score-store.js')).href);
const groupsPerDay = 20;
const dayMs = 86_400_000;
const sha256 = (/** @type {string} */ text) => createHash('sha256').update(text).digest('hex');

/** @param {number} group @param {number} part */
function certificate(group, part) {
  const order = {
    network: 'n',
    client: sha256('client'),
    worker: sha256('worker'),
    id: `g${group}-${part}`,
    maxPrice: 0,
  };
  const receipt = {
    order: sha256(order.id),
    worker: order.worker,
    client: order.client,
    score: group,
    success: true,
    complexity: 0,
    responseMs: part,
    finishedAt: Math.floor(group / groupsPerDay) * dayMs + group,
  };
  return { order, receipt, ack: {}, attestations: [], isSolo: false };
}

const { store } = await openScoreStore(folder);
let group = Number(first);
let lastDay = Math.floor(group / groupsPerDay);
/** A few writes are always on their way, as on a busy worker. */
function writeNext() {
  const mine = group++;
  const writes = [0, 1, 2].map((part) => ({ kind: 'certificate', certificate: certificate(mine, part) }));
  store.write(writes, (/** @type {Error | undefined} */ error) => {
    if (error !== undefined) throw error;
    process.send?.(mine);
    lastDay = Math.floor(mine / groupsPerDay);
    writeNext();
  });
}
/** Again and again. What is on its way to the disk is of the two latest days. */
function closeNext() {
  store.closeDays(
    lastDay - 1,
    () => false,
    (/** @type {Error | undefined} */ error) => {
      if (error !== undefined) throw error;
      setTimeout(closeNext, 1);
    },
  );
}
for (let lane = 0; lane < 8; lane++) writeNext();
closeNext();
