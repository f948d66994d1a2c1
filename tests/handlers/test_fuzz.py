# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Hostile input, made here: what parsers and tables do with it."""
import collections
import io
import json
import random
import string
import warnings

from mod_python import Cookie, apache, psp, util
from mptest import by_path, reply

warnings.simplefilter("ignore")  # of the pages that are compiled

# what each kind may raise; anything else is a finding
EXPECTED = {
    "urlencoded": (apache.SERVER_RETURN, ValueError),
    "multipart": (apache.SERVER_RETURN, ValueError),
    "cookies": (Cookie.CookieError, ValueError),
    "pages": (SyntaxError, ValueError, MemoryError, RecursionError),
    "tables": (),
    "sendfile": (OSError, ValueError, TypeError, OverflowError),
}

SEEDS = {
    "urlencoded": [b"a=1&b=2&a=3", b"name=J%C3%BCrgen+M&empty=&none",
                   b"%41=%zz&=&&=x;y", b"a=" + b"x" * 300],
    "multipart": [
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; '
        b'filename="x.bin"\r\nContent-Type: image/png\r\n\r\n\0\1\2\r\n'
        b"--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="\xc3\xbc"; '
        b"filename*=utf-8''%e2%82%ac\r\nContent-Transfer-Encoding: "
        b"base64\r\n\r\nQUJD\r\n--B\r\n\r\n\r\n--B--"],
    "cookies": [b"a=b; c=\"d e\"; $Version=1", b"sid=0123456789abcdef",
                b'm="gASVBQ=="; x=; =y; ;;', b"\xff=\xfe; a=\"\\073\""],
    "pages": [b"<html><% for i in range(3): %><%= i %><% # end %></html>",
              b"<%\nif x:\n  req.write('a')\nelse:\n%>no<% %>",
              b"<%@ include file='x' %><%-- comment --%><%! def f(): pass %>"],
}
TOKENS = [b"\0", b"\r\n", b"\r\n\r\n", b"%", b"%00", b"--B", b"--B--", b"=",
          b"&", b";", b'"', b"'", b"\\", b"<%", b"%>", b"<%=", b"<%@", b":",
          b"\xff", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"(" * 50,
          b"\t", b"Content-Disposition: ", b"name=", b"filename=", b"0" * 40,
          b"\n\n", b"a" * 1000, b"#", b"{", b"f'{", b"lambda:", b"\\\n"]


def mutated(rng, kind):
    data = bytearray(rng.choice(SEEDS[kind]))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8, 30))):
        place = rng.randrange(len(data) + 1)
        what = rng.randrange(6)
        if what == 0:
            data[place:place] = rng.choice(TOKENS)
        elif what == 1:
            del data[place:place + rng.choice((1, 2, 10, 100))]
        elif what == 2 and place < len(data):
            data[place] = rng.randrange(256)
        elif what == 3:
            other = rng.choice(SEEDS[kind])
            begin = rng.randrange(len(other))
            data[place:] = other[begin:]
        elif what == 4:
            data[place:place] = data[:place][-200:]
        else:
            data[place:place] = rng.randbytes(rng.randrange(20))
        del data[3000:]
    return bytes(data)


class Posted:
    """A request with another body; all else is the real one's."""

    def __init__(self, req, kind, body):
        self._req = req
        self.method, self.args = "POST", None
        self.headers_in = {"Content-Type": kind}
        self.read = io.BytesIO(body).read
        self.read_length, self.remaining = 0, len(body)

    def log_error(self, *args):
        pass

    def __getattr__(self, name):
        return getattr(self._req, name)


def _form(req, kind, body, rng):
    form = util.FieldStorage(Posted(req, kind, body), rng.random() < 0.5,
                             rng.random() < 0.2)
    for field in form.list:
        assert isinstance(field.name, str)
        if not isinstance(field, str) and field.filename is not None:
            assert isinstance(field.file.read(), bytes)
        else:
            assert isinstance(str(field.value), str)
    form.get("a", None), form.getlist("a"), form.keys()


def urlencoded(req, rng):
    body = mutated(rng, "urlencoded")
    _form(req, "application/x-www-form-urlencoded", body, rng)


def multipart(req, rng):
    body = mutated(rng, "multipart")
    boundary = rng.choice(("B", '"B"', "B" * 100, "", "\x00", "ü"))
    _form(req, f"multipart/form-data; boundary={boundary}", body, rng)


def cookies(req, rng):
    text = mutated(rng, "cookies").decode("utf-8", "surrogateescape")
    kind, options = rng.choice((
        (Cookie.Cookie, {}), (Cookie.SignedCookie, {"secret": "s"}),
        (Cookie.MarshalCookie, {"secret": "s"})))
    for name, cookie in kind.parse(text, **options).items():
        assert isinstance(name, str)
        # what came in can go out, or is refused
        line = str(Cookie.Cookie(name, cookie.value))
        assert not set(line) & set("\r\n\0"), line


def pages(req, rng):
    page = mutated(rng, "pages")
    psp.PSP(req, string=page)


# ---- tables ----

NAMES = ["a", "A", "b", "Content-Type", "content-type", "ü", "", " ", "x" * 99]
ODD = [None, 5, 1.5, b"bytes", b"\xff", object(), ["a"], "a\0b", "a\r\nb",
       "\udcff", "\ud800", ("a", "b"), "ü", True]


def _key(rng):
    return rng.choice(NAMES) if rng.random() < 0.9 else rng.choice(ODD)


