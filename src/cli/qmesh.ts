#!/usr/bin/env node
/** The command line as a program: the tree of program.ts, run. */
import { qmeshProgram } from './program.js';
import { runProgram } from './run-program.js';

await runProgram(await qmeshProgram(process.argv.slice(2)));
