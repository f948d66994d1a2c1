# Licensed under the Apache License, Version 2.0; see LICENSE.
"""``completion``: what a shell needs to complete our commands and options,
made from the parser itself."""

from __future__ import annotations

import argparse
import shlex
from argparse import Namespace

from mod_python.cli import _parser

BASH = """\
_mod_python() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words={commands}
    else
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    case $word in
    -*) ;;
    *) [ "$COMP_CWORD" -eq 1 ] || COMPREPLY+=($(compgen -f -- "$word")) ;;
    esac
}}
complete -o filenames -F _mod_python mod_python
"""
ZSH = "autoload -U +X bashcompinit && bashcompinit\n"


def options_of() -> dict[str, list[argparse.Action]]:
    """command -> its options."""
    found: dict[str, list[argparse.Action]] = {}
    for action in _parser.make()._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, parser in action.choices.items():
                found[name] = [one for one in parser._actions if one.option_strings]
    return found


def run(options: Namespace) -> int:
    """The command."""
    text = _fish() if options.shell == "fish" else _bash()
    print((ZSH if options.shell == "zsh" else "") + text, end="")
    return 0


def _bash() -> str:
    commands = options_of()
    cases = [
        f"        {name}) words={shlex.quote(' '.join(_strings(actions)))} ;;"
        for name, actions in commands.items()
    ]
    return BASH.format(commands=shlex.quote(" ".join(commands)), cases="\n".join(cases))


def _strings(actions: list[argparse.Action]) -> list[str]:
    return [text for action in actions for text in action.option_strings]


def _fish() -> str:
    lines = []
    for group in _parser.COMMANDS.values():
        for name, text in group.items():
            lines.append("complete -c mod_python -n __fish_use_subcommand -f -a "
                         f"{name} -d {shlex.quote(text)}")
    for name, actions in options_of().items():
        for action in actions:
            for text in action.option_strings:
                kind = "-l " + text[2:] if text.startswith("--") else "-s " + text[1:]
                lines.append("complete -c mod_python -n '__fish_seen_subcommand_from "
                             f"{name}' {kind} -d {shlex.quote(action.help or '')}")
    return "\n".join(lines) + "\n"
