/**
 * The catalog of popular models, `models/catalog.json`: where each comes from and what it needs. Nothing in it is
 * trusted later: a fetched file is inspected, and its SHA-256 identifies the model in the mesh.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const catalogUrl = new URL('../../models/catalog.json', import.meta.url);

const bytes = z.number().int().positive();

const entrySchema = z
  .strictObject({
    /** Lower case, as on a command line: `qwen2.5-0.5b-instruct-q4_k_m`. */
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]{2,79}$/),
    /** `hf:user/repository/file.gguf`, or `https:`. */
    uri: z.string().regex(/^(hf:[\w.-]+\/[\w.-]+\/[\w./-]+|https:\/\/\S+)\.gguf$/),
    bytes,
    /** False once the size has been measured on the file itself. */
    bytesApproximate: z.boolean(),
    /** The context length the model was trained with. */
    contextSize: z.number().int().positive(),
    licence: z.string().min(2),
    /** For one slot of 4,096 tokens, as estimated by memory.ts. */
    memoryBytes: bytes,
    note: z.string().min(1),
    /** Only if computed from the file itself; never copied from memory or a web page. */
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  })
  .refine(
    ({ sha256, bytesApproximate }) => sha256 === undefined || !bytesApproximate,
    'bytes that were hashed were counted',
  )
  .refine((entry) => entry.memoryBytes > entry.bytes, 'a model needs more memory than its file has bytes');

const catalogSchema = z.strictObject({
  version: z.literal(1),
  models: z
    .array(entrySchema)
    .refine((models) => new Set(models.map(({ name }) => name)).size === models.length, 'each name occurs once'),
});

export type CatalogEntry = z.infer<typeof entrySchema>;
export type Catalog = z.infer<typeof catalogSchema>;

/** @throws Error that names each invalid field */
export function parseCatalog(text: string): Catalog {
  const result = catalogSchema.safeParse(JSON.parse(text));
  if (!result.success) throw new Error(`the catalog of models is wrong:\n${z.prettifyError(result.error)}`);
  return result.data;
}

/** The catalog shipped with the program. */
export async function readCatalog(): Promise<Catalog> {
  return parseCatalog(await readFile(catalogUrl, 'utf8'));
}
