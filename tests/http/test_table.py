# Licensed under the Apache License, Version 2.0; see LICENSE.
"""apache.table and the tables of a request."""
from __future__ import annotations

import pytest

from harness.client import Client
from harness.conf import EVAL
from harness.raw import Connection
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = EXECUTE + EVAL


# -- construction -----------------------------------------------------------

@pytest.mark.parametrize(("arguments", "items"), [
    ("", []),
    ("{'a': 'b'}", [["a", "b"]]),
    ("[('a', 'b'), ('c', 1)]", [["a", "b"], ["c", "1"]]),
    ("(['a', 'b'],)", [["a", "b"]]),
    ("items={'a': 'b'}", [["a", "b"]]),
    ("items=[('a', 'b')]", [["a", "b"]]),
    # the items() of another table come back as they were
    ("[('a', '1'), ('A', '2')]", [["a", "1"], ["A", "2"]]),
    ("table([('a', '1'), ('A', '2')])", [["a", "1"], ["A", "2"]]),
    ("iter([('a', 'b')])", [["a", "b"]]),
    ("{b'k': b'v'}", [["k", "v"]]),
    ("{1: 2.5, None: True}", [["1", "2.5"], ["None", "True"]]),
])
def test_construction(client: Client, arguments: str,
                      items: list[list[str]]) -> None:
    assert run(client, f"result = table({arguments}).items()") == items


@pytest.mark.parametrize(("arguments", "error"), [
    ("5", "AttributeError"),
    ("None", "AttributeError"),
    ("[1]", "TypeError"),
    ("[('a',)]", "ValueError"),
    ("{'a': 'b\\0'}", "ValueError"),
    ("{}, {}", "TypeError"),
    ("a=1", "TypeError"),
])
def test_bad_construction(client: Client, arguments: str, error: str) -> None:
    got = run(client, f"result = raised(lambda: table({arguments}))")
    assert got.partition(":")[0] == error


def test_other_mapping(client: Client) -> None:
    assert run(client, """
        class Mapping:
            def keys(self):
                return ["x", "y"]
            def __getitem__(self, key):
                return key + "!"
        result = table(Mapping()).items()
    """) == [["x", "x!"], ["y", "y!"]]


def test_mapping_that_fails(client: Client) -> None:
    assert run(client, """
        class NoKeys(Exception): pass
        class Mapping:
            def keys(self):
                raise NoKeys("on purpose")
        class Broken:
            def keys(self):
                return ["x"]
            def __getitem__(self, key):
                raise LookupError(key)
        result = [raised(table, Mapping()), raised(table, Broken())]
    """) == ["NoKeys: on purpose", "LookupError: x"]


def test_type(client: Client) -> None:
    assert run(client, """
        result = [repr(table), repr(type(req.headers_in)), table.__name__,
                  isinstance(req.headers_in, table),
                  isinstance(apache.make_table(), apache.table),
                  raised(setattr, table(), "x", 1).partition(":")[0]]
    """) == ["<class 'mp_table'>", "<class 'mp_table'>", "mp_table", True,
             True, "AttributeError"]


def test_subclass(client: Client) -> None:
    assert run(client, """
        class Mine(table):
            def __init__(self, *args, extra=0):
                super().__init__(*args)
                self.extra = extra
            def shout(self, key):
                return self[key].upper()
        t = Mine({"a": "b"}, extra=5)
        t["c"] = "d"
        result = [type(t).__name__, t.shout("C"), t.extra, len(t),
                  t == {"a": "b", "c": "d"}, list(t), t.copy() == t]
    """) == ["Mine", "D", 5, 2, True, ["a", "c"], True]


# -- access -----------------------------------------------------------------

