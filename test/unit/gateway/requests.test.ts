/** From a program's body to the mesh's request: what is done, passed over, refused by name; and that no body gets a worker to strike. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkJsonSchema } from '../../../src/engine/json-grammar.js';
import { ApiError } from '../../../src/gateway/api-error.js';
import type { Asked } from '../../../src/gateway/asked.js';
import { readChat } from '../../../src/gateway/chat-request.js';
import { readCompletion } from '../../../src/gateway/completion-request.js';
import { workable } from '../../../src/gateway/json-schema.js';
import { decodeMessage } from '../../../src/protocol/decode.js';
import { encodeFrame, type FrameObject } from '../../../src/protocol/frame.js';
import type { PromptMessage } from '../../../src/protocol/messages.js';
import { gatewayBefore, hi, ScriptedMesh } from './scripted-mesh.js';

const refusal = (read: (body: unknown) => Asked, body: unknown): ApiError => {
  try {
    read(body);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error(`it was taken: ${JSON.stringify(body)}`);
};
const chat = (more: object) => readChat({ ...hi, ...more }).requests[0];

describe('a chat', () => {
  it('is written in the mesh’s words', () => {
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
        name: 'me',
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: '1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
      },
      { role: 'tool', tool_call_id: '1', content: '2' },
      { role: 'assistant', content: 'So', refusal: null, annotations: [] },
    ];
    expect(readChat({ messages }).requests[0]?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'a\nb' },
      { role: 'assistant', content: '{"tool":"f","arguments":{"x":1}}' },
      { role: 'tool', content: '2' },
      { role: 'assistant', content: 'So' },
    ]);
  });

  it('tells what an earlier answer refused, and names a part that is no text', () => {
    const said = (content: unknown) => ({ messages: [...hi.messages, { role: 'assistant', content }] });
    const parts = [
      { type: 'text', text: 'a' },
      { type: 'refusal', refusal: 'no' },
    ];
    expect(readChat(said(parts)).requests[0]?.messages?.at(-1)).toEqual({ role: 'assistant', content: 'a\nno' });
    expect(refusal(readChat, said([{ type: 'text' }]))).toMatchObject({
      param: 'messages[1].content[0]',
      message: expect.stringContaining('must be text'),
    });
  });

  it('takes seeds as long as programs draw them, and the next one for each choice', () => {
    const seeds = (seed: number) => readChat({ ...hi, seed, n: 2 }).requests.map(({ options }) => options?.seed);
    expect(seeds(7)).toEqual([7, 8]);
    expect(seeds(-7)).toEqual([-7, -6]);
    expect(seeds(Number.MAX_SAFE_INTEGER)).toEqual([Number.MAX_SAFE_INTEGER, 0]);
    for (const seed of seeds(2 ** 63 - 2 ** 11)) expect(seed).toSatisfy(Number.isSafeInteger);
    expect(refusal(readChat, { ...hi, seed: 1.5 })).toMatchObject({ param: 'seed', status: 400 });
  });

  it('passes over what changes nothing, and what asks for nothing', () => {
    const nothing = {
      user: 'me',
      metadata: { a: '1' },
      store: false,
      service_tier: 'auto',
      safety_identifier: 'x',
      prompt_cache_key: 'y',
      logprobs: false,
      top_logprobs: 0,
      logit_bias: {},
      frequency_penalty: 0,
      presence_penalty: 0,
      modalities: ['text'],
      parallel_tool_calls: true,
      tools: [],
      temperature: null,
      stop: [],
      response_format: { type: 'text' },
    };
    expect(chat(nothing)).toEqual({ ...hi, options: { stop: [] } });
  });

  it.each([
    ['logprobs', { logprobs: true }],
    ['top_logprobs', { top_logprobs: 2 }],
    ['logit_bias', { logit_bias: { 50256: -100 } }],
    ['frequency_penalty', { frequency_penalty: 0.5 }],
    ['presence_penalty', { presence_penalty: -1 }],
    ['modalities', { modalities: ['text', 'audio'] }],
    ['audio', { audio: { voice: 'alloy', format: 'wav' } }],
    ['store', { store: true }],
    ['functions', { functions: [{ name: 'f' }] }],
    ['function_call', { function_call: 'auto' }],
    ['web_search_options', { web_search_options: {} }],
    ['reasoning_effort', { reasoning_effort: 'high' }],
    ['temprature', { temprature: 1 }],
    [
      'response_format',
      { response_format: { type: 'json_object' }, tools: [{ type: 'function', function: { name: 'f' } }] },
    ],
  ])('refuses %s, which the mesh cannot', (param, more) => {
    expect(refusal(readChat, { ...hi, ...more })).toMatchObject({ status: 400, param, code: 'unsupported_parameter' });
  });

  it.each([
    ['messages', { messages: undefined }],
    ['messages', { messages: [] }],
    ['messages', { messages: 'hi' }],
    ['messages[1].role', { messages: [...hi.messages, { role: 'wizard', content: '' }] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    [
      'messages[0].content[1].type',
      { messages: [{ role: 'user', content: [{ type: 'text', text: '' }, { type: 'image_url' }] }] },
    ],
    ['messages[0].content[0]', { messages: [{ role: 'user', content: ['hi'] }] }],
    ['messages[0].tool_call_id', { messages: [{ role: 'tool', content: '' }] }],
    ['temperature', { temperature: 2.1 }],
    ['max_tokens', { max_tokens: 5, max_completion_tokens: 6 }],
    ['max_completion_tokens', { max_completion_tokens: 1.5 }],
    ['n', { n: 9 }],
    ['stop', { stop: Array.from({ length: 17 }, String) }],
    ['stream_options', { stream_options: { include_usage: true } }],
    ['tools[0].type', { tools: [{ type: 'custom', custom: { name: 'f' } }] }],
    ['tools[0].function.name', { tools: [{ type: 'function', function: { name: 'a b' } }] }],
    ['tool_choice', { tool_choice: 'required' }],
    ['tool_choice.function.name', { tool_choice: { type: 'function', function: { name: 'f' } } }],
    ['response_format.type', { response_format: { type: 'xml' } }],
    ['response_format', { response_format: 'json' }],
    ['messages[0]', { messages: ['hi'] }],
  ])('names %s where its value is wrong', (param, more) => {
    expect(refusal(readChat, { ...hi, ...more })).toMatchObject({ status: 400, param, code: 'invalid_value' });
  });

  it.each([
    [{ messages: undefined }, 'messages: is missing'],
    [{ messages: [] }, 'messages: must have at least 1 entry'],
    [{ messages: 'hi' }, 'messages: must be a list'],
    [{ max_tokens: 0 }, 'max_tokens: must be at least 1'],
    [{ max_tokens: 1.5 }, 'max_tokens: must be a whole number'],
    [{ temperature: 3 }, 'temperature: must be at most 2'],
    [{ repeat_penalty: 0 }, 'repeat_penalty: must be more than 0'],
    [{ temperature: 'hot' }, 'temperature: must be a number'],
    [{ stream: 'yes' }, 'stream: must be true or false'],
    [{ model: '' }, 'model: must have at least 1 character'],
    [{ messages: [{ role: 'tool', content: '' }] }, 'messages[0].tool_call_id: is missing'],
  ])('says what is wrong in words: %j', (more, message) => {
    expect(refusal(readChat, { ...hi, ...more })).toMatchObject({ status: 400, message });
  });

  it('may be held to some of its tools', () => {
    const tool = (name: string) => ({ type: 'function', function: { name } });
    const tools = [tool('f'), tool('g'), tool('h')];
    const allowed = (mode: string, ...names: string[]) => ({
      ...hi,
      tools,
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode, tools: names.map(tool) } },
    });
    const [request] = readChat(allowed('auto', 'h', 'f')).requests;
    expect(request?.tools?.map(({ name }) => name)).toEqual(['f', 'h']);
    const { requests, isCall } = readChat(allowed('required', 'g'));
    expect(isCall).toBe(true);
    expect(requests[0]?.options?.jsonSchema).toMatchObject({ properties: { tool: { const: 'g' } } });
    expect(refusal(readChat, allowed('auto', 'i'))).toMatchObject({ param: 'tool_choice.allowed_tools.tools' });
  });

  it('that must call a tool is asked for in the form of a call, and what a worker refuses of it is named', () => {
    const tool = (name: string) => ({
      type: 'function',
      function: { name, parameters: { type: 'object', properties: {} } },
    });
    const asked = readChat({
      ...hi,
      tools: [tool('f'), tool('g')],
      tool_choice: { type: 'function', function: { name: 'g' } },
    });
    const [request] = asked.requests;
    expect(request).not.toHaveProperty('tools');
    expect(request?.options?.jsonSchema).toMatchObject({ properties: { tool: { const: 'g' } } });
    checkJsonSchema(request?.options?.jsonSchema, 'it');
    expect(asked.rename('options.jsonSchema.properties.arguments.x')).toBe('tools[1].function.parameters.x');
    const any = readChat({ ...hi, tools: [tool('f'), tool('g')], tool_choice: 'required' });
    expect(any.rename('options.jsonSchema.oneOf[1].properties.arguments.x')).toBe('tools[1].function.parameters.x');
    expect(readChat({ ...hi, tools: [tool('f')], tool_choice: 'none' }).requests[0]).toEqual({ ...hi, options: {} });
  });
});

describe('raw text', () => {
  it('goes on from each prompt, n times', () => {
    const { requests, n } = readCompletion({ prompt: ['a', 'b'], n: 2, max_tokens: 3, echo: false });
    expect(requests.map(({ prompt }) => prompt)).toEqual(['a', 'a', 'b', 'b']);
    expect(n).toBe(2);
  });

  it.each([
    ['prompt', { prompt: [1, 2, 3] }],
    ['prompt', {}],
    ['n', { prompt: ['a', 'b'], n: 5 }],
    ['suffix', { prompt: 'a', suffix: 'b' }],
    ['echo', { prompt: 'a', echo: true }],
    ['best_of', { prompt: 'a', best_of: 3 }],
    ['logprobs', { prompt: 'a', logprobs: 1 }],
    ['messages', { prompt: 'a', messages: [] }],
  ])('refuses %s by its name', (param, body) => {
    expect(refusal(readCompletion, body)).toMatchObject({ status: 400, param });
  });
});

describe('a JSON schema', () => {
  const lenient = (schema: unknown) => workable(schema, 'it', false);
  const strict = (schema: unknown) => workable(schema, 'it', true);

  it('has its synonyms translated', () => {
    const written = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      properties: {
        a: { anyOf: [{ type: 'string' }, { $ref: '#/definitions/b' }] },
        c: { allOf: [{ type: 'null' }], title: 'C' },
      },
      definitions: { b: { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER } },
    };
    expect(strict(written)).toEqual({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { a: { oneOf: [{ type: 'string' }, { $ref: '#/$defs/b' }] }, c: { type: 'null', title: 'C' } },
      $defs: { b: { type: 'integer' } },
    });
    checkJsonSchema(strict(written), 'it');
  });

  it('is held to as it stands where it is strict, and otherwise a wish that the model is told', () => {
    const written = {
      type: 'object',
      properties: {
        age: { type: 'integer', minimum: 0, description: 'In years.' },
        mail: { type: 'string', format: 'email' },
      },
    };
    expect(strict(written)).toEqual(written);
    expect(() => checkJsonSchema(strict(written), 'it')).toThrow('it.properties.age.minimum');
    expect(lenient(written)).toEqual({
      type: 'object',
      properties: {
        age: { type: 'integer', description: 'In years. (minimum: 0)' },
        mail: { type: 'string', description: 'format: "email"' },
      },
    });
    checkJsonSchema(lenient(written), 'it');
  });

  it.each([
    ['anyOf[0].minLength', { anyOf: [{ type: 'string', minLength: 5, maxLength: 3 }] }],
    ['properties.list.minItems', { type: 'object', properties: { list: { type: 'array', minItems: -1 } } }],
    ['definitions.age.minimum', { definitions: { age: { minimum: 2, maximum: 1 } }, $ref: '#/definitions/age' }],
    ['enum', { enum: [] }],
  ])('that contradicts itself is refused at once, by the name that the program gave it: %s', (at, schema) => {
    const refused = { status: 400, code: 'invalid_value' };
    for (const isStrict of [true, false]) {
      const format = { type: 'json_schema', json_schema: { name: 'it', strict: isStrict, schema } };
      const param = `response_format.json_schema.schema.${at}`;
      expect(refusal(readChat, { ...hi, response_format: format })).toMatchObject({ ...refused, param });
      const tools = [{ type: 'function', function: { name: 'f', strict: isStrict, parameters: schema } }];
      const ofTool = { ...refused, param: `tools[0].function.parameters.${at}` };
      expect(refusal(readChat, { ...hi, tools })).toMatchObject(ofTool);
    }
  });

  it('may say nothing: then it is any value', () => {
    for (const any of [true, {}, { description: 'x' }]) checkJsonSchema(lenient(any), 'it');
    checkJsonSchema(
      readChat({ ...hi, response_format: { type: 'json_object' } }).requests[0]?.options?.jsonSchema,
      'it',
    );
  });

  it('may stand beside json_object, where some libraries put it', () => {
    const schema = { type: 'object', properties: { next: { type: 'integer' } }, required: ['next'] };
    const asked = readChat({ ...hi, response_format: { type: 'json_object', schema } });
    expect(asked.requests[0]?.options?.jsonSchema).toEqual(schema);
    expect(asked.rename('options.jsonSchema.properties.next')).toBe('response_format.schema.properties.next');
    expect(refusal(readChat, { ...hi, response_format: { type: 'json_object', schema: 5 } })).toMatchObject({
      param: 'response_format.schema',
    });
  });

  it('has properties of any name, keywords included', () => {
    const names = ['minimum', 'anyOf', 'pattern', 'definitions', 'constructor', 'toString'];
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
    expect(lenient({ type: 'object', properties })).toEqual({ type: 'object', properties });
  });
});

describe('any body', () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  const word = fc.constantFrom(
    'messages',
    'prompt',
    'tools',
    'stop',
    'n',
    'response_format',
    'tool_choice',
    'model',
    'seed',
    'top_k',
  );
  const near = fc
    .tuple(
      fc.dictionary(word, json),
      fc.record(
        { messages: fc.array(fc.record({ role: fc.constantFrom('user', 'assistant', 'tool'), content: json })) },
        { requiredKeys: [] },
      ),
    )
    .map(([more, messages]) => ({ ...hi, ...messages, ...more }));

  it('is refused with a 400 or 413, or becomes requests that a worker takes for well-formed', () => {
    fc.assert(
      fc.property(fc.oneof(json, near), fc.constantFrom(readChat, readCompletion), (body, read) => {
        let asked: Asked;
        try {
          asked = read(body);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
          expect([400, 413]).toContain((error as ApiError).status);
          return;
        }
        for (const request of asked.requests) {
          const message = { v: 2, type: 'prompt', id: 'a', ...request } as PromptMessage;
          const sent = JSON.parse(Buffer.from(encodeFrame(message).subarray(4)).toString()) as FrameObject;
          expect(decodeMessage(sent)).toMatchObject({ kind: 'message' });
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('nests no deeper than workers read, and is no longer than a frame', () => {
    const deep = (levels: number): object =>
      levels === 0 ? { type: 'string' } : { type: 'array', items: deep(levels - 1) };
    const tool = (levels: number) => ({
      ...hi,
      tools: [{ type: 'function', function: { name: 'f', parameters: deep(levels) } }],
    });
    expect(() => readChat(tool(20))).not.toThrow();
    expect(refusal(readChat, tool(5_000)).status).toBe(400);
    const chain = (levels: number): object => (levels === 0 ? { type: 'null' } : { allOf: [chain(levels - 1)] });
    const format = { type: 'json_object', schema: chain(7_000) };
    expect(refusal(readChat, { ...hi, response_format: format }).status).toBe(400);
    const value = (levels: number): unknown => (levels === 0 ? 1 : [value(levels - 1)]);
    expect(
      refusal(readChat, {
        ...hi,
        response_format: { type: 'json_schema', json_schema: { schema: { const: value(5_000) } } },
      }).status,
    ).toBe(400);
    expect(refusal(readChat, { messages: [{ role: 'user', content: 'é'.repeat(524_288) }] }).status).toBe(413);
  });

  it.each([
    ['no JSON', '{bad', 400],
    ['nothing', '', 400],
    ['a list', '[]', 400],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
    ['deep', '['.repeat(100_000), 400],
    ['too much', `"${'x'.repeat(1_048_577)}"`, 413],
  ])('%s: OpenAI’s error, and nothing is asked', async (_, payload, status) => {
    const mesh = new ScriptedMesh();
    const { app } = gatewayBefore(mesh);
    const headers = { host: '127.0.0.1', 'content-type': 'application/json' };
    const response = await app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({ error: { type: 'invalid_request_error', param: null } });
    expect(mesh.asked).toEqual([]);
  });

  it.each([
    ['__proto__', '{"__proto__": {"stream": true}, "messages": []}'],
    ['constructor', '{"constructor": {"prototype": {"stream": true}}}'],
    ['messages[0].__proto__', '{"messages": [{"role": "user", "content": "hi", "\\u005f_proto__": {}}]}'],
    [
      'tools[0].function.parameters.properties.__proto__',
      '{"tools": [{"function": {"parameters": {"properties": {"__proto__": {"type": "null"}}}}}], "messages": []}',
    ],
  ])('does not reach a prototype: %s is refused by its name', async (param, payload) => {
    const mesh = new ScriptedMesh();
    const { app } = gatewayBefore(mesh);
    const headers = { host: '127.0.0.1', 'content-type': 'application/json' };
    const response = await app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload });
    expect(response.statusCode).toBe(400);
    const error = { type: 'invalid_request_error', code: 'invalid_value', param };
    expect(response.json()).toMatchObject({ error: { ...error, message: expect.stringContaining(param) } });
    expect(mesh.asked).toEqual([]);
  });

  it('is JSON: a form that a page may send unasked is none', async () => {
    const { app } = gatewayBefore(new ScriptedMesh());
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const headers = { host: '127.0.0.1', 'content-type': type };
      const response = await app.inject({
        method: 'POST',
        url: '/v1/chat/completions',
        headers,
        payload: JSON.stringify(hi),
      });
      expect(response.statusCode).toBe(415);
    }
  });
});
