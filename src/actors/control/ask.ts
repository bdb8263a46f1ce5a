/** The owner's end of the control socket: sends one request to the worker running on a home, and reads its answer. */
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { isCode } from '../../runtime/errors.js';
import type { Home } from '../home/home.js';
import { onFirstLine } from './line.js';
import type { ControlAnswer, ControlRequest } from './messages.js';
import { controlPlace } from './place.js';

const answerTimeoutMs = 5_000;

/**
 * `none`: no worker is running there. `silent`: one is running but does not answer. Rejects if the socket cannot be
 * used.
 */
export async function askWorker<Answer = ControlAnswer>(
  home: Home,
  request: ControlRequest,
): Promise<Answer | 'none' | 'silent'> {
  if (!existsSync(home.path)) return 'none';
  const { path } = controlPlace(home);
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const settle = (answer: Answer | 'none' | 'silent'): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(answerTimeoutMs, () => settle('silent'));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    onFirstLine(socket, (value) => settle((value as Answer | undefined) ?? 'silent'));
    // The worker ended while it was asked, so there is none.
    socket.on('end', () => settle('none'));
    socket.on('error', (error) => {
      if (isCode(error, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE')) settle('none');
      else reject(error);
    });
  });
}
