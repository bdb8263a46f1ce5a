/** Schemas of single settings, where a word of runtime/config-values.ts does not say it: each takes text, or what it was parsed to before. */
import { z } from 'zod';
import { bootstrapExpected, parseBootstrap } from './actors/network/bootstrap.js';
import type { Bootstrap } from './actors/ports.js';
import { parseSchedule, type Schedule } from './rules/schedule.js';
import { text } from './runtime/config-values.js';

export const bootstrap = z
  .union([text(bootstrapExpected), z.custom<Bootstrap>((value) => typeof value === 'object')], {
    error: bootstrapExpected,
  })
  .transform((given, context): Bootstrap => {
    const parsed = typeof given === 'string' ? parseBootstrap(given) : given;
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: bootstrapExpected });
    return z.NEVER;
  });

export const schedule = z
  .union([text('hours, such as 22:00-07:00'), z.custom<Schedule>((value) => typeof value === 'object')])
  .transform((given, context): Schedule => {
    const parsed = typeof given === 'string' ? parseSchedule(given) : given;
    if (!('problem' in parsed)) return parsed;
    context.addIssue({ code: 'custom', message: `hours, such as 22:00-07:00: ${parsed.problem}` });
    return z.NEVER;
  });

export const networkPrefix = z
  .string({ error: 'a name of letters, digits, . _ and -' })
  .trim()
  .regex(/^[A-Za-z0-9._-]{0,64}$/, 'a name of at most 64 letters, digits, . _ and -');

export const nodeId = z
  .string({ error: 'IDs of nodes' })
  .trim()
  .regex(/^[0-9a-f]{64}$/, 'IDs of nodes, 64 lower-case hex characters each');

export const listenExpected = 'host:port, such as 127.0.0.1:8080';

export const apiKey = z
  .string({ error: 'keys' })
  .trim()
  .regex(/^[\x21-\x7e]{1,256}$/, 'keys of 1 to 256 visible ASCII characters each');

export const origin = z
  .string({ error: 'origins of web pages' })
  .trim()
  .refine(
    (given) =>
      given === '*' ||
      (URL.canParse(given) && new URL(given).origin === given) ||
      /^[a-z][a-z0-9+.-]*:\/\/[\w.-]*$/.test(given),
    {
      error: 'origins of web pages, such as https://app.example or http://localhost:3000, or *',
    },
  );

export const hostName = z
  .string({ error: 'names of this server' })
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'names of this server, such as mesh.example');
