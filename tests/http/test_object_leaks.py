# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Nothing is left over of what the types of _apache make and refuse."""
from __future__ import annotations

import pytest

from harness import sanitizer
from harness.client import Client
from harness.conf import EVAL
from running import EXECUTE, run

HANDLERS = ["execute"]
CONFIG = EXECUTE + EVAL

SNIPPETS = {
    "table": "t = table({'a': 'b', 'c': 1}); t['x'] = 'y'; t.add('x', b'z');"
             "t['x']; t['a']; t.get('n'); t.getlist('x'); t.setdefault('q');"
             "t.popitem(); del t['c']; len(t); 'a' in t; t.has_key('b')",
    "table iteration": "t = table([('a', '1'), ('b', '2'), ('a', '3')]);"
                       "list(t); t.keys(); t.items(); t.values();"
                       "list(t.iteritems()); next(iter(t)); repr(t)",
    "table copies": "t = table([('a', '1'), ('b', '2'), ('a', '3')]);"
                    "t.copy(); t.update(t.copy()); t.update([('x', 'y')]);"
                    "t.update({'x': 'z'}, k='v'); t == t.copy();"
                    "t == {'a': ['1', '3'], 'b': '2'}; t == {1: 2}; dict(t)",
    "table errors": "t = table(); raised(t.__getitem__, 'x');"
                    "raised(t.update, 5); raised(t.update, [1]);"
                    "raised(t.update, [(1,)]); raised(table, None);"
                    "raised(t.__setitem__, 'a\\0', 'b');"
                    "raised(t.__setitem__, 'a', 'b\\0'); raised(hash, t);"
                    "raised(req.headers_out.add, 'a\\n', 'b');"
                    "raised(t.__setitem__, 'a', '\\ud800')",
    "subclass": "S = type('S', (table,), {}); S({'a': 'b'})['a'];"
                "import gc; gc.collect()",
    "finfo": "f = apache.stat('/etc/passwd', apache.APR_FINFO_NORM); f.fname;"
             "f.mtime; list(f); repr(f); apache.stat('/none', 0);"
             "raised(apache.stat, 'a\\0', 0); raised(setattr, f, 'size', 1)",
    "hlist": "h = req.hlist; h.handler; h.directory; repr(h); h.next();"
             "h.handler; raised(setattr, h, 'handler', 1)",
    "server": "s = req.server; s.names; s.server_hostname; s.next;"
              "s.get_config(); s.get_options(); s.restart_time;"
              "raised(setattr, s, 'port', 1); raised(delattr, s, 'port');"
              "s.x = 1; del s.x; s._server_rec",
    "connection": "c = req.connection; c.client_addr; c.local_addr; c.notes;"
                  "c.base_server; c.hlist; c.id; c.keepalive;"
                  "c.keepalive = c.keepalive; raised(c.write, 5);"
                  "raised(c.read, 'x'); raised(setattr, c, 'x', 1)",
    "functions": "apache.config_tree(); apache.server_root();"
                 "apache.mpm_query(2); raised(apache.mpm_query, 9999);"
                 "apache.exists_config_define('X'); apache.interpreter;"
                 "_apache.current_request(); apache.main_server;"
                 "_apache._global_lock(req.server, 'k');"
                 "_apache._global_unlock(req.server, 'k');"
                 "raised(_apache._global_lock, req.server, 5)",
    "log": "import sys; apache.log_error('x', 15); req.log_error(b'x', 15);"
           "sys.stdout.level = 15; sys.stdout.write('a');"
           "sys.stdout.write('b\\nc'); sys.stdout.flush();"
           "raised(sys.stdout.write, 5); raised(apache.log_error, 5);"
           "sys.stdout.writelines(['a', 'b\\n']); sys.stdout.level = 4",
}


@pytest.mark.parametrize("name", SNIPPETS)
def test_no_blocks_are_left(client: Client, name: str) -> None:
    grown = run(client, f"""
        import gc, sys
        code = compile({SNIPPETS[name]!r}, "snippet", "exec")
        def blocks(count):
            for _ in range(count):
                exec(code, globals())
            gc.collect()
            return sys.getallocatedblocks()
        counts = [blocks({150 if name == "subclass" else 1000})
                  for _ in range(3)]
        # caches that fill once are no leak
        result = min(counts[1] - counts[0], counts[2] - counts[1])
    """)
    assert grown < 300  # a block for each turn would be 400 or 1000


@pytest.mark.skipif(bool(sanitizer.wanted()),
                    reason="a sanitizer keeps freed memory")
def test_no_memory_is_left(client: Client) -> None:
    """Pools of tables and of stat() are no blocks of Python's."""
    assert run(client, """
        def pages(count):
            for _ in range(count):
                t = table({"a": "b"})
                t.copy()
                apache.stat("/etc/passwd", apache.APR_FINFO_NORM)
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1])
        before = pages(3000)
        result = pages(30000) - before
    """) < 300
