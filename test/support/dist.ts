/** The folder of the compiled program: workers, commands and threads run from there. */
import { resolve } from 'node:path';

export const dist = resolve(import.meta.dirname, '../..', process.env.QMESH_DIST ?? 'dist');
