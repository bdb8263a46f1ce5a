/**
 * The settings of QMesh: one table, from which flags, environment, configuration file and the reference in docs/ follow.
 * Precedence: flags > environment > qmesh.config.json in the home > defaults.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Bootstrap } from './actors/ports.js';
import { adminExpected, parseAdmin } from './admin/address.js';
import type { Schedule } from './rules/schedule.js';
import { parseAddress } from './runtime/address.js';
import { integer, list, number, oneOf, text, toggle } from './runtime/config-values.js';
import { defineConfig } from './runtime/config.js';
import { logLevels } from './runtime/log.js';
import {
  apiKey,
  bootstrap,
  hostName,
  listenExpected,
  networkPrefix,
  nodeId,
  origin,
  schedule,
} from './settings-schemas.js';

export interface Settings {
  readonly home: string;
  readonly models: string | undefined;
  readonly model: readonly string[];
  readonly bootstrap: Bootstrap;
  readonly host: string;
  readonly network: string;
  readonly logLevel: (typeof logLevels)[number];
  readonly threads: number | undefined;
  readonly slots: number | undefined;
  readonly context: number | undefined;
  readonly memoryMb: number | undefined;
  readonly gpuLayers: number;
  readonly healthOwnLoad: boolean;
  readonly drainMs: number;
  readonly schedule: Schedule | undefined;
  readonly queue: number;
  readonly sharePrefix: boolean;
  readonly connections: number;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly validators: readonly string[];
  readonly threshold: number | undefined;
  readonly minters: readonly string[];
  readonly maxPrice: number;
  readonly spotChecks: number;
  readonly seeders: readonly string[];
  readonly shareModels: boolean;
  readonly upKbps: number | undefined;
  readonly downKbps: number | undefined;
  readonly admin: string;
  readonly listen: string;
  readonly apiKeys: readonly string[];
  readonly cors: readonly string[];
  readonly names: readonly string[];
  readonly concurrency: number;
  readonly answerMs: number;
  readonly inspect: boolean;
}

export const settings = defineConfig<Settings>({
  home: {
    env: 'QMESH_HOME',
    flag: '--home <folder>',
    schema: text('a folder'),
    default: join(homedir(), '.qmesh'),
    describe: 'Folder for the identity, the models and everything this node remembers.',
  },
  models: {
    env: 'QMESH_MODELS',
    flag: '--models <folder>',
    schema: text('a folder'),
    default: undefined,
    describe: 'Folder to look for models in. By default `models` in the home.',
  },
  model: {
    env: 'QMESH_MODEL',
    flag: '--model <names>',
    schema: list(text('a name or a path')),
    default: [],
    describe:
      'Models to serve, by name or path, separated by commas; the first one is the default. If none is named, the demo model.',
  },
  bootstrap: {
    env: 'QMESH_BOOTSTRAP',
    flag: '--bootstrap <where>',
    schema: bootstrap,
    default: { kind: 'local' },
    describe:
      'Which mesh to join: `local` is this machine only (`local:PORT` if port 49737 is taken), `host:port,…` a mesh of your own, `public` the whole world.',
  },
  host: {
    env: 'QMESH_HOST',
    flag: '--host <address>',
    schema: text('an address of this machine'),
    default: '0.0.0.0',
    describe: 'Address to bind. 127.0.0.1 keeps everything on this machine; `local` always does.',
  },
  network: {
    env: 'QMESH_NETWORK',
    flag: '--network <name>',
    schema: networkPrefix,
    default: '',
    describe: 'Name that keeps a mesh apart from others on the same DHT. It is not a password.',
  },
  logLevel: {
    env: 'QMESH_LOG_LEVEL',
    flag: '--log-level <level>',
    schema: oneOf(logLevels),
    default: 'info',
    describe: `Least severe level to log: ${logLevels.join(', ')}.`,
  },
  threads: {
    env: 'QMESH_THREADS',
    flag: '--threads <n>',
    schema: integer({ min: 1, max: 1024 }),
    default: undefined,
    describe: 'Compute threads of an engine. By default as many as this program has cores.',
  },
  slots: {
    env: 'QMESH_SLOTS',
    flag: '--slots <n>',
    schema: integer({ min: 1, max: 64 }),
    default: undefined,
    describe: 'Requests that a model answers at the same time. By default 4, or fewer if memory is short.',
  },
  context: {
    env: 'QMESH_CONTEXT',
    flag: '--context <tokens>',
    schema: integer({ min: 64, max: 1_048_576 }),
    default: undefined,
    unit: 'tokens',
    describe:
      'Maximum length of prompt and answer together. By default what the model was trained for, up to 4,096; 8,192 if memory is plentiful, less if it is short.',
  },
  memoryMb: {
    env: 'QMESH_MEMORY_MB',
    flag: '--memory-mb <MB>',
    schema: integer({ min: 64, max: 100_000_000 }),
    default: undefined,
    unit: 'megabytes',
    describe:
      'Memory that all models of a worker may use together. A model that does not fit is loaded when somebody asks for it, in place of the one used least recently. By default what is free when the worker starts.',
  },
  gpuLayers: {
    env: 'GPU_LAYERS',
    flag: '--gpu-layers <n>',
    schema: integer({ min: -1, max: 10_000 }),
    default: -1,
    describe: 'Layers to put on the GPU: -1 chooses by itself, 0 uses the CPU only.',
  },
  healthOwnLoad: {
    env: 'QMESH_HEALTH_OWN_LOAD',
    flag: '--health-own-load <1|0>',
    schema: toggle(),
    default: false,
    describe: 'Count the work of this worker and its engines as use of the machine, so that it lends less of it.',
  },
  drainMs: {
    env: 'QMESH_DRAIN_MS',
    flag: '--drain-ms <ms>',
    schema: integer({ min: 0, max: 3_600_000 }),
    default: 30_000,
    unit: 'ms',
    describe: 'How long running answers may continue after the worker is told to stop.',
  },
  schedule: {
    env: 'QMESH_SCHEDULE',
    flag: '--schedule <hours>',
    schema: schedule,
    default: undefined,
    describe:
      'When this machine works for others, in local time: `22:00-07:00`, or `mon-fri 18:00-08:00, sat,sun 00:00-24:00`. By default always.',
  },
  queue: {
    env: 'QMESH_QUEUE',
    flag: '--queue <n>',
    schema: integer({ min: 1, max: 1_000_000 }),
    default: 100,
    describe: 'Requests that may wait for a slot.',
  },
  connections: {
    env: 'QMESH_CONNECTIONS',
    flag: '--connections <n>',
    schema: integer({ min: 1, max: 10_000 }),
    default: 256,
    describe: 'Connections to accept on each network.',
  },
  sharePrefix: {
    env: 'QMESH_SHARE_PREFIX',
    flag: '--share-prefix <1|0>',
    schema: toggle(),
    default: false,
    describe:
      'Whether the part of a prompt that a slot has already read is reused for any client, not only for the one that asked before. Saves time where many clients share a system prompt, but response times then reveal what others asked: for a private mesh.',
  },
  allow: {
    env: 'QMESH_ALLOW',
    flag: '--allow <IDs>',
    schema: list(nodeId),
    default: [],
    describe:
      "IDs of the nodes this worker serves, separated by commas; apart from its owner it serves nobody else. By default everyone. A node's ID is in `worker-id.txt` in its home.",
  },
  deny: {
    env: 'QMESH_DENY',
    flag: '--deny <IDs>',
    schema: list(nodeId),
    default: [],
    describe: 'IDs of nodes this worker never serves, separated by commas.',
  },
  validators: {
    env: 'QMESH_VALIDATORS',
    flag: '--validators <IDs>',
    schema: list(nodeId),
    default: [],
    describe:
      'IDs of the nodes that certify points, separated by commas: the same on all nodes of a mesh. Fewer than a third of them may lie. ' +
      'By default the workers that this node has met, which is no protection against identities made in bulk.',
  },
  threshold: {
    env: 'QMESH_THRESHOLD',
    flag: '--threshold <n>',
    schema: integer({ min: 1, max: 128 }),
    default: undefined,
    describe: 'Validators needed to certify: more than two thirds of them. By default the smallest number that is.',
  },
  minters: {
    env: 'QMESH_MINTERS',
    flag: '--minters <IDs>',
    schema: list(nodeId),
    default: [],
    describe:
      'IDs of the nodes that may create points, by serving guests and by achievements, separated by commas: the same on all nodes of a mesh. By default everyone.',
  },
  maxPrice: {
    env: 'QMESH_MAX_PRICE',
    flag: '--max-price <points>',
    schema: number({ min: 0, max: 10 }),
    default: 10,
    unit: 'points',
    describe: 'The most that one request may cost. It costs what it scores; 0 always asks as a guest.',
  },
  spotChecks: {
    env: 'QMESH_SPOT_CHECKS',
    flag: '--spot-checks <share>',
    schema: number({ min: 0, max: 1 }),
    default: 0,
    describe:
      'Share of the answers that another worker with the same model checks, and so gets to see, from 0 to 1. This program asks a worker that fails a check last from then on.',
  },
  seeders: {
    env: 'QMESH_SEEDERS',
    flag: '--seeders <IDs>',
    schema: list(nodeId),
    default: [],
    describe:
      'IDs of the only nodes to fetch models from, separated by commas; `qmesh models share` prints its own. By default anybody, since everything that arrives is verified.',
  },
  shareModels: {
    env: 'QMESH_SHARE_MODELS',
    flag: '--share-models <1|0>',
    schema: toggle(),
    default: true,
    describe: 'Whether a worker offers the models it serves to the mesh. That takes no extra disk space.',
  },
  upKbps: {
    env: 'QMESH_UP_KBPS',
    flag: '--up-kbps <kB/s>',
    schema: integer({ min: 64, max: 100_000_000 }),
    default: undefined,
    unit: 'kilobytes a second',
    describe: 'Limit for sending models to others. By default none.',
  },
  downKbps: {
    env: 'QMESH_DOWN_KBPS',
    flag: '--down-kbps <kB/s>',
    schema: integer({ min: 64, max: 100_000_000 }),
    default: undefined,
    unit: 'kilobytes a second',
    describe: 'Limit for fetching models. By default none.',
  },
  admin: {
    env: 'QMESH_ADMIN',
    flag: '--admin <address>',
    schema: text(adminExpected).refine((given) => parseAdmin(given) !== undefined, adminExpected),
    default: '127.0.0.1:8787',
    describe:
      'Address for the page, the metrics and the probes of a worker, or `off`. If it is taken, a worker uses the next free port, unless you have set an address: then it waits for that one. There is no password: anyone who can reach the address can watch this worker.',
  },
  listen: {
    env: 'QMESH_LISTEN',
    flag: '--listen <address>',
    schema: text(listenExpected).refine((given) => parseAddress(given) !== undefined, { error: listenExpected }),
    default: '127.0.0.1:8080',
    describe:
      'Address of the OpenAI-compatible server, `qmesh serve`. If other machines can reach it, `QMESH_API_KEYS` is required.',
  },
  apiKeys: {
    env: 'QMESH_API_KEYS',
    flag: '--api-keys <keys>',
    schema: list(apiKey),
    default: [],
    secret: true,
    describe:
      'API keys that `qmesh serve` accepts, separated by commas. Without any, everyone who can reach it may use it. Avoid the flag: other users of the machine can see it.',
  },
  cors: {
    env: 'QMESH_CORS',
    flag: '--cors <origins>',
    schema: list(origin),
    default: [],
    describe:
      'Origins of web pages that may use `qmesh serve`, separated by commas: `https://app.example`, or `*` for all. By default none.',
  },
  names: {
    env: 'QMESH_NAMES',
    flag: '--names <names>',
    schema: list(hostName),
    default: [],
    describe:
      'Host names under which programs reach `qmesh serve`, besides its addresses and `localhost`, separated by commas: `mesh.example`. Requests to other names are refused.',
  },
  concurrency: {
    env: 'QMESH_CONCURRENCY',
    flag: '--concurrency <n>',
    schema: integer({ min: 1, max: 1_000 }),
    default: 128,
    describe: 'Answers that `qmesh serve` gives at the same time; requests beyond that are told to try again.',
  },
  answerMs: {
    env: 'QMESH_ANSWER_MS',
    flag: '--answer-ms <ms>',
    schema: integer({ min: 1, max: 86_400_000 }),
    default: 600_000,
    unit: 'ms',
    describe: 'How long a request to `qmesh serve` may take, including all waiting.',
  },
  inspect: {
    env: 'QMESH_INSPECT',
    flag: '--inspect',
    schema: toggle(),
    default: false,
    describe: 'Log every message and transition of the actor tree to stderr.',
  },
});
