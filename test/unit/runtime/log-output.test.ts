import { describe, expect, it } from 'vitest';
import { LogOutput, type LogFile } from '../../../src/runtime/log-output.js';
import { VirtualClock } from '../../../src/runtime/virtual-clock.js';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A file that takes what there is room for, or fails; a write that was asked for ends when the test says so. */
class SpoiltFile implements LogFile {
  text = '';
  room = Infinity;
  code = 'ENOSPC';
  #writing: (() => void) | undefined;

  write: LogFile['write'] = (bytes, done) => {
    this.#writing = () => {
      try {
        done(undefined, this.writeSync(bytes));
      } catch (error) {
        done(error, 0);
      }
    };
  };

  writeSync(bytes: Uint8Array): number {
    const taken = Buffer.from(bytes).subarray(0, this.room);
    if (taken.length === 0) throw failure(this.code);
    this.text += taken.toString();
    this.room -= taken.length;
    return taken.length;
  }

  /** All writes that are asked for until nothing more is. */
  settle(): void {
    for (let writing = this.#writing; writing !== undefined; writing = this.#writing) {
      this.#writing = undefined;
      writing();
    }
  }
}

function setUp() {
  const file = new SpoiltFile();
  const clock = new VirtualClock();
  return { file, clock, output: new LogOutput(file, clock) };
}

describe('where the log goes', () => {
  it('gets every line, in order, however little it takes at a time', () => {
    const { file, output } = setUp();
    file.room = 5;
    output.write('first\n');
    output.write('second\n');
    file.settle();
    expect(file.text).toBe('first');
    file.room = Infinity;
    output.write('third\n');
    file.settle();
    expect(file.text).toBe('first\nsecond\nthird\n');
  });

  it.each(['ENOSPC', 'EPIPE', 'EIO'])(
    'goes on after %s where it can be written again, and is no error meanwhile',
    (code) => {
      const { file, output } = setUp();
      file.code = code;
      file.room = 0;
      output.write('kept\n');
      file.settle();
      output.flush();
      file.room = Infinity;
      output.write('next\n');
      file.settle();
      expect(file.text).toBe('kept\nnext\n');
    },
  );

  it('a pipe that is full is tried again by itself', () => {
    const { file, clock, output } = setUp();
    Object.assign(file, { code: 'EAGAIN', room: 0 });
    output.write('late\n');
    file.settle();
    file.room = Infinity;
    clock.advance(1_000);
    file.settle();
    expect(file.text).toBe('late\n');
  });

  it('holds a bounded part of what it cannot write: the oldest lines', () => {
    const { file, output } = setUp();
    file.room = 0;
    for (let line = 0; line < 100; line++) output.write(`${String(line).padEnd(99_999)}\n`);
    file.settle();
    file.room = Infinity;
    output.write('');
    file.settle();
    const lines = file.text.trimEnd().split('\n');
    expect(lines.length).toBeLessThan(20);
    expect(lines.map(Number)).toEqual(lines.map((_, index) => index));
  });

  it('is written to the end when the process ends, but for what is on its way', () => {
    const { file, output } = setUp();
    output.write('on its way\n');
    output.write('last\n');
    output.flush();
    expect(file.text).toBe('last\n');
  });
});
