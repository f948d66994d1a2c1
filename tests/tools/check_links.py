# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Links of the manual: check_links.py DIRECTORY looks at those within the HTML
there; check_links.py FILE at what Sphinx's linkcheck wrote (output.json) about
links to other sites. Exit status 1 when one is broken. A site that cannot be
reached from here says nothing about the link: it is only told."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What it looks like when there is no answer at all.
UNREACHED = re.compile(
    r"NameResolutionError|NewConnectionError|ConnectTimeout|ConnectionError"
    r"|Read timed out|Proxy|Network is unreachable")


class Page(HTMLParser):
    """The targets in a page, and where it leads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str,
                        attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def broken_inside(top: Path) -> list[str]:
    pages = {path.resolve(): Page(path) for path in top.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            anchor = unquote(url.fragment)
            if not target.is_file():
                broken.append(f"{path}: {link}: there is no such file")
            elif anchor and target in pages and anchor not in pages[target].ids:
                broken.append(f"{path}: {link}: there is no such place in it")
    links = sum(len(page.links) for page in pages.values())
    print(f"{len(pages)} pages, {links} links")
    return broken if pages else [f"{top}: there are no pages"]


def broken_outside(report: Path) -> list[str]:
    broken = []
    for line in report.read_text(encoding="utf-8").splitlines():
        link = json.loads(line)
        text = f"{link['filename']}:{link['lineno']}: {link['uri']}"
        if link["status"] == "timeout" or (
                link["status"] == "broken" and UNREACHED.search(link["info"])):
            print(f"{text}: not reached")
        elif link["status"] == "broken":
            broken.append(f"{text}: {link['info']}")
    return broken


def main() -> None:
    what = Path(sys.argv[1])
    broken = broken_inside(what) if what.is_dir() else broken_outside(what)
    print("\n".join(broken), end="\n" if broken else "")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
