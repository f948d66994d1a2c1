# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The pages of docs/api about httpd's objects: made of the stub, which has the
types, and of the docstrings, which a running httpd tells."""
from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).resolve().parents[2]
STUB = SOURCE / "mod_python" / "_apache.pyi"
PAGES = SOURCE / "docs" / "api"

# page -> (title, class of the stub)
TYPES = {
    "request": ("The request object", "mp_request"),
    "connection": ("The connection object", "mp_conn"),
    "server": ("The server object", "mp_server"),
    "filter": ("The filter object", "mp_filter"),
    "table": ("Tables", "table"),
    "finfo": ("The finfo object", "mp_finfo"),
    "hlist": ("The hlist object", "mp_hlist"),
}

HEAD = """\
<!-- Made from the docstrings and mod_python/_apache.pyi by `make api`. -->

# {title}

{intro}
"""

Docs = dict[str, dict[str, str]]  # class -> member ("" for itself) -> docstring


class Member(NamedTuple):
    """A member or method as the stub has it."""

    name: str
    group: str  # the comment above
    signatures: list[str]  # of a method
    type: str  # of a member


def members(name: str) -> Iterator[Member]:
    """The public members of a class of the stub, in its order."""
    text = STUB.read_text()
    lines = text.splitlines()
    (found,) = [node for node in ast.parse(text).body
                if isinstance(node, ast.ClassDef) and node.name == name]
    seen: dict[str, Member] = {}
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            member = Member(node.target.id, _group(lines, node.lineno), [],
                            ast.unparse(node.annotation))
        elif isinstance(node, ast.FunctionDef):
            member = _function(node, _group(lines, node.lineno))
        else:
            continue
        if member.name.startswith("_"):
            continue
        if member.name in seen:  # an overload, or the setter of a property
            seen[member.name].signatures.extend(member.signatures)
        else:
            seen[member.name] = member
    return iter(seen.values())


def _group(lines: list[str], number: int) -> str:
    """The last comment of its own line above."""
    for line in reversed(lines[:number]):
        if line.startswith("    # "):
            text = line.strip().removeprefix("# ")
            return text[0].upper() + text[1:]
        if line.startswith("class "):
            break
    return ""


def _function(node: ast.FunctionDef, group: str) -> Member:
    names = [ast.unparse(one) for one in node.decorator_list]
    result = ast.unparse(node.returns) if node.returns else "Any"
    if "property" in names:
        return Member(node.name, group, [], result)
    if any(name.endswith(".setter") for name in names):
        return Member(node.name, group, [], "")
    args = ast.unparse(node.args).removeprefix("self, ").removeprefix("self")
    args = args.removeprefix("/, ").removeprefix("/")
    return Member(node.name, group, [f"{node.name}({args}) -> {result}"], "")


def _escaped(text: str) -> str:
    return re.sub(r"([*<>|`])", r"\\\1", text)


def page(name: str, docs: Docs) -> str:
    """The Markdown of one page."""
    title, type_name = TYPES[name]
    known = docs.get(type_name) or docs["mp_" + type_name]
    intro = re.sub(r"\A(\w+\(.*\))\n--\n\n", "", known[""])  # a signature
    parts = [HEAD.format(title=title, intro=_escaped(intro))]
    found = list(members(type_name))
    groups = dict.fromkeys(member.group for member in found)
    for group in groups:
        mine = [member for member in found if member.group == group]
        rows = [member for member in mine if not member.signatures]
        methods = [member for member in mine if member.signatures]
        if group:
            parts.append(f"\n## {group}\n")
        if rows:
            parts.append("\n| member | type | meaning |\n|---|---|---|\n")
            parts += [_row(member, known) for member in rows]
        level = "###" if group else "##"
        parts += [_method(member, known, level) for member in methods]
    return "".join(parts)


def _row(member: Member, known: dict[str, str]) -> str:
    text = " ".join(known[member.name].split())
    # the type stands in a column of its own
    text = re.sub(r"^[\w ,]+?(\(.*?\))?: ", "", text)
    if re.match(r"[a-z]+[ ,;]", text):
        text = text[0].upper() + text[1:]
    return f"| `{member.name}` | `{member.type}` | {_escaped(text)} |\n".replace(
        f"`{member.type}`", f"`{member.type}`".replace("|", "\\|"))


def _method(member: Member, known: dict[str, str], level: str) -> str:
    lines = "\n".join(member.signatures)
    return (f"\n{level} {member.name}\n\n```text\n{lines}\n```\n\n"
            f"{_escaped(known[member.name])}\n")
