"""Completion: what completes commands and options in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cyclopts import App

__all__ = ["completion"]

Shell = Literal["bash", "zsh", "fish"]

# The generated function has another name than the file that docs/cli.md tells of, and zsh calls what is in the file
_ZSH = """
if [[ "${{funcstack[1]-}}" == (_{name}|{function}) ]]; then
  {function} "$@"
elif (( $+functions[compdef] )); then
  compdef {function} {name}
fi
"""
_FISH = """
complete -c {name} -n __fish_use_subcommand -f
"""


def completion(app: App, shell: Shell) -> str:
    """Return a shell's script that completes commands and options.

    Parameters
    ----------
    app : App
    shell : {"bash", "zsh", "fish"}
    """
    name = app.name[0]
    more = {"zsh": _ZSH, "fish": _FISH}.get(shell, "").format(name=name, function=f"_cyclopts_{name}")
    return app.generate_completion(shell=shell) + more
