# Licensed under the Apache License, Version 2.0; see LICENSE.
"""The arguments of the command."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence

Run = Callable[[argparse.Namespace], int]

# group -> commands with one line each, as --help shows them
COMMANDS: dict[str, dict[str, str]] = {
    "Develop": {
        "serve": "serve a handler, a WSGI application or a folder, right now",
        "doctor": "check httpd, module, Python, port and handler",
    },
    "Configure httpd": {
        "module-config": "the LoadModule lines to paste",
        "config": "a complete annotated site for production",
        "create": "a directory with a small httpd of one's own",
        "genconfig": "the configuration that an httpd_conf.py makes",
    },
    "Run": {
        "start": "start httpd with a configuration",
        "stop": "stop a server when its requests are done",
        "restart": "restart a server; running requests are finished",
        "reload": "the same",
        "status": "which servers run",
        "logs": "the error log of a server",
    },
    "More": {
        "version": "of mod_python, httpd and Python, with their paths",
        "completion": "completion for bash, zsh or fish",
    },
}

TARGET_HELP = """\
TARGET is one of
  hello                 a module: its handler() or requesthandler()
  hello.py, app/hello.py
  hello::on_request     an object of a module
  hello:application     a WSGI application
  pages/                a folder: PSP pages, publisher modules, other files
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of one command; its function is the attribute run."""
    return make().parse_args(arguments)


def _call(module: str, function: str = "run") -> Run:
    """A function of a module that is imported when it is called."""

    def run(options: argparse.Namespace) -> int:
        found: Run = getattr(
            importlib.import_module(f"mod_python.cli.{module}"), function)
        return found(options)

    return run


def overview() -> str:
    """The commands by group."""
    lines = ["usage: mod_python COMMAND [ARGUMENTS]", ""]
    for group, commands in COMMANDS.items():
        lines.append(f"{group}:")
        lines += [f"  {name:<14} {text}" for name, text in commands.items()]
        lines.append("")
    lines.append("mod_python COMMAND --help tells more.")
    return "\n".join(lines)


class _Top(argparse.ArgumentParser):
    def format_help(self) -> str:
        return overview() + "\n"


def make() -> argparse.ArgumentParser:
    """The parser of everything."""
    top = _Top(prog="mod_python")
    top.add_argument("--version", action="store_const", const=True, help="version")
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=argparse.ArgumentParser)
    top.set_defaults(run=_nothing)
    adders = {
        "serve": _serve, "doctor": _doctor, "module-config": _module_config,
        "config": _config, "create": _create, "genconfig": _genconfig,
        "version": _version, "completion": _completion,
    }
    for group in COMMANDS.values():
        for name, text in group.items():
            parser = commands.add_parser(
                name, help=text, description=text[0].upper() + text[1:] + ".",
                formatter_class=argparse.RawDescriptionHelpFormatter)
            if name in adders:
                adders[name](parser)
            else:
                _control(parser, name)
    return top


def _nothing(options: argparse.Namespace) -> int:
    if options.version:
        return _call("_show", "version")(options)
    print(overview())
    return 2


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts: JSON")


def _httpd(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--httpd", metavar="PATH",
                        help="the httpd (default: the one mod_python was built for)")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 65536:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return number


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.epilog = TARGET_HELP
    parser.add_argument("target", metavar="TARGET", help="what to serve, see below")
    where = parser.add_argument_group("where")
    where.add_argument("--host", default="127.0.0.1", metavar="ADDRESS",
                       help="the address to listen on (default 127.0.0.1)")
    where.add_argument("--port", type=_port, default=8000,
                       help="default 8000; 0: a free one")
    where.add_argument("--tls", action="store_true",
                       help="https with a certificate made for the occasion")
    what = parser.add_argument_group("what else")
    what.add_argument("--mount", action="append", default=[], metavar="URL=TARGET",
                      help="another target at a URL path")
    what.add_argument("--static", action="append", default=[], metavar="URL=DIR",
                      help="files of a directory at a URL path")
    how = parser.add_argument_group("how")
    how.add_argument("--mpm", default="event", choices=["event", "worker", "prefork"],
                     help="default event")
    how.add_argument("--processes", type=_positive, default=1, metavar="N",
                     help="default 1")
    how.add_argument("--threads", type=_positive, default=8, metavar="N",
                     help="of each process, default 8")
    how.add_argument("--reload", action=argparse.BooleanOptionalAction, default=True,
                     help="edited files are live on the next request (default on)")
    how.add_argument("--debug", action="store_true",
                     help="tracebacks in the browser, debug lines in the log")
    _httpd(how)
    output = parser.add_argument_group("output")
    output.add_argument("--print-config", action="store_true",
                        help="print httpd's configuration and do not start")
    output.add_argument("--quiet", action="store_true", help="no request lines")
    output.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=_call("_serve"))


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.epilog = TARGET_HELP
    parser.add_argument("target", metavar="TARGET", nargs="?",
                        help="also: can it be imported inside httpd?")
    parser.add_argument("--port", type=_port, default=8000,
                        help="the port that must be free (default 8000)")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS")
    _httpd(parser)
    _json(parser)
    parser.set_defaults(run=_call("_doctor"))


def _module_config(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_call("_show", "module_config"))


def _config(parser: argparse.ArgumentParser) -> None:
    parser.epilog = TARGET_HELP
    parser.add_argument("target", metavar="TARGET", help="what the site serves")
    parser.add_argument("--server-name", default="www.example.com", metavar="NAME")
    parser.add_argument("--port", type=_port, default=80)
    parser.add_argument("--root", default="/var/www/html", metavar="DIR",
                        help="DocumentRoot, for files (default /var/www/html)")
    parser.add_argument("--log", default="/var/log/apache2/site-error.log",
                        metavar="FILE", help="the error log of the site")
    parser.set_defaults(run=_call("_show", "config"))


def _create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", help="made when missing; nothing is overwritten")
    parser.add_argument("--pythonhandler", required=True, metavar="HANDLER",
                        help="module or module::object")
    parser.add_argument("--listen", default="8888", metavar="[IP:]PORT",
                        help="default 8888")
    parser.add_argument("--pythonpath", default="", metavar="DIR:DIR",
                        help="more directories for modules")
    parser.add_argument("--pythonoption", action="append", nargs="+", default=[],
                        metavar='"KEY VALUE"', help="PythonOption lines")
    parser.set_defaults(run=_call("_create"))


def _genconfig(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="HTTPD_CONF.PY")
    parser.set_defaults(run=_call("_create", "genconfig"))


def _version(parser: argparse.ArgumentParser) -> None:
    _json(parser)
    parser.set_defaults(run=_call("_show", "version"))


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=["bash", "zsh", "fish"])
    parser.set_defaults(run=_call("_completion"))


def _control(parser: argparse.ArgumentParser, name: str) -> None:
    """start, stop, restart, reload, status, logs."""
    ours = "" if name == "start" else (
        "; without it: the server that `mod_python serve` has started")
    parser.add_argument(
        "site", metavar="HTTPD.CONF", nargs=None if name == "start" else "?",
        help="a configuration, or the directory of `mod_python create`" + ours)
    if name != "start":
        parser.add_argument("--port", type=_port,
                            help="which server of `mod_python serve`")
    _httpd(parser)
    if name in ("status", "logs"):
        _json(parser)
    if name == "logs":
        parser.add_argument("-f", "--follow", action="store_true",
                            help="go on with what comes")
        parser.add_argument("-n", "--lines", type=int, default=20, metavar="N",
                            help="how many of the last lines (default 20)")
    parser.set_defaults(run=_call("_control", name))
