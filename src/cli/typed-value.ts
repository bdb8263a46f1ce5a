/** A setting's value as one would type it in the environment; undefined if it has none. */
import type { Settings } from '../settings.js';

export function asTyped(value: Settings[keyof Settings]): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.join(',') || undefined;
  if (typeof value !== 'object') return String(value) || undefined;
  if ('text' in value) return value.text;
  if (!('kind' in value)) return JSON.stringify(value);
  if (value.kind === 'nodes') return value.nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  return value.kind === 'local' && value.port !== undefined ? `local:${value.port}` : value.kind;
}
