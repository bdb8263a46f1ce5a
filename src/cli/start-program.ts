/**
 * Loads a program, then runs it. If its modules cannot be loaded, the cause is the machine or the installation, and it
 * is reported like any other failure. Therefore this file imports nothing itself.
 */
import type { Command } from 'commander';

export async function startProgram(load: () => Promise<Command>): Promise<never> {
  const { program, runProgram } = await loaded(load).catch((error: unknown): never => {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const next = advice[code];
    if (next === undefined) throw error; // our own bug: the stack trace matters
    process.stderr.write(`qmesh: the program cannot be loaded\n  ${message}\n  ${next}\n`);
    process.exit(1);
  });
  return runProgram(program);
}

async function loaded(load: () => Promise<Command>) {
  const { runProgram } = await import('./run-program.js');
  return { program: await load(), runProgram };
}

const tooFewFiles = 'Let it open more files (ulimit -Hn, LimitNOFILE of a service): a worker needs 256 or more.';
const incomplete = 'Install it again: npm ci in a checkout, or npm install -g.';

/** By Node's error code. */
const advice: Readonly<Record<string, string>> = {
  EMFILE: tooFewFiles,
  ENFILE: tooFewFiles,
  ERR_MODULE_NOT_FOUND: incomplete,
  MODULE_NOT_FOUND: incomplete,
  ERR_DLOPEN_FAILED: incomplete,
};
