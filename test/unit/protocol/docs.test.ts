/** docs/protocol.md says what the code does: its tables are read from the page and compared, and its examples decoded. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '../../../src/protocol/decode.js';
import { errorCodes, type ErrorCode, type ErrorCodeInfo } from '../../../src/protocol/errors.js';
import type { RefusalReason } from '../../../src/protocol/frame.js';
import { limits } from '../../../src/protocol/limits.js';
import { inferenceSchemas, type ClientMessage, type MessageType } from '../../../src/protocol/messages.js';
import { ackSchema, attestationSchema, orderSchema, receiptSchema } from '../../../src/protocol/signed-objects.js';
import { networks, topicName } from '../../../src/protocol/topics.js';

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');

const cells = (line: string): string[] =>
  line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim());

/** The rows of the table whose header begins with these cells. */
function table(...header: string[]): string[][] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => header.every((cell, column) => cells(line)[column] === cell));
  if (start < 0) throw new Error(`docs/protocol.md has no table "${header.join(' | ')}"`);
  const rows = lines.slice(start + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map(cells);
}

const codes = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
const firstCode = (row: string[]): string => codes(row[0])[0] ?? '';

/** `name` of a required field, `name?` of an optional one, in the schema's order, without `v` and `type`. */
function fieldsOf(type: MessageType): string[] {
  const schema: z.ZodType = inferenceSchemas[type];
  const object = schema instanceof z.ZodPipe ? schema.out : schema;
  if (!(object instanceof z.ZodObject)) throw new Error(`${type} is no object`);
  return Object.entries(object.shape)
    .map(([name, field]) => (field instanceof z.ZodExactOptional ? `${name}?` : name))
    .slice(2);
}

describe('docs/protocol.md', () => {
  it('names every message, who sends it, and its fields', () => {
    const clientTypes: readonly ClientMessage['type'][] = ['prompt', 'cancel', 'receipt_ack', 'hello'];
    const expected = (Object.keys(inferenceSchemas) as MessageType[]).map((type) => [
      type,
      (clientTypes as readonly string[]).includes(type) ? 'client' : 'worker',
      ...fieldsOf(type),
    ]);
    const written = table('type', 'from').map((row) => [firstCode(row), row[1], ...codes(row[2])]);
    expect(written).toEqual(expected);
  });

  it('shows a request that decodes, frame by frame', () => {
    const frames = [...page.matchAll(/^ {4}[→←] (\{.*\})$/gm)].map(([, json]) =>
      json!.replaceAll('SHA256', 'ab'.repeat(32)),
    );
    const outcomes = frames.map((json) => decodeMessage(JSON.parse(json) as Record<string, unknown>));
    expect(outcomes.map((outcome) => (outcome.kind === 'message' ? outcome.message.type : outcome))).toEqual([
      'prompt',
      'queue_status',
      'queue_status',
      'inference_token',
      'inference_token',
      'inference_result',
    ]);
  });

  it('names the fields of every signed object', () => {
    const schemas = { order: orderSchema, receipt: receiptSchema, ack: ackSchema, attestation: attestationSchema };
    const expected = Object.entries(schemas).map(([kind, { out }]) => [kind, ...Object.keys(out.shape)]);
    expect(table('signed object', 'signed by').map((row) => [firstCode(row), ...codes(row[2])])).toEqual(expected);
  });

  it('names every refusal', () => {
    const reasons: Record<RefusalReason | 'incomplete', true> = {
      length_zero: true,
      too_large: true,
      not_utf8: true,
      too_deep: true,
      not_json: true,
      not_object: true,
      incomplete: true,
    };
    expect(table('refusal', 'when').map(firstCode)).toEqual(Object.keys(reasons));
  });

  it('names every error code, as the registry has it', () => {
    const expected = (Object.keys(errorCodes) as ErrorCode[]).map((code) => {
      const info: ErrorCodeInfo = errorCodes[code];
      return [
        `\`${code}\``,
        info.retryable ? 'yes' : '',
        info.carries === undefined ? '' : `\`${info.carries}\``,
        info.meaning,
      ];
    });
    expect(table('code', 'retryable elsewhere', 'carries', 'meaning')).toEqual(expected);
  });

  it('names every limit and its value', () => {
    const expected = Object.entries(limits).map(([limit, value]) => [limit, value.toLocaleString('en')]);
    expect(table('limit', 'value').map((row) => [firstCode(row), row[1]])).toEqual(expected);
  });

  it('names the topics', () => {
    const expected = networks.map((network) => [network, topicName(network)]);
    expect(table('network', 'topic').map((row) => [row[0], ...codes(row[1])])).toEqual(expected);
    expect(page).toContain(topicName('inference', 'acme'));
  });

  describe('prompt fields', () => {
    const rows = table('field', 'meaning', 'accepted', 'refused');

    const withField = (path: string, json: string) => {
      const prompt: Record<string, unknown> = { v: 2, type: 'prompt', id: 'a', prompt: 'x' };
      if (path === 'messages') delete prompt.prompt;
      const [outer = '', inner] = path.split('.');
      const value: unknown = JSON.parse(json);
      return decodeMessage({ ...prompt, [outer]: inner === undefined ? value : { [inner]: value } });
    };

    it('are all there', () => {
      const named = new Set(rows.map((row) => firstCode(row).split('.')[0] ?? ''));
      const inSchema = fieldsOf('prompt').map((field) => field.replace('?', ''));
      expect(inSchema.filter((field) => !named.has(field))).toEqual(['id', 'order']);
    });

    it.each(rows.flatMap((row) => codes(row[2]).map((json) => [firstCode(row), json] as const)))(
      '%s takes %s',
      (path, json) => {
        expect(withField(path, json).kind).toBe('message');
      },
    );

    it.each(rows.flatMap((row) => codes(row[3]).map((json) => [firstCode(row), json] as const)))(
      '%s refuses %s',
      (path, json) => {
        const outcome = withField(path, json);
        expect(outcome.kind).toBe('invalid');
        expect(outcome.kind === 'invalid' && outcome.message.startsWith(path)).toBe(true);
      },
    );
  });
});
