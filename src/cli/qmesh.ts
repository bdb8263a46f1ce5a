#!/usr/bin/env node
/** The `qmesh` executable: runs the tree of program.ts. */
import { startProgram } from './start-program.js';

await startProgram(async () => (await import('./program.js')).qmeshProgram(process.argv.slice(2)));
