# Licensed under the Apache License, Version 2.0; see LICENSE.
"""apache.LogHandler: Python's logging into httpd's log."""

from __future__ import annotations

import logging

import _apache

_LEVELS = (
    (logging.CRITICAL, _apache.APLOG_CRIT),
    (logging.ERROR, _apache.APLOG_ERR),
    (logging.WARNING, _apache.APLOG_WARNING),
    (logging.INFO, _apache.APLOG_INFO),
    (logging.DEBUG, _apache.APLOG_DEBUG),
)


def level_of(number: int) -> int:
    """The APLOG_ level of a level of logging."""
    for least, level in _LEVELS:
        if number >= least:
            return level
    return int(_apache.APLOG_TRACE1)


class LogHandler(logging.Handler):
    """Sends records to the log of the running request, else of the running
    connection, else of a server.

    server: the server object whose log gets the records of code that runs
    for no request; default: the one this thread serves, else the main one.
    httpd's LogLevel decides what is kept.
    """

    def __init__(self, server: _apache.mp_server | None = None) -> None:
        super().__init__()
        self.server = server

    def emit(self, record: logging.LogRecord) -> None:
        """Logs a record line by line; errors go to logging.raiseExceptions'
        way, Handler.handleError()."""
        try:
            message = self.format(record)
            level = level_of(record.levelno)
            if self.server is None or _apache.current_request() is not None:
                _apache._log(level, message)
            else:
                _apache.log_error(message, level, self.server)
        except Exception:  # noqa: BLE001 - as all handlers of logging do
            self.handleError(record)