def test_multi_map(client: Client) -> None:
    assert run(client, """
        t = table()
        t["Key"] = "1"
        t.add("KEY", "2")
        t.add("other", "3")
        result = [t["kEy"], t.get("key"), t.getlist("key"), t["other"],
                  t.getlist("other"), t.getlist("none"), t.get("none"),
                  t.get("none", 7), "KEY" in t, "none" in t,
                  t.has_key("key"), t.has_key("none"), len(t),
                  t.keys(), t.values(), t.items(), list(t),
                  list(t.iterkeys()), list(t.itervalues()),
                  list(t.iteritems())]
    """) == [["1", "2"], "1", ["1", "2"], "3", ["3"], [], None, 7, True,
             False, 1, 0, 3, ["Key", "KEY", "other"], ["1", "2", "3"],
             [["Key", "1"], ["KEY", "2"], ["other", "3"]],
             ["Key", "KEY", "other"], ["Key", "KEY", "other"],
             ["1", "2", "3"], [["Key", "1"], ["KEY", "2"], ["other", "3"]]]


def test_has_key_is_a_number(client: Client) -> None:
    assert run(client, """
        result = [type(table().has_key("x")).__name__,
                  type("x" in table()).__name__]
    """) == ["int", "bool"]


def test_missing_key(client: Client) -> None:
    assert run(client, """
        t = table()
        del t["none"]
        result = [raised(t.__getitem__, "none"), raised(t.popitem)]
    """) == ["KeyError: 'none'", "KeyError: 'popitem(): the table is empty'"]


def test_set_replaces_all(client: Client) -> None:
    assert run(client, """
        t = table([("a", "1"), ("b", "2"), ("A", "3")])
        t["a"] = "4"
        result = [t.items()]
        del t["A"]
        result.append(t.items())
    """) == [[["a", "4"], ["b", "2"]], [["b", "2"]]]


def test_keys_are_compared_whole(client: Client) -> None:
    """Only ASCII letters lose their case, and nothing but case."""
    assert run(client, """
        t = table({"abc": "1", "\u00e4": "2"})
        result = [key in t for key in ("ab", "abcd", "ABC", "\u00c4",
                                       "\u00e4", "", "a\u0062c")]
        t[""] = "empty"
        result.append(t[""])
    """) == [False, False, True, False, True, False, True, "empty"]


def test_setdefault(client: Client) -> None:
    assert run(client, """
        t = table([("a", "1"), ("a", "2")])
        result = [t.setdefault("a", "x"), t.setdefault("b"),
                  t.setdefault("c", 5), t.items()]
    """) == ["1", "", "5", [["a", "1"], ["a", "2"], ["b", ""], ["c", "5"]]]


def test_popitem(client: Client) -> None:
    assert run(client, """
        t = table([("a", "1"), ("b", "2"), ("a", "3")])
        result = [t.popitem(), t.items(), t["a"], t.popitem(), t.popitem(),
                  len(t), t.clear(), t.items()]
    """) == [["a", "1"], [["b", "2"], ["a", "3"]], "3", ["b", "2"],
             ["a", "3"], 0, None, []]


def test_update(client: Client) -> None:
    assert run(client, """
        t = table([("a", "1"), ("a", "2"), ("b", "3"), ("c", "4")])
        t.update({"A": "5"}, d="6")
        one = t.items()
        t.update([("b", "7"), ("e", "8")])
        two = t.items()
        t.update(table([("c", "9"), ("C", "10"), ("f", "11")]))
        three = t.items()
        t.update()
        t.update(t)
        result = [one, two, three, t.items() == three,
                  raised(t.update, None).partition(":")[0],
                  raised(t.update, 5).partition(":")[0]]
    """) == [
        [["a", "5"], ["b", "3"], ["c", "4"], ["d", "6"]],
        [["a", "5"], ["b", "7"], ["c", "4"], ["d", "6"], ["e", "8"]],
        [["a", "5"], ["b", "7"], ["d", "6"], ["e", "8"], ["c", "9"],
         ["C", "10"], ["f", "11"]],
        True, "AttributeError", "AttributeError"]


def test_copy_is_apart(client: Client) -> None:
    assert run(client, """
        req.headers_in["X"] = "1"
        t = req.headers_in.copy()
        t["X"] = "2"
        t["bare"] = "a\\nb"
        result = [req.headers_in["x"], "bare" in req.headers_in, t["x"]]
    """) == ["1", False, "2"]


