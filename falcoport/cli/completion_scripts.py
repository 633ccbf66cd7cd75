"""The completion scripts of bash, zsh and fish.

Each asks falcoport itself for candidates (candidates.py), and completes files where it is told to:
what can be completed is decided in one place, whatever the shell.
"""

from __future__ import annotations

from falcoport.cli.catalogue import COMPLETION

# compgen and not mapfile: macOS still has bash 3.2.
_BASH = f"""\
_falcoport_completion() {{
    local IFS=$'\\n' answer
    answer=($({COMPLETION}=bash "$1" "${{COMP_LINE:0:COMP_POINT}}" 2>/dev/null))
    COMPREPLY=()
    if [[ ${{answer[0]}} == files ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$2"))
    else
        COMPREPLY=("${{answer[@]:1}}")
    fi
}}
complete -F _falcoport_completion falcoport
"""

_ZSH = f"""\
#compdef falcoport
_falcoport() {{
    local -a answer candidates
    local line value
    answer=("${{(@f)$({COMPLETION}=zsh "${{words[1]}}" \\
        "${{(@Q)words[2,CURRENT-1]}}" "${{(Q)PREFIX}}" 2>/dev/null)}}")
    if [[ ${{answer[1]}} == files ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '*='
        _files
        return
    fi
    for line in "${{(@)answer[2,-1]}}"; do
        # _describe takes the first colon for the end of the value.
        value=${{line%%$'\t'*}}
        candidates+=("${{value//:/\\:}}${{line:$#value}}")
        candidates[-1]=${{candidates[-1]/$'\t'/:}}
    done
    (( $#candidates )) && _describe -t values falcoport candidates
}}
if [[ ${{funcstack[1]}} == _falcoport ]]; then
    _falcoport "$@"
else
    compdef _falcoport falcoport
fi
"""

_FISH = f"""\
function __falcoport_complete
    set -l typed (commandline -ct)
    set -l words (commandline -opc)
    set -l answer (env {COMPLETION}=fish $words $typed 2>/dev/null)
    if test "$answer[1]" = files
        set -l option (string match -r -- '^--[^=]*=' "$typed")
        for path in (__fish_complete_path (string replace -- "$option" '' "$typed"))
            echo -- "$option$path"
        end
        return
    end
    for line in $answer[2..]
        echo -- $line
    end
end
complete --command falcoport --no-files --arguments '(__falcoport_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""Each shell's script."""
