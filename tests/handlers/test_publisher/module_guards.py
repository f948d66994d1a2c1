# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Published by the tests: guards of a module."""
__auth_realm__ = 'the "module"'
__auth__ = {"joe": "joe", "jim": "jim"}
__access__ = ["joe"]

text = "text"


def page(req):
    return f"page of {req.user}"


def inner():
    def __access__(req, user):
        return user == "jim"

    return "never: joe is not jim"
