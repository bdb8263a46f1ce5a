/**
 * The element at an index that is inside its list: typed arrays hold most of what is simulated, and a mistaken index ends the
 * run instead of spreading NaN through its figures.
 * @template T
 * @param {{ readonly length: number, readonly [index: number]: T }} list
 * @param {number} index
 * @returns {T}
 */
export function element(list, index) {
  const found = list[index];
  if (found === undefined) throw new RangeError(`index ${index} of ${list.length}`);
  return found;
}
