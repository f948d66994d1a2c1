"""The functions that are pages: index shows and takes entries."""

import os
import sqlite3
import tempfile

from mod_python import apache, psp, util

SCHEMA = "CREATE TABLE IF NOT EXISTS entries (at TEXT, name TEXT, text TEXT)"


def _database(req):
    directory = req.get_options().get("guestbook.database") or tempfile.gettempdir()
    database = sqlite3.connect(os.path.join(directory, "guestbook.db"), timeout=10)
    database.execute(SCHEMA)
    return database


def index(req, name="", text=""):
    database = _database(req)
    try:
        if req.method == "POST":
            if not (0 < len(name) <= 50 and 0 < len(text) <= 2000):
                raise apache.SERVER_RETURN(apache.HTTP_BAD_REQUEST)
            with database:
                database.execute(
                    "INSERT INTO entries VALUES (datetime('now'), ?, ?)", (name, text)
                )
            util.redirect(req, req.uri)  # so that a reload sends nothing twice
        entries = database.execute(
            "SELECT at, name, text FROM entries ORDER BY rowid DESC LIMIT 50"
        ).fetchall()
    finally:
        database.close()
    req.content_type = "text/html; charset=UTF-8"
    page = os.path.join(os.path.dirname(__file__), "book.psp")
    psp.PSP(req, filename=page, vars={"entries": entries}).run()
