/**
 * A model is asked for by its name or by the SHA-256 of its file. Names are those of files, which people write in any case of letters:
 * `qmesh models list` and the mesh show them in lower case.
 */
export const isModel = (model: { readonly name: string; readonly sha256: string }, asked: string): boolean =>
  model.name.toLowerCase() === asked.toLowerCase() || model.sha256 === asked;
