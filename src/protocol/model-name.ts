/**
 * A model is requested by its name or by the SHA-256 of its file. Names come from files and may be written in any
 * letter case; `qmesh models list` and the mesh show them in lower case.
 */
export const isModel = (model: { readonly name: string; readonly sha256: string }, asked: string): boolean =>
  model.name.toLowerCase() === asked.toLowerCase() || model.sha256 === asked;
