# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A WSGI application without a framework; served by httpd and by
wsgiref.simple_server, which must answer alike."""
from __future__ import annotations

import hashlib
import json
from urllib.parse import parse_qsl

# Not what the servers call themselves and their connections.
TOLD = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING",
        "CONTENT_LENGTH", "SERVER_PROTOCOL", "wsgi.url_scheme",
        "wsgi.run_once")


def _text(start_response, text, status="200 OK", more=()):
    body = text.encode()
    start_response(status, [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))), *more])
    return [body]


def show(environ, start_response):
    # an empty CONTENT_LENGTH may as well be missing
    told = {name: environ.get(name) or None for name in TOLD}
    told.update((name, value) for name, value in environ.items()
                if name.startswith("HTTP_"))
    if told["CONTENT_LENGTH"]:  # without one each server has its own default
        told["CONTENT_TYPE"] = environ["CONTENT_TYPE"]
    return _text(start_response, json.dumps(told, sort_keys=True))


def form(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    data = environ["wsgi.input"].read(size).decode()
    return _text(start_response, repr(parse_qsl(data)))


def upload(environ, start_response):
    size = int(environ["CONTENT_LENGTH"])
    digest, count = hashlib.sha256(), 0
    while count < size:
        data = environ["wsgi.input"].read(min(10_000, size - count))
        digest.update(data)
        count += len(data)
    return _text(start_response, f"{count} {digest.hexdigest()}")


def lines(environ, start_response):
    left = int(environ["CONTENT_LENGTH"])
    found = []
    while left > 0:
        line = environ["wsgi.input"].readline(left)
        left -= len(line)
        found.append(line)
    return _text(start_response, repr(found))


def status(environ, start_response):
    chosen = environ["QUERY_STRING"].replace("+", " ")
    if chosen[:3] in ("204", "304"):
        start_response(chosen, [("ETag", '"1"')])
        return []
    return _text(start_response, f"status {chosen}\n", chosen)


def redirect(environ, start_response):
    host = environ["HTTP_HOST"]
    return _text(start_response, "elsewhere\n", "302 Found", [
        ("Location", f"{environ['wsgi.url_scheme']}://{host}/show?from")])


def cookies(environ, start_response):
    return _text(start_response, environ.get("HTTP_COOKIE", "none"), more=[
        ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; HttpOnly"),
        ("Vary", "Cookie"), ("Cache-Control", "no-store")])


def cached(environ, start_response):
    if environ.get("HTTP_IF_NONE_MATCH") == '"version"':
        start_response("304 Not Modified", [("ETag", '"version"')])
        return []
    return _text(start_response, "fresh\n", more=[("ETag", '"version"')])


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (b"%d\n" % number for number in range(1000))


def written(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written ")
    return [b"and ", b"returned"]


def empty(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", "0")])
    return []


def big(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [bytes(range(256)) * 2000]


def headers(environ, start_response):
    return _text(start_response, "", more=[
        ("X-Latin", "\xe4\xf6"), ("X-Twice", "1"), ("X-Twice", "2"),
        ("x-lower", "kept"), ("Last-Modified", "Sat, 01 Jan 2000 00:00:00 GMT"),
        ("Content-Language", "de"), ("WWW-Authenticate", 'Basic realm="x"')])


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").partition("/")[0]
    found = globals().get(name)
    if name in ("json", "hashlib", "application") or not callable(found):
        return _text(start_response, f"{environ['PATH_INFO']!r}\n",
                     "404 Not Found")
    return found(environ, start_response)
