/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What Python code writes to the error log: from messages to records, one for
 * each line, and the log functions. The GIL is released while httpd writes. */
#include "objects/log.h"

#include <string.h>

#include <http_main.h>

#include "core/log.h"
#include "objects/server.h"
#include "runtime/interp.h"
#include "runtime/text.h"

/* ---- from text to records ---- */

static int is_enabled(const mp_log_sink *to)
{
    if (to->r != NULL) {
        return APLOG_R_IS_LEVEL(to->r, to->level);
    }
    if (to->c != NULL) {
        return APLOG_C_IS_LEVEL(to->c, to->level);
    }
    return APLOG_IS_LEVEL(to->s, to->level);
}

static void log_record(const mp_log_sink *to, const char *line)
{
    if (to->r != NULL) {
        ap_log_rerror(APLOG_MARK, to->level, 0, to->r, "%s", line);
    }
    else if (to->c != NULL) {
        ap_log_cerror(APLOG_MARK, to->level, 0, to->c, "%s", line);
    }
    else {
        ap_log_error(APLOG_MARK, to->level, 0, to->s, "%s", line);
    }
}

/* How long httpd makes a byte. */
static size_t escaped_size(unsigned char byte)
{
    if (byte < 0x20 || byte >= 0x7f) {
        return 4;
    }
    return byte == '\\' || byte == '"' ? 2 : 1;
}

/* Logs one line, in parts if it is long. NUL is shown as \x00. */
static void log_line(const mp_log_sink *to, const char *data, size_t size)
{
    char part[MP_LOG_MAX_LINE + 8];
    size_t used = 0, cost = 0;

    for (size_t i = 0; i < size; i++) {
        cost += escaped_size((unsigned char)data[i]);
        if (cost > MP_LOG_MAX_LINE) {
            part[used] = '\0';
            log_record(to, part);
            used = 0;
            cost = escaped_size((unsigned char)data[i]);
        }
        if (data[i] != '\0') {
            part[used++] = data[i];
        }
        else {
            memcpy(part + used, "\\x00", 4);
            used += 4;
        }
    }
    part[used] = '\0';
    log_record(to, part);
}

/* Logs each line of data; no interpreter is needed. */
static void log_lines(const mp_log_sink *to, const char *data, size_t size)
{
    const char *end = data + size;

    do {
        const char *stop = memchr(data, '\n', (size_t)(end - data));
        const char *next = stop != NULL ? stop + 1 : end;

        if (stop == NULL) {
            stop = end;
        }
        if (stop > data && stop[-1] == '\r') {
            stop--;
        }
        log_line(to, data, (size_t)(stop - data));
        data = next;
    } while (data < end);
}

void mp_log_bytes(const mp_log_sink *to, const char *data, Py_ssize_t size)
{
    if (!is_enabled(to)) {
        return;
    }
    MP_BEGIN_AWAY
    log_lines(to, data, (size_t)size);
    MP_END_AWAY
}

mp_log_sink mp_log_current_sink(int level)
{
    const mp_call *call = mp_interp_current_call();
    mp_log_sink to = {.s = ap_server_conf, .level = level};

    if (call != NULL) {
        to.r = call->r;
        to.c = call->c;
        if (call->s != NULL) {
            to.s = call->s;
        }
    }
    return to;
}

const char *mp_log_encode(PyObject *message, Py_ssize_t *size,
                          PyObject **keep)
{
    const char *data;
    PyObject *bytes;

    if (PyBytes_Check(message)) {
        bytes = Py_NewRef(message);
    }
    else if (PyUnicode_Check(message)) {
        data = PyUnicode_AsUTF8AndSize(message, size);
        if (data != NULL) {
            *keep = Py_NewRef(message);
            return data;
        }
        /* lone surrogates: shown, never an error */
        PyErr_Clear();
        bytes = PyUnicode_AsEncodedString(message, "utf-8",
                                          "backslashreplace");
    }
    else {
        PyErr_Format(PyExc_TypeError,
                     "log messages are str or bytes, not %.200s",
                     Py_TYPE(message)->tp_name);
        return NULL;
    }
    if (bytes == NULL) {
        return NULL;
    }
    *keep = bytes;
    *size = PyBytes_GET_SIZE(bytes);
    return PyBytes_AS_STRING(bytes);
}

/* ---- the log functions ---- */

static PyObject *log_message(PyObject *message, const mp_log_sink *to)
{
    PyObject *keep;
    Py_ssize_t size;
    const char *data;

    if (message == Py_None) {
        Py_RETURN_NONE;
    }
    data = mp_log_encode(message, &size, &keep);
    if (data == NULL) {
        return NULL;
    }
    mp_log_bytes(to, data, size);
    Py_DECREF(keep);
    Py_RETURN_NONE;
}

PyObject *mp_log_message(PyObject *message, int level, request_rec *r,
                         conn_rec *c, server_rec *s)
{
    const mp_log_sink to = {.r = r,
                            .c = c,
                            .s = s != NULL ? s : ap_server_conf,
                            .level = level};

    return log_message(message, &to);
}

int mp_log_level(PyObject *value, int *level)
{
    long number = APLOG_ERR;

    if (value != NULL
        && mp_text_int(value, "level", APLOG_EMERG, APLOG_TRACE8, &number)
               != 0) {
        return -1;
    }
    *level = (int)number;
    return 0;
}

PyObject *mp_log_method(PyObject *args, PyObject *kwargs, request_rec *r,
                        conn_rec *c, server_rec *s)
{
    static char *names[] = {"message", "level", NULL};
    PyObject *message, *number = NULL;
    int level;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:log_error", names,
                                     &message, &number)
        || mp_log_level(number, &level) != 0) {
        return NULL;
    }
    return mp_log_message(message, level, r, c, s);
}

const char mp_log_error_doc[] =
"log_error(message, level=3, server=None)\n--\n\n"
"Writes to the error log of server, by default the main one: one record for\n"
"each line of message, a str or bytes (None is ignored). level is one of the\n"
"APLOG_ constants, APLOG_ERR without one. See ap_log_error().";

PyObject *mp_log_error(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"message", "level", "server", NULL};
    PyObject *message, *number = NULL, *server = Py_None;
    server_rec *s = NULL;
    int level;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:log_error", names,
                                     &message, &number, &server)
        || mp_log_level(number, &level) != 0) {
        return NULL;
    }
    if (server != Py_None) {
        s = mp_server_rec(mp_state_of_module(op), server);
        if (s == NULL) {
            return NULL;
        }
    }
    return mp_log_message(message, level, NULL, NULL, s);
}

const char mp_log_current_doc[] =
"_log(level, message, /)\n--\n\n"
"Logs message as log_error() does, to the request that this thread serves,\n"
"else its connection, else its server, else the main server.";

PyObject *mp_log_current(PyObject *op, PyObject *args)
{
    PyObject *message, *number;
    int level;
    mp_log_sink to;
    (void)op;

    if (!PyArg_ParseTuple(args, "OO:_log", &number, &message)
        || mp_log_level(number, &level) != 0) {
        return NULL;
    }
    to = mp_log_current_sink(level);
    return log_message(message, &to);
}
