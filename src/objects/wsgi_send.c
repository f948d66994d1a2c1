/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Sends what a WSGI application returns, one item after the other, no more
 * than its Content-Length and nothing where there is no body. */
#include "objects/wsgi.h"

#include <string.h>

#include "objects/promise.h"
#include "runtime/text.h"

static int is_complete(const mp_request *self)
{
    const struct mp_wsgi *wsgi = self->ctx->wsgi;

    return wsgi != NULL && (wsgi->without_body || wsgi->left == 0);
}

/* @return 0, or -1 with RuntimeError when the application is not done as it
 * should be */
static int check_complete(const mp_request *self)
{
    const struct mp_wsgi *wsgi = self->ctx->wsgi;

    if (wsgi == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the WSGI application did not call start_response()");
        return -1;
    }
    if (!wsgi->without_body && wsgi->left > 0) {
        /* who waits for the rest must not take the next response for it */
        PyErr_Format(PyExc_RuntimeError,
                     "the WSGI application sent %lld bytes less than its "
                     "Content-Length", (long long)wsgi->left);
        return -1;
    }
    return 0;
}

static int write_data(mp_request *self, PyObject *data, int flush)
{
    PyObject *const args[] = {data, flush ? Py_True : Py_False};
    PyObject *done;

    self->busy++; /* a promise could not be kept while this method runs */
    done = mp_request_write((PyObject *)self, args, 2, NULL);
    self->busy--;
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

/* The first size bytes. */
static int write_part(mp_request *self, const char *data, apr_off_t size,
                      int flush)
{
    PyObject *part = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
    int rc = part != NULL ? write_data(self, part, flush) : -1;

    Py_XDECREF(part);
    return rc;
}

/* data: the object whose bytes these are. */
static int put(mp_request *self, PyObject *data, const char *bytes,
               apr_off_t size, int flush)
{
    struct mp_wsgi *wsgi = self->ctx->wsgi;
    int cut = wsgi->left >= 0 && size > wsgi->left;

    if (cut) {
        size = wsgi->left;
    }
    if (size == 0 || wsgi->without_body) {
        return 0; /* nothing is no output: the headers can wait */
    }
    if (wsgi->left >= 0) {
        wsgi->left -= size;
    }
    return cut ? write_part(self, bytes, size, flush)
               : write_data(self, data, flush);
}

int mp_wsgi_put(mp_request *self, PyObject *data, int flush)
{
    Py_buffer view;
    int rc;

    if (mp_request_check(self) < 0) {
        return -1;
    }
    if (self->ctx->wsgi == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the WSGI application sends data before it calls "
                        "start_response()");
        return -1;
    }
    if (PyBytes_CheckExact(data)) {
        return put(self, data, PyBytes_AS_STRING(data),
                   PyBytes_GET_SIZE(data), flush);
    }
    if (mp_text_body(data, &view) < 0) {
        return -1;
    }
    rc = put(self, data, view.buf, view.len, flush);
    PyBuffer_Release(&view);
    return rc;
}

/* All of it is there: nothing has to be on its way before the end is. */
static int send_list(mp_request *self, PyObject *list)
{
    int rc = 0;

    /* others may change the list while we write */
    for (Py_ssize_t i = 0; rc == 0 && i < PySequence_Fast_GET_SIZE(list);
         i++) {
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(list, i));

        rc = mp_wsgi_put(self, item, 0);
        Py_DECREF(item);
    }
    return rc;
}

static int send_iterable(mp_request *self, PyObject *iterable)
{
    PyObject *iterator = PyObject_GetIter(iterable);
    int rc = iterator != NULL ? 0 : -1;

    while (rc == 0) {
        PyObject *item = PyIter_Next(iterator);

        if (item == NULL) {
            rc = PyErr_Occurred() ? -1 : 0;
            break;
        }
        rc = mp_wsgi_put(self, item, 1);
        Py_DECREF(item);
        if (rc == 0 && is_complete(self)) {
            break;
        }
    }
    Py_XDECREF(iterator);
    return rc;
}

int mp_wsgi_send(mp_request *self, PyObject *result)
{
    int rc;

    if (mp_request_check(self) < 0) {
        return -1;
    }
    mp_promise_settle(self->ctx); /* of write() */
    rc = PyList_CheckExact(result) || PyTuple_CheckExact(result)
             ? send_list(self, result)
             : send_iterable(self, result);
    if (rc < 0 || mp_request_check(self) < 0) {
        return -1;
    }
    return check_complete(self);
}

const char mp_request_wsgi_send_doc[] = PyDoc_STR(
"_wsgi_send($self, result, /)\n--\n\n"
"Send what a WSGI application has returned: an iterable of bytes, or of str\n"
"(sent as UTF-8), each item on its way before the next is asked for; those\n"
"of a list or tuple go together.\n"
"\n"
"RuntimeError: start_response() was not called, or less came than the\n"
"Content-Length says; more is not sent. And what write() raises. Private to\n"
"mod_python.");

PyObject *mp_request_wsgi_send(PyObject *op, PyObject *result)
{
    return mp_wsgi_send((mp_request *)op, result) == 0 ? Py_NewRef(Py_None)
                                                       : NULL;
}

const char mp_request_wsgi_send_file_doc[] = PyDoc_STR(
"_wsgi_send_file($self, path, offset, size, /)\n--\n\n"
"The same for a part of a file, by sendfile(). Returns False when the\n"
"response has no body, or start_response() was not called. Private to\n"
"mod_python.");

PyObject *mp_request_wsgi_send_file(PyObject *op, PyObject *args)
{
    mp_request *self = (mp_request *)op;
    struct mp_wsgi *wsgi;
    PyObject *path;
    long long offset;
    long long size;

    if (mp_request_check(self) < 0
        || !PyArg_ParseTuple(args, "OLL:_wsgi_send_file", &path, &offset,
                             &size)) {
        return NULL;
    }
    wsgi = self->ctx->wsgi;
    if (wsgi == NULL || wsgi->without_body) {
        Py_RETURN_FALSE;
    }
    if (wsgi->left >= 0 && size > wsgi->left) {
        size = wsgi->left;
    }
    if (size > 0) {
        PyObject *sent = PyObject_CallMethod(op, "sendfile", "OLL", path,
                                             offset, size);

        if (sent != NULL && wsgi->left >= 0) {
            wsgi->left -= PyLong_AsLongLong(sent);
        }
        Py_XDECREF(sent);
        if (sent == NULL) {
            return NULL;
        }
    }
    if (check_complete(self) < 0) {
        return NULL;
    }
    Py_RETURN_TRUE;
}
