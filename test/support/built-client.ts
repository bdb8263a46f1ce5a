/** The client as it ships. One made from src/ cannot prove work on a busy machine: its thread runs compiled JavaScript. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dist } from './dist.js';
import type * as Package from '../../src/index.js';

export const { QMeshClient } = (await import(pathToFileURL(join(dist, 'index.js')).href)) as typeof Package;
export type QMeshClient = Package.QMeshClient;
