/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* From messages of Python code to records of httpd's error log. */
#ifndef MP_OBJECTS_LOG_H
#define MP_OBJECTS_LOG_H

#include <Python.h>

#include <httpd.h>

#include "objects/state.h"

/* Shared body of the log_error(message, level) methods: one line of the log
 * for each line of message, to the first of r, c, s that is not NULL (else the
 * main server). message: str (lone surrogates escaped), bytes; None is
 * ignored. Releases the GIL. @return new reference to None, or NULL */
PyObject *mp_log_message(PyObject *message, int level, request_rec *r,
                         conn_rec *c, server_rec *s);

/* A whole log_error(message, level=APLOG_ERR) method on top of that. */
PyObject *mp_log_method(PyObject *args, PyObject *kwargs, request_rec *r,
                        conn_rec *c, server_rec *s);
#define MP_LOG_METHOD_DOC \
    "log_error($self, /, message, level=3)\n--\n\n"

/* _apache.log_error(message, level=APLOG_ERR, server=None) */
PyObject *mp_log_error(PyObject *module, PyObject *args, PyObject *kwargs);
extern const char mp_log_error_doc[];
/* _apache._log(level, message): to what this thread is serving */
PyObject *mp_log_current(PyObject *module, PyObject *args);
extern const char mp_log_current_doc[];

/* ---- for log_stream.c ---- */

/* httpd cuts a record at 8 kB, after it has escaped bytes that do not print:
 * longer lines are logged in parts. */
#define MP_LOG_MAX_LINE 7500

/* Where records go: the first of r, c, s that is not NULL. */
typedef struct mp_log_sink {
    request_rec *r;
    conn_rec *c;
    server_rec *s;
    int level;
} mp_log_sink;

/* What this thread is serving, else the main server. */
mp_log_sink mp_log_current_sink(int level);

/* Logs each line of data, the GIL released meanwhile. */
void mp_log_bytes(const mp_log_sink *to, const char *data, Py_ssize_t size);

/* The bytes of a message; *keep gets a new reference to what owns them.
 * @return NULL with an exception */
const char *mp_log_encode(PyObject *message, Py_ssize_t *size,
                          PyObject **keep);

/* A level argument, NULL: APLOG_ERR. @return 0 or -1 with an exception */
int mp_log_level(PyObject *value, int *level);

#endif
