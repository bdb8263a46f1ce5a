/** Qwen Code, an agent in the terminal, asked one question. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { end, holds, question, tried } from './tried.mjs';

const run = promisify(execFile);

await tried('a streamed conversation, with all its tools', async () => {
  const args = ['node_modules/.bin/qwen', '--auth-type', 'openai', '-p', question];
  const { stdout } = await run(process.execPath, args, { timeout: 280_000 });
  holds(/6 7 8/.test(stdout), stdout.slice(0, 300));
});
end();