def test_comparison(client: Client) -> None:
    assert run(client, """
        t = table([("a", "1"), ("b", "2"), ("A", "3")])
        result = [
            t == {"a": ["1", "3"], "B": "2"},
            t == {"a": ["3", "1"], "b": "2"},
            t == {"a": "1", "b": "2"},
            t == {"a": ["1", "3"], "b": "2", "c": "3"},
            t == table([("B", "2"), ("a", "1"), ("a", "3")]),
            t != table([("b", "2")]),
            table({"a": "1"}) == {"a": "1", "A": "1"},
            table({"1": "1"}) == {1: "1"},
            table() == {}, table() == [], t == None, t != 5,
            table({"\u00e4": "1"}) == {"\u00c4": "1"},
            dict(table({"a": "1"})) == {"a": "1"},
            raised(lambda: t < t).partition(":")[0],
            raised(hash, t).partition(":")[0],
        ]
    """) == [True, False, False, False, True, True, False, False, True,
             False, False, True, False, True, "TypeError", "TypeError"]


def test_repr(client: Client) -> None:
    assert run(client, """
        result = [repr(table()), repr(table([("a", "1"), ("b", "it's")])),
                  str(table({"a": "\u00e4"}))]
    """) == ["{}", "{'a': '1', 'b': \"it's\"}", "{'a': 'ä'}"]


@pytest.mark.parametrize("way", ["t", "t.iterkeys()", "t.itervalues()",
                                 "t.iteritems()"])
def test_size_changes_while_iterating(client: Client, way: str) -> None:
    assert run(client, f"""
        t = table({{"a": "1", "b": "2"}})
        i = iter({way})
        next(i)
        t["c"] = "3"
        result = [raised(next, i), raised(next, i)]
        del t["c"]
        t["a"] = "other"          # the same size is fine
        j = iter({way})
        next(j)
        t["b"] = "also"
        next(j)
        result += [raised(next, j), raised(next, j)]
    """) == ["RuntimeError: table changed size during iteration"] * 2 + [
        "StopIteration: "] * 2


def test_conversion_that_changes_the_table(client: Client) -> None:
    assert run(client, """
        t = table({"a": "1"})
        class Value:
            def __str__(self):
                t.clear()
                t["b"] = "2"
                return "3"
        t["c"] = Value()
        class Key:
            def __str__(self):
                raise ZeroDivisionError
        result = [t.items(), raised(t.__getitem__, Key()),
                  raised(t.__setitem__, "x", Key())]
    """) == [[["b", "2"], ["c", "3"]], "ZeroDivisionError: ",
             "ZeroDivisionError: "]


def test_many_entries(client: Client) -> None:
    assert run(client, """
        t = table()
        for i in range(2000):
            t["key%d" % i] = i
        result = [len(t), t["KEY1999"], sum(map(int, t.values()))]
    """) == [2000, "1999", 1999000]


def test_own_tables_do_not_grow(client: Client) -> None:
    """A table of Python's own that is written to again and again."""
    assert run(client, """
        def pages():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1])
        t = table({"other": "x" * 1000})
        t["a"] = "x" * 1000
        before = pages()
        for i in range(50000):
            t["a"] = "y" * 1000
        result = [t["a"] == "y" * 1000, t["other"] == "x" * 1000,
                  pages() - before < 2000]
    """) == [True, True, True]


# -- text and headers ---------------------------------------------------------

def test_bytes_and_odd_text(client: Client) -> None:
    assert run(client, r"""
        class Text(str): pass
        t = table()
        t[b"K"] = b"\xff\xfe"
        t[Text("s")] = Text("v")
        t["\udcff"] = "\udc80\u20ac"
        result = [ascii(t["k"]), t[b"S"], ascii(t[b"\xff"]),
                  ascii(t.keys()[2]), "k" in t,
                  raised(t.__setitem__, "a", "\ud800").partition(":")[0],
                  raised(t.__setitem__, "a\0b", "x"),
                  raised(t.__setitem__, "a", b"x\0"),
                  raised(t.__getitem__, "k\0"), raised(t.get, b"\0"),
                  "crlf" if not raised(t.__setitem__, "a\r", "b\n") else ""]
    """) == [r"'\udcff\udcfe'", "v", r"'\udc80\u20ac'", r"'\udcff'", True,
             "UnicodeEncodeError", "ValueError: table key must not contain NUL",
             "ValueError: table value must not contain NUL",
             "ValueError: table key must not contain NUL",
             "ValueError: table key must not contain NUL", "crlf"]


