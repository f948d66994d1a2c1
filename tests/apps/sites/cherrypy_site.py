# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A small site made with CherryPy, for its mod_python front end."""
from __future__ import annotations

import os

import cherrypy
from cherrypy.lib import auth_basic

PLACE = os.path.dirname(os.path.abspath(__file__))


class Root:
    @cherrypy.expose
    def index(self):
        return "<p>index</p>"

    @cherrypy.expose
    def hello(self, name="nobody", **more):
        return f"hello {name} {sorted(more.items())}"

    @cherrypy.expose
    @cherrypy.tools.json_out()
    def told(self, **query):
        request = cherrypy.request
        return {"method": request.method, "path": request.path_info,
                "query": request.query_string, "login": request.login,
                "header": request.headers.get("X-Sent"),
                "remote": request.remote.ip, "base": request.base,
                "multithread": request.multithread}

    @cherrypy.expose
    @cherrypy.tools.json_in()
    @cherrypy.tools.json_out()
    def json(self):
        return {"sent": cherrypy.request.json}

    @cherrypy.expose
    def upload(self, file, text):
        data = file.file.read()
        return f"{text} {file.filename} {file.content_type} {len(data)}"

    @cherrypy.expose
    def login(self, user=None):
        if user is None:
            return "<form method=post><input name=user></form>"
        cherrypy.session["user"] = user
        raise cherrypy.HTTPRedirect("/private")

    @cherrypy.expose
    def private(self):
        if "user" not in cherrypy.session:
            raise cherrypy.HTTPError(403, "log in first")
        return f"hello {cherrypy.session['user']}"

    @cherrypy.expose
    def stream(self):
        cherrypy.response.headers["Content-Type"] = "text/plain"
        return (f"line {number}\n" for number in range(100))
    stream._cp_config = {"response.stream": True}

    @cherrypy.expose
    def inside(self):
        raise cherrypy.InternalRedirect("/hello", "name=inside")

    @cherrypy.expose
    def secret(self):
        return f"for {cherrypy.request.login}"

    @cherrypy.expose
    def error(self):
        raise ZeroDivisionError("wanted")


def setup_server():
    cherrypy.config.update({
        "environment": "embedded", "log.error_file": "",
        "log.access_file": "", "request.show_tracebacks": True,
        "server.max_request_body_size": 1_000_000})
    cherrypy.tree.mount(Root(), "", {
        "/": {"tools.sessions.on": True, "tools.encode.on": True,
              "tools.sessions.storage_class": cherrypy.lib.sessions.FileSession,
              "tools.sessions.storage_path": os.environ["SITE_SESSIONS"]},
        "/static": {"tools.staticdir.on": True, "tools.sessions.on": False,
                    "tools.staticdir.dir": PLACE},
        "/secret": {"tools.auth_basic.on": True,
                    "tools.auth_basic.realm": "site",
                    "tools.auth_basic.checkpassword":
                        auth_basic.checkpassword_dict({"joe": "secret"})},
    })
