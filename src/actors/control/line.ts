/** Reads one line of JSON, of bounded length, from a stream. */
import type { Socket } from 'node:net';
import { maxLineBytes } from './messages.js';

/** Calls `heard` once with the first line, or with undefined if it is too long or not JSON. Ignores the rest. */
export function onFirstLine(socket: Socket, heard: (value: unknown) => void): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let isHeard = false;
  socket.on('data', (piece: Buffer) => {
    if (isHeard) return;
    const end = piece.indexOf('\n');
    pieces.push(end < 0 ? piece : piece.subarray(0, end));
    bytes += piece.byteLength;
    if (end < 0 && bytes <= maxLineBytes) return;
    isHeard = true;
    heard(bytes > maxLineBytes ? undefined : parsed(Buffer.concat(pieces).toString('utf8')));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
