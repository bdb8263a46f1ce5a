/**
 * The one task of a piscina thread: lives as long as the engine, gets its commands and gives its events over a port. It
 * resolves after `stop`, when llama.cpp computes nothing any more; a thread that ends earlier takes the process along.
 */
import type { MessagePort } from 'node:worker_threads';

import { systemClock } from '../runtime/clock.js';
import { systemRandom } from '../runtime/random.js';
import { Inference } from './inference.js';
import type { EngineCommand, EngineEvent } from './messages.js';

export interface InferenceTask {
  readonly port: MessagePort;
}

export default function inferenceThread({ port }: InferenceTask): Promise<void> {
  const send = (events: readonly EngineEvent[]): void => port.postMessage(events);
  const inference = new Inference(send, systemClock, systemRandom);
  return new Promise((resolve, reject) => {
    port.on('message', (command: EngineCommand) => {
      if (command.type === 'stop') inference.stop().then(resolve, reject);
      else inference.command(command);
    });
    send([{ type: 'up' }]);
  });
}
