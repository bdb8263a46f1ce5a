#!/usr/bin/env node
/** The command line as a program: the tree of program.ts, run. */
import { startProgram } from './start-program.js';

await startProgram(async () => (await import('./program.js')).qmeshProgram(process.argv.slice(2)));
