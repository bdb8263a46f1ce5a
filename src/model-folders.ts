/** Where models are looked for, in this order. */
import { join, resolve } from 'node:path';
import type { Settings } from './settings.js';

export const modelFolders = ({ models, home }: Pick<Settings, 'models' | 'home'>): readonly string[] => [
  resolve(models ?? join(home, 'models')),
  resolve('models'),
];
