/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Python exceptions become log records here, and APR's errors exceptions. */
#include "runtime/error.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <http_main.h>

#include "core/log.h"
#include "runtime/compat.h"
#include "runtime/interp.h"

void mp_error_log_line(int level, const char *line)
{
    const mp_call *call = mp_interp_current_call();

    if (call != NULL && call->r != NULL) {
        ap_log_rerror(APLOG_MARK, level, 0, call->r, "%s", line);
    }
    else if (call != NULL && call->c != NULL) {
        ap_log_cerror(APLOG_MARK, level, 0, call->c, "%s", line);
    }
    else {
        ap_log_error(APLOG_MARK, level, 0,
                     call != NULL && call->s != NULL ? call->s
                                                     : ap_server_conf,
                     "%s", line);
    }
}

/* The traceback as one str, lines joined.
 * @return new reference or NULL with an exception */
static PyObject *format_exception(PyObject *exc)
{
    PyObject *traceback = PyImport_ImportModule("traceback");
    PyObject *lines = NULL;
    PyObject *text = NULL;
    PyObject *empty = NULL;

    if (traceback != NULL) {
        lines = PyObject_CallMethod(traceback, "format_exception", "O", exc);
    }
    if (lines != NULL && (empty = PyUnicode_New(0, 0)) != NULL) {
        text = PyUnicode_Join(empty, lines);
    }
    Py_XDECREF(empty);
    Py_XDECREF(lines);
    Py_XDECREF(traceback);
    return text;
}

/* A copy of text as UTF-8 (malloc), lone surrogates escaped. */
static char *copy_utf8(PyObject *text)
{
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8",
                                                "backslashreplace");
    char *copy = NULL;

    if (bytes != NULL) {
        copy = strdup(PyBytes_AS_STRING(bytes));
        Py_DECREF(bytes);
    }
    return copy;
}

void mp_error_log_exception(const char *prefix)
{
    PyObject *exc = mp_compat_get_raised();
    PyObject *text = exc != NULL ? format_exception(exc) : NULL;
    char *copy = text != NULL ? copy_utf8(text) : NULL;

    if (PyErr_Occurred()) {
        /* not even a traceback can be made: the type must do */
        PyErr_Clear();
        if (copy == NULL && exc != NULL) {
            copy = strdup(Py_TYPE(exc)->tp_name);
        }
    }
    Py_XDECREF(text);
    Py_XDECREF(exc);

    MP_BEGIN_AWAY
    mp_error_log_line(APLOG_ERR, prefix);
    for (char *line = copy; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');

        if (end != NULL) {
            *end = '\0';
        }
        mp_error_log_line(APLOG_ERR, line);
        line = end != NULL ? end + 1 : NULL;
    }
    MP_END_AWAY
    free(copy);
}

PyObject *mp_error_from_apr(apr_status_t rv, const char *message)
{
    char text[160];
    PyObject *args;

    apr_strerror(rv, text, sizeof(text));
    if (APR_STATUS_IS_ENOENT(rv) || rv < APR_OS_START_ERROR) {
        /* an errno: the right subclass of OSError comes by itself */
        args = Py_BuildValue("(iss)", (int)rv, text, message);
    }
    else {
        return PyErr_Format(PyExc_OSError, "%s: %s", message, text);
    }
    if (args != NULL) {
        PyErr_SetObject(PyExc_OSError, args);
        Py_DECREF(args);
    }
    return NULL;
}

PyObject *mp_error_ended(const char *what)
{
    PyErr_Format(PyExc_ReferenceError, "this %s has ended", what);
    return NULL;
}
