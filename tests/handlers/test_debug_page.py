# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Errors with much to tell, some of which must not be told."""
# ruff: noqa: B007, F841 - variables that are there to be shown
from mod_python import apache, util


class Hostile:
    def __repr__(self):
        raise ValueError("no repr")


def checkout(req, basket):
    total = 0
    for name, price in basket.items():
        total += price  # the second one is a string
    return total


def order(req):
    password = "hunter2-local"
    settings = {"api_key": "key-in-a-dict", "colour": "<blue>"}
    hostile, long = Hostile(), "x" * 10_000
    checkout(req, {"tea": 3, "milk": "2"})


def login(req):
    form = util.FieldStorage(req)
    headers = req.headers_in
    raise ValueError("wrong: " + form["password"])


def handler(req):
    globals()[req.uri.rpartition("/")[2]](req)
    return apache.OK


def outputfilter(filter):
    filter.read()
    raise LookupError("in the filter")
