# Licensed under the Apache License, Version 2.0; see LICENSE.
"""How Sphinx makes HTML of these pages (make html). They are Markdown that
GitHub shows as well: no directives but the table of contents in index.md."""

import re
from pathlib import Path

HERE = Path(__file__).parent

project = "mod_python"
author = "the authors of mod_python"
project_copyright = author
release = re.search(
    r'^version = "(.+)"', (HERE.parent / "mod_python/version.py").read_text(), re.M
)[1]
version = release

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["errors.d"]

html_theme = "alabaster"
html_title = f"mod_python {release}"
html_theme_options = {
    "description": "Python embedded in the Apache HTTP Server",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "sidebar_width": "240px",
}
html_copy_source = False

# Links such as (directives.md#merging) are to headings as GitHub names them.
myst_heading_anchors = 4
# "console", "log" and the like have no lexer that every Pygments knows.
highlight_language = "text"
# The pattern * in index.md is for pages that no list there names.
suppress_warnings = ["misc.highlighting_failure", "toc.empty_glob"]
linkcheck_ignore = [r"https?://(localhost|www\.example\.com|127\.0\.0\.1)"]
