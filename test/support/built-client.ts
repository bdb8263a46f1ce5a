/** The client as it ships. One made from src/ cannot prove work on a busy machine: its thread runs compiled JavaScript. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Package from '../../src/index.js';

/** The compiled program. */
export const dist = pathToFileURL(`${resolve(import.meta.dirname, '../..', process.env.QMESH_DIST ?? 'dist')}/`);

export const { QMeshClient } = (await import(new URL('index.js', dist).href)) as typeof Package;
export type QMeshClient = Package.QMeshClient;
