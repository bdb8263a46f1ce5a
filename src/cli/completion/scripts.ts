/**
 * Completion scripts for shells. All three work the same way: they follow the words typed so far to the command they
 * name, and offer what can come next. If nothing matches, the shell completes file names.
 */
import type { Place, Word } from './places.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export const completionScript = (shell: Shell, name: string, places: readonly Place[]): string =>
  ({ bash, zsh, fish })[shell](name, places);

/** Single-quoted; only fish has escapes inside single quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const quotedForFish = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** As a `case` pattern: the places that a word leads into. */
const entered = (places: readonly Place[]): string =>
  places
    .filter(({ after }) => after !== '')
    .map(({ after }) => quoted(` ${after}`))
    .join(' | ');

const pathOf = ({ after }: Place): string => (after === '' ? '' : ` ${after}`);

function bash(name: string, places: readonly Place[]): string {
  const cases = places.map((place) => {
    const words = [...place.commands, ...place.flags].map(({ word }) => word).join(' ');
    return `    ${quoted(pathOf(place))}) offered=${quoted(words)} ;;`;
  });
  return `# Completion for bash: source <(${name} completion bash)
_${name}() {
  local at= offered= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
    ${entered(places)}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _${name} ${name}
`;
}

function zsh(name: string, places: readonly Place[]): string {
  const item = ({ word, describe }: Word): string => quoted(`${word}:${describe.replaceAll(':', '\\:')}`);
  const cases = places.map((place) => {
    const { commands, flags } = place;
    return `    (${quoted(pathOf(place))}) commands=(${commands.map(item).join(' ')}) flags=(${flags.map(item).join(' ')}) ;;`;
  });
  return `#compdef ${name}
# Completion for zsh: source <(${name} completion zsh)
_${name}() {
  local at= i
  local -a commands flags
  for ((i = 2; i < CURRENT; i++)); do
    case "$at \${words[i]}" in
    (${entered(places)}) at="$at \${words[i]}" ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o 'flag' flags
  elif (( \${#commands} )); then
    _describe 'command' commands
  else
    _files
  fi
}
# A zsh without a .zshrc has not set up completion yet.
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i }
compdef _${name} ${name}
`;
}

function fish(name: string, places: readonly Place[]): string {
  const known = places.filter(({ after }) => after !== '').map(({ after }) => quotedForFish(` ${after}`));
  const lines = places.flatMap((place) => {
    const at = quotedForFish(`__${name}_at ${quotedForFish(pathOf(place))}`);
    const commands = place.commands.map(
      ({ word, describe }) => `complete -c ${name} -n ${at} -f -a ${word} -d ${quotedForFish(describe)}`,
    );
    const flags = place.flags.map(
      ({ word, describe }) =>
        `complete -c ${name} -n ${at} -l ${word.replace(/^--/, '')} -d ${quotedForFish(describe)}`,
    );
    return [...commands, ...flags];
  });
  return `# Completion for fish: ${name} completion fish | source
function __${name}_at
  set -l at ''
  for word in (commandline -opc)[2..]
    if contains -- "$at $word" ${known.join(' ')}
      set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}
