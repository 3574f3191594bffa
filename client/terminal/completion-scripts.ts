import { printable, QxError } from '../format/error.ts';
import { SHELLS } from './command-line.ts';

export type Shell = (typeof SHELLS)[number];

/** QxError `usage` for a shell that is not known. */
export function shellOf(name: string): Shell {
  const shell = SHELLS.find((each) => each === name);
  if (shell !== undefined) return shell;
  throw new QxError('usage', 'no completion for this shell', {
    expected: SHELLS.join(', '),
    found: printable(name),
  });
}

/** What a shell reads once: at each Tab it asks the program itself, so that it never knows another version's flags. */
export function completionScript(program: string, shell: Shell): string {
  // zsh calls a function as the file is called that it finds it in.
  const name = shell === 'zsh' ? `_${program}` : `_${program.replaceAll('-', '_')}`;
  return SCRIPTS[shell].replaceAll('PROGRAM', program).replaceAll('NAME', name);
}

const BASH = String.raw`# bash completion of PROGRAM
NAME() {
  local line word=${'$'}{COMP_WORDS[COMP_CWORD]#[=:]}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
    :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    :folders) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    ?*) COMPREPLY+=("${'$'}{line%%$'\t'*}") ;;
    esac
  done < <(PROGRAM completion bash -- "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F NAME PROGRAM
`;

const ZSH = String.raw`#compdef PROGRAM
NAME() {
  local line
  local -a found
  for line in "${'$'}{(@f)$(PROGRAM completion zsh -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
    :files) compset -P '*='; _files ;;
    :folders) compset -P '*='; _files -/ ;;
    ?*) found+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}") ;;
    esac
  done
  (( $#found )) && _describe PROGRAM found
}
if [[ $funcstack[1] == NAME ]]; then NAME "$@"; else compdef NAME PROGRAM; fi
`;

const FISH = String.raw`# fish completion of PROGRAM
function NAME
    set -l words (commandline -opc)
    for line in (PROGRAM completion fish -- $words[2..] "$(commandline -ct)" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :folders
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c PROGRAM -f -a '(NAME)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
