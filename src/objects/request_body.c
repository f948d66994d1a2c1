/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The methods that read the request body: read(), readline(), readlines(),
 * readinto() and iteration, all on one stream (objects/body.c). */
#include "objects/request.h"

#include <http_protocol.h>

#include "objects/body.h"
#include "objects/promise.h"
#include "objects/request_io.h"

/* The first size of a result whose length is not known, and the most that is
 * reserved because of what a client merely announced. */
#define FIRST_SIZE 8192
#define ANNOUNCED_MAX 1048576

#define CLIENT_READ_ERROR "Client read error (Timeout?)"

static PyObject *raise_failure(const mp_request *self, const mp_body *body)
{
    if (body->status != 0) {
        return mp_request_raise_status(self->state, body->status);
    }
    PyErr_SetString(PyExc_OSError, CLIENT_READ_ERROR);
    return NULL;
}

/* Gives this thread the stream. @return NULL with an exception */
static mp_body *begin(const mp_request *self)
{
    mp_body *body;

    if (mp_request_check(self) < 0) {
        return NULL;
    }
    mp_promise_settle(self->ctx); /* the client may wait for it */
    body = self->ctx->body;
    if (body != NULL && body->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the body of this request is being read by another "
                        "call");
        return NULL;
    }
    if (mp_request_io_begin(self) < 0) {
        return NULL;
    }
    body = mp_body_get(self->ctx);
    if (self->ctx->cleaning || self->ctx->reached >= MP_PHASE_LOG) {
        body->closed = 1; /* never wait for a client after the response */
    }
    body->busy = 1;
    return body;
}

static void end(const mp_request *self, mp_body *body)
{
    body->busy = 0;
    mp_request_io_end(self->ctx);
}

/* How much to reserve for a result: what was announced, within bounds. */
static Py_ssize_t expected(const mp_body *body, const request_rec *r)
{
    apr_off_t at_hand = (apr_off_t)body->source.length;

    if (r->read_chunked) {
        return (Py_ssize_t)at_hand + FIRST_SIZE;
    }
    if (r->remaining > ANNOUNCED_MAX) {
        return ANNOUNCED_MAX;
    }
    return (Py_ssize_t)(r->remaining > at_hand ? r->remaining : at_hand);
}

/* What a reading function gave, or the exception for its failure. */
static PyObject *checked(const mp_request *self, const mp_body *body,
                         PyObject *bytes)
{
    if (bytes == NULL && !PyErr_Occurred()) {
        return raise_failure(self, body);
    }
    return bytes;
}

static PyObject *read_line(const mp_request *self, mp_body *body,
                           Py_ssize_t limit)
{
    return checked(self, body, mp_source_read_line(&body->source, limit));
}

const char mp_request_read_doc[] = PyDoc_STR(
"read($self, len=-1, /)\n--\n\n"
"Read up to len bytes of the request body, all the rest if len is negative\n"
"or None.\n"
"\n"
"Returns bytes: fewer than len only at the end of the body, b'' when there\n"
"is nothing (more). Chunked bodies are decoded. The first read answers\n"
"'Expect: 100-continue'. OSError: the client is gone, too slow, or sent less\n"
"than it announced. apache.SERVER_RETURN with 413, 400 or 501: httpd refuses\n"
"the body (LimitRequestBody, malformed chunks, unknown coding).\n"
"RuntimeError: another thread is reading. Based on ap_get_brigade().");

PyObject *mp_request_read(PyObject *op, PyObject *const *args,
                          Py_ssize_t nargs)
{
    const mp_request *self = (mp_request *)op;
    Py_ssize_t size;
    PyObject *bytes;
    mp_body *body;

    if (mp_source_parse_size(args, nargs, "read", &size) < 0) {
        return NULL;
    }
    body = begin(self);
    if (body == NULL) {
        return NULL;
    }
    bytes = checked(self, body,
                    mp_source_read(&body->source, size,
                                   expected(body, self->r)));
    end(self, body);
    return bytes;
}

const char mp_request_readline_doc[] = PyDoc_STR(
"readline($self, len=-1, /)\n--\n\n"
"Read up to and including the next line feed, at most len bytes if len is\n"
"not negative.\n"
"\n"
"Returns bytes, b'' at the end of the body. Raises what read() raises.");

