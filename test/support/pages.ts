/** Code in Markdown: fenced blocks by language, and lines of shell in fenced or indented ones. */

export interface Block {
  readonly language: string;
  readonly code: string;
}

export const fencedBlocks = (page: string): Block[] =>
  [...page.matchAll(/^ {0,3}```(\w*)[^\n]*\n([\s\S]*?)^ {0,3}```/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }));

/**
 * Shell lines of sh blocks, indented blocks, and `npx qmesh …` in the text; a line ending in `\` continues on the next.
 */
export function shellLinesOf(page: string): string[] {
  const fenced = fencedBlocks(page)
    .filter(({ language }) => ['sh', 'bash', 'console', ''].includes(language))
    .flatMap(({ code }) => code.split('\n'));
  const prose = page.replace(/^ {0,3}```[\s\S]*?^ {0,3}```/gm, '');
  const indented = prose.split('\n').filter((line) => /^ {4}\S/.test(line));
  const inline = [...prose.matchAll(/`(npx qmesh [^`]+)`/g)].map(([, code = '']) => code);
  return [...fenced, ...indented, ...inline]
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
