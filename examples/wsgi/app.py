"""A WSGI application: a page that shows what it was asked."""

from html import escape
from urllib.parse import parse_qs


def application(environ, start_response):
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        start_response("405 Method Not Allowed", [("Allow", "GET, HEAD")])
        return []
    fields = parse_qs(environ["QUERY_STRING"])
    name = fields.get("name", ["you"])[0]
    page = f"<h1>Hello {escape(name)}</h1>\n<p>{escape(environ['PATH_INFO'])}</p>\n"
    start_response("200 OK", [("Content-Type", "text/html; charset=UTF-8")])
    return [page.encode()]
