# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Hello world with Flask."""
from flask import Flask

application = Flask(__name__)


@application.get("/")
def hello():
    return "Hello World!\n", {"Content-Type": "text/plain"}