@pytest.mark.parametrize("name", ["headers_in", "headers_out",
                                  "err_headers_out"])
def test_headers_are_checked(client: Client, name: str) -> None:
    assert run(client, rf"""
        t = req.{name}
        def kind(*args):
            return raised(*args).partition(":")[0]
        result = [kind(t.__setitem__, "X", "a\r\nSet-Cookie: x=y"),
                  kind(t.__setitem__, "X\n", "a"), kind(t.add, "X", "a\r"),
                  kind(t.add, "", "a"), kind(t.__setitem__, "X", "a\0"),
                  kind(t.setdefault, "New", "\n"),
                  kind(t.update, {{"New": "\n"}}),
                  kind(t.update, [("", "x")]),
                  kind(t.update, table({{"New": "\n"}})),
                  "X" in t, "New" in t, "" in t]
    """) == ["ValueError"] * 9 + [False] * 3


@pytest.mark.parametrize("name", ["subprocess_env", "notes"])
def test_other_tables_are_not(client: Client, name: str) -> None:
    assert run(client, f"""
        req.{name}["X"] = "a\\r\\nb"
        req.{name}[""] = "empty"
        result = [req.{name}["x"], req.{name}[""]]
    """) == ["a\r\nb", "empty"]


def test_header_bytes_come_and_go(raw: Connection) -> None:
    code = (b"req.headers_out['X-Back'] = req.headers_in['X-There']\n"
            b"result = ascii(req.headers_in['X-There'])")
    response = raw.request("/run", "POST", body=code,
                           headers=[("X-There", b"\xc3\xa4\xff")])
    assert response.json() == r"'\xe4\udcff'"
    assert response.header("X-Back") == "ä\udcff"


def test_repeated_headers(client: Client) -> None:
    assert run(client, """
        req.headers_out.add("X-Twice", "1")
        req.headers_out.add("X-Twice", "2")
        req.err_headers_out["X-Err"] = "e"
        result = [req.headers_out["x-twice"]]
    """) == [["1", "2"]]


# -- views ------------------------------------------------------------------------

def test_views_are_live(client: Client) -> None:
    assert run(client, """
        t = req.headers_in
        t["X"] = "1"
        result = [req.headers_in["x"], req.headers_in is t,
                  req.notes is req.notes]
    """) == ["1", True, True]


def test_views_end_with_their_request(client: Client) -> None:
    run(client, """
        t = req.headers_in
        kept.update(t=t, i=iter(t), notes=req.notes, copy=t.copy())
    """)
    got = None
    for _ in range(50):  # another child may answer
        got = run(client, """
            def kind(function, *args, **kw):
                return raised(function, *args, **kw).partition(":")[0]
            if not kept:
                result = None
            else:
                t = kept["t"]
                result = [
                    kind(t.__getitem__, "Host"), kind(t.keys),
                    kind(len, t), kind(lambda: "a" in t), kind(repr, t),
                    kind(next, kept["i"]), kind(iter, t), kind(t.copy),
                    kind(t.__setitem__, "a", "b"), kind(t.update, a="b"),
                    kind(t.update), kind(t.clear), kind(t.popitem),
                    kind(t.get, "a"), kind(t.getlist, "a"),
                    kind(lambda: t == {}), kind(lambda: table(t)),
                    kind(t.__delitem__, "a"),
                    kind(kept["notes"].items), kept["copy"]["Host"] != ""]
                kept.clear()
        """)
        if got is not None:
            break
    assert got == ["ReferenceError"] * 19 + [True]
