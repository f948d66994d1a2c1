/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* From Python exceptions to log records and back: the only place where the
 * two meet. */
#ifndef MP_RUNTIME_ERROR_H
#define MP_RUNTIME_ERROR_H

#include <Python.h>

#include <httpd.h>

/* Logs one line at level to the innermost call's request, connection or
 * server (else the main server's log). Call with or without an interpreter;
 * may block: release the GIL around it. */
void mp_error_log_line(int level, const char *line);

/* Logs the pending exception: prefix as one line at APLOG_ERR (give it its MP
 * code), then each line of its traceback; clears it. Never fails; interpreter
 * must be held. */
void mp_error_log_exception(const char *prefix);

/* Raises OSError for an APR status. @return NULL always */
PyObject *mp_error_from_apr(apr_status_t rv, const char *message);

/* Raises ReferenceError "this <what> has ended". @return NULL always */
PyObject *mp_error_ended(const char *what);

#endif
