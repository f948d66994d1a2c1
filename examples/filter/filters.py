"""An output filter and an input filter."""

import re
from html import escape

from mod_python import apache

STARS = re.compile(r"\*(\S[^*]*)\*")


def emphasis(filter):
    """Output: *word* becomes <em>word</em>. Lines are taken whole."""
    req = filter.req
    if "Content-Length" in req.headers_out:
        del req.headers_out["Content-Length"]
    req.content_type = "text/html; charset=UTF-8"
    # a line may go on in the next call: what is left waits in the request
    rest = getattr(req, "emphasis_rest", b"")
    while data := filter.read(16384):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            filter.write(_marked(line) + "<br>\n")
    if data is None:
        if rest:
            filter.write(_marked(rest))
        filter.close()
    req.emphasis_rest = rest


def _marked(line):
    return STARS.sub(r"<em>\1</em>", escape(line.decode("utf-8", "replace")))


def masked(filter):
    """Input: stars in place of the word of PythonOption filter.word.

    A word that is cut in two by the pieces is found, too: what may be the
    beginning of one waits for the next call.
    """
    req = filter.req
    word = req.get_options()["filter.word"].encode()
    kept = getattr(req, "masked_kept", b"")
    while data := filter.read():
        kept = (kept + data).replace(word, b"*" * len(word))
        ready = len(kept) - len(word) + 1
        if ready > 0:
            filter.write(kept[:ready])
            kept = kept[ready:]
    if data is None:
        filter.write(kept)
        filter.close()
    req.masked_kept = kept


def handler(req):
    """Sends the body back."""
    req.write(req.read())
    return apache.OK
