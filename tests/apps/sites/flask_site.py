# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A small site made with Flask."""
from __future__ import annotations

import os
import time

from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_from_directory,
    session,
    url_for,
)

application = Flask(__name__, static_folder=None)
application.secret_key = "not secret"
application.config["MAX_CONTENT_LENGTH"] = 1_000_000
PLACE = os.path.dirname(os.path.abspath(__file__))

PAGE = """<!doctype html>
<title>{{ title }}</title>
<p>{{ text }}</p>
<a href="{{ url_for('hello', name='ä b') }}">{{ url_for('index', _external=True) }}</a>
"""


@application.get("/")
def index():
    return render_template_string(PAGE, title="index", text="<&>")


@application.get("/hello/<path:name>")
def hello(name):
    return render_template_string(PAGE, title="hello", text=name)


@application.route("/json", methods=["GET", "POST", "PUT"])
def as_json():
    return jsonify(
        method=request.method, args=request.args.to_dict(flat=False),
        sent=request.get_json(silent=True), path=request.full_path,
        root=request.script_root, agent=str(request.user_agent),
        language=request.accept_languages.best_match(["de", "en"]))


@application.post("/form")
def form():
    return jsonify(form=request.form.to_dict(flat=False), files={
        name: [one.filename, one.content_type, len(one.read())]
        for name, one in request.files.items()})


@application.post("/raw")
def raw():
    return Response(request.get_data()[::-1], mimetype="application/octet-stream")


@application.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        session["user"] = request.form["user"]
        return redirect(url_for("private"))
    return "<form method=post><input name=user></form>"


@application.get("/private")
def private():
    return f"hello {session['user']}" if "user" in session else abort(401)


@application.get("/logout")
def logout():
    session.clear()
    return redirect("/login", 303)


@application.get("/cookies")
def cookies():
    response = make_response(jsonify(request.cookies))
    response.set_cookie("one", "1", httponly=True)
    response.set_cookie("two", "ä", samesite="Lax")
    return response


@application.get("/static/<path:name>")
def static(name):
    return send_from_directory(PLACE, name, conditional=True)


@application.get("/etag")
def etag():
    response = make_response("tagged")
    response.add_etag()
    return response.make_conditional(request)


@application.get("/stream")
def stream():
    return Response((f"line {number}\n" for number in range(500)),
                    mimetype="text/plain")


@application.get("/slow")
def slow():
    def lines():
        for number in range(3):
            yield f"{number}\n"
            time.sleep(0.1)

    return Response(lines(), mimetype="text/plain")


@application.get("/status/<int:code>")
def status(code):
    return ("", code) if code in (204, 304) else (f"status {code}", code)


@application.get("/abort/<int:code>")
def aborted(code):
    abort(code)


@application.get("/error")
def error():
    raise ZeroDivisionError("wanted")
