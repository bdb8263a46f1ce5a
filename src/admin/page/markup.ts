/** HTML templates. Every inserted value is escaped, unless it was made by `html` itself. */

class Markup {
  constructor(readonly text: string) {}
}
export type { Markup };

type Piece = Markup | string | number | undefined | readonly Piece[];

export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  return new Markup(parts.map((part, index) => part + written(pieces[index])).join(''));
}

function written(piece: Piece): string {
  if (piece === undefined) return '';
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'object') return piece.map(written).join('');
  return String(piece).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const shown = new WeakMap<Element, string>();

/** Updates only if the markup has changed, so that the reader's selection and focus survive. */
export function put(into: Element, markup: Markup): void {
  if (shown.get(into) === markup.text) return;
  shown.set(into, markup.text);
  into.innerHTML = markup.text;
}

/** @throws if the page has no such element */
export function element<T extends Element>(
  selector: string,
  kind: abstract new () => T,
  within: ParentNode = document,
): T {
  const found = within.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${selector}`);
}
