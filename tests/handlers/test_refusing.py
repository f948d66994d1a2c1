# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Imports an extension module of the registry's."""
from mptest import by_path, reply


def packs(req):
    import msgpack._cmsgpack
    return reply(req, msgpack._cmsgpack.unpackb(
        msgpack._cmsgpack.Packer().pack([1, "x"])))


handler = by_path(globals())