PyObject *mp_request_readline(PyObject *op, PyObject *const *args,
                              Py_ssize_t nargs)
{
    const mp_request *self = (mp_request *)op;
    Py_ssize_t size;
    PyObject *line;
    mp_body *body;

    if (mp_source_parse_size(args, nargs, "readline", &size) < 0) {
        return NULL;
    }
    body = begin(self);
    if (body == NULL) {
        return NULL;
    }
    line = read_line(self, body, size);
    end(self, body);
    return line;
}

const char mp_request_readlines_doc[] = PyDoc_STR(
"readlines($self, sizehint=-1, /)\n--\n\n"
"Read whole lines until they have at least sizehint bytes together; all of\n"
"them if sizehint is negative, None or 0 (as io.IOBase.readlines).\n"
"\n"
"Returns a list of bytes. Raises what read() raises.");

PyObject *mp_request_readlines(PyObject *op, PyObject *const *args,
                               Py_ssize_t nargs)
{
    const mp_request *self = (mp_request *)op;
    Py_ssize_t hint;
    Py_ssize_t total = 0;
    PyObject *lines;
    mp_body *body;

    if (mp_source_parse_size(args, nargs, "readlines", &hint) < 0) {
        return NULL;
    }
    body = begin(self);
    if (body == NULL) {
        return NULL;
    }
    lines = PyList_New(0);
    while (lines != NULL) {
        PyObject *line = read_line(self, body, -1);
        Py_ssize_t size = line != NULL ? PyBytes_GET_SIZE(line) : 0;
        int rc = size > 0 ? PyList_Append(lines, line) : 0;

        if (line == NULL || rc < 0) {
            Py_CLEAR(lines);
        }
        Py_XDECREF(line);
        total += size;
        if (size == 0 || (hint > 0 && total >= hint)) {
            break;
        }
    }
    end(self, body);
    return lines;
}

const char mp_request_readinto_doc[] = PyDoc_STR(
"readinto($self, buffer, /)\n--\n\n"
"Fill a writable bytes-like object with bytes of the request body.\n"
"\n"
"Returns their number (int): less than the size of the buffer only at the\n"
"end of the body. Raises what read() raises, TypeError for a buffer that\n"
"cannot be written to.");

PyObject *mp_request_readinto(PyObject *op, PyObject *buffer)
{
    const mp_request *self = (mp_request *)op;
    PyObject *result = NULL;
    apr_size_t got;
    Py_buffer view;
    mp_body *body;
    int state;

    if (PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE) < 0) {
        if (PyErr_ExceptionMatches(PyExc_BufferError)) {
            PyErr_Format(PyExc_TypeError,
                         "buffer must be a writable bytes-like object, not "
                         "%.200s", Py_TYPE(buffer)->tp_name);
        }
        return NULL;
    }
    body = begin(self);
    if (body != NULL) {
        Py_BEGIN_ALLOW_THREADS
        state = mp_source_fill(&body->source, view.buf, view.len, &got);
        Py_END_ALLOW_THREADS
        result = state < 0 ? raise_failure(self, body)
                           : PyLong_FromSize_t(got);
        end(self, body);
    }
    PyBuffer_Release(&view);
    return result;
}

PyObject *mp_request_iternext(PyObject *op)
{
    const mp_request *self = (mp_request *)op;
    mp_body *body = begin(self);
    PyObject *line;

    if (body == NULL) {
        return NULL;
    }
    line = read_line(self, body, -1);
    end(self, body);
    if (line != NULL && PyBytes_GET_SIZE(line) == 0) {
        Py_CLEAR(line); /* no exception: the end of the iteration */
    }
    return line;
}

const char mp_request_discard_request_body_doc[] = PyDoc_STR(
"discard_request_body($self, /)\n--\n\n"
"Read the rest of the request body and drop it.\n"
"\n"
"Returns apache.OK or the status (int) httpd wants to be answered: 400, 408,\n"
"413. See ap_discard_request_body().");

PyObject *mp_request_discard_request_body(PyObject *op,
                                          PyObject *Py_UNUSED(unused))
{
    const mp_request *self = (mp_request *)op;
    mp_body *body = begin(self);
    int rc;

    if (body == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rc = mp_body_discard(body);
    Py_END_ALLOW_THREADS
    end(self, body);
    return PyLong_FromLong(rc);
}

apr_off_t mp_request_read_length(const mp_request *self)
{
    const mp_reqctx *ctx = self->ctx;

    return ctx != NULL && ctx->body != NULL ? ctx->body->delivered : 0;
}