def _value(rng):
    if rng.random() < 0.2:
        return rng.choice(ODD)
    return "".join(rng.choices(string.printable[:80], k=rng.randrange(9)))


def _operations(table, rng):
    key, value = _key(rng), _value(rng)
    return rng.choice((
        lambda: table.__setitem__(key, value),
        lambda: table.__getitem__(key),
        lambda: table.__delitem__(key),
        lambda: table.__contains__(key),
        lambda: table.get(key, value),
        lambda: table.setdefault(key, value),
        lambda: table.popitem(),
        lambda: table.add(key, value),
        lambda: table.getlist(key),
        lambda: table.has_key(key),
        lambda: table.update({key: value}),
        lambda: table.update([(key, value)], b=value),
        lambda: table.copy(),
        lambda: [next(iter(table.items()), None), list(table)],
        lambda: [table.__setitem__(one, "new") for one in table],
        lambda: [table.add(one, "more") for one, _ in zip(table, range(5))],
        lambda: [table.__delitem__(one) for one in table],
        lambda: (repr(table), str(table), bool(table), len(table)),
        lambda: table == dict(table.items()),
        lambda: list(table.itervalues()) + table.keys(),
        lambda: table.clear() if rng.random() < 0.1 else None,
    ))


def tables(req, rng):
    table = rng.choice((
        apache.make_table, lambda: req.notes, lambda: req.subprocess_env,
        lambda: req.headers_in, lambda: apache.make_table({"a": "1"})))()
    iterator = iter(table.items())
    for _ in range(10):
        operation = _operations(table, rng)
        try:
            operation()
        except (TypeError, ValueError, KeyError, RuntimeError):
            pass
        if rng.random() < 0.3:
            try:
                next(iterator)
            except (StopIteration, RuntimeError):
                iterator = iter(table.items())
    pairs = list(table.items())
    assert len(table) in (len(pairs), len({name.lower() for name, _ in pairs}))
    for name, value in pairs:
        assert isinstance(name, str) and isinstance(value, str)
        assert name in table and value in table.getlist(name)
    if table is not req.headers_in:
        table.clear()
        assert len(table) == 0


# ---- sendfile ----

def _number(rng):
    return rng.choice((0, 1, -1, 7, 99, 100, 101, 2 ** 31, 2 ** 63, -2 ** 63,
                       2 ** 64, 10 ** 30, rng.randrange(-5, 120), None, "1",
                       1.5, True, b"x"))


def sendfile(req, rng):
    path = rng.choice((req.hundred, req.hundred.encode(), "", "/", "/missing",
                       req.hundred + "\0", None, 5, "\ud800", "/dev/null",
                       req.hundred, req.hundred, req.hundred))
    args = [_number(rng) for _ in range(rng.randrange(3))]
    sent = req.sendfile(path, *args)
    req.sent += sent
    offset, length = (*args, *(None, None))[:2]
    if path in (req.hundred, req.hundred.encode()):
        left = 100 - (offset or 0)
        whole = length is None or length < 0
        assert sent == (left if whole else min(length, left)), args


# ---- the rounds ----

KINDS = {name: globals()[name] for name in EXPECTED}


def rounds(req):
    """/rounds/<kind>?<seed>,<count>: a JSON report; for sendfile after what
    was sent, and a newline."""
    kind = req.uri.rpartition("/")[2]
    seed, count = map(int, req.args.split(","))
    seen = collections.Counter()
    wrong = []
    req.sent = 0
    req.hundred = f"{apache.server_root()}/var/hundred"
    for number in range(seed, seed + count):
        rng = random.Random(f"{kind} {number}")
        try:
            KINDS[kind](req, rng)
            seen["fine"] += 1
        except EXPECTED[kind] as error:
            seen[type(error).__name__] += 1
        except Exception as error:
            wrong.append(f"{number}: {type(error).__name__}: {error}"[:300])
    report = json.dumps([sum(seen.values()), req.sent, wrong[:20], seen])
    if kind != "sendfile":
        req.content_type = "application/json"
    req.write(("\n" if kind == "sendfile" else "") + report)
    return apache.OK


# ---- whatever a client sends ----

def anything(req):
    """Looks at every part of a request."""
    said = [req.the_request, req.method, req.uri, req.unparsed_uri, req.args,
            req.parsed_uri, req.filename, req.path_info, req.hostname,
            req.protocol, req.content_type, dict(req.headers_in.items()),
            req.get_basic_auth_pw(), req.user, req.ap_auth_type,
            req.connection.client_ip, req.range, req.get_remote_host(),
            req.construct_url(req.uri), req.build_wsgi_env() is not None]
    Cookie.get_cookies(req)
    if req.uri.startswith("/form"):
        try:
            said.append(len(util.FieldStorage(req).list))
        except (ValueError, OSError):
            said.append("no form")
    elif req.uri.startswith("/lines"):
        try:
            said.append(sum(map(len, req)))
        except OSError:
            said.append("no body")
    elif req.uri.startswith("/file"):
        req.content_type = "text/plain"
        req.sendfile(f"{apache.server_root()}/var/hundred")
        return apache.OK
    req.headers_out["X-Seen"] = str(len(repr(said)))
    return reply(req, len(said))


def authenhandler(req):
    return apache.OK if req.get_basic_auth_pw() else apache.HTTP_UNAUTHORIZED


handler = by_path(globals())
