/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_filter: the object a Python filter works with during one call. It looks
 * at an mp_filter_call on the stack of dispatch/filters.c or dispatch/ssi.c
 * and is cut off from it when the call is over. */
#include "objects/filter.h"

#include <http_core.h>
#include <http_protocol.h>

#include "objects/filter_stream.h"
#include "objects/request.h"
#include "objects/request_io.h"
#include "runtime/error.h"
#include "runtime/text.h"

/* More than this is passed on before the call ends. */
#define PENDING_MAX 65536

/* What is reserved for data of unknown length. */
#define FIRST_SIZE 8192

/* bytes objects of this size are not copied: the output refers to them until
 * it is passed on. httpd copies what it cannot send by then. */
#define LENT_SIZE 4096
#define LENT_MAX (PENDING_MAX / LENT_SIZE + 1)

#define CLIENT_READ_ERROR "Client read error (Timeout?)"

typedef struct mp_filter {
    PyObject_HEAD
    mp_filter_call *call; /* NULL when it is over */
    mp_state *state;
    PyObject *req;        /* made when asked for */
    PyObject *softspace;  /* what print once kept in files */
    int busy;             /* a method is inside; the GIL may be released */
    int lent_count;
    PyObject *lent[LENT_MAX]; /* bytes that call->out refers to */
} mp_filter;

static mp_filter_call *call_of(const mp_filter *self)
{
    if (self->call == NULL) {
        mp_error_ended("call of a filter");
    }
    return self->call;
}

/* Begins a method that uses the brigades. @return NULL with an exception */
static mp_filter_call *begin(mp_filter *self)
{
    mp_filter_call *call = call_of(self);

    if (call != NULL && self->busy) {
        PyErr_SetString(PyExc_RuntimeError,
                        "another thread is using this filter");
        return NULL;
    }
    self->busy = call != NULL;
    return call;
}

/* The same for methods that do not work on a closed filter. */
static mp_filter_call *begin_open(mp_filter *self)
{
    mp_filter_call *call = begin(self);

    if (call != NULL && call->closed) {
        self->busy = 0;
        PyErr_SetString(PyExc_ValueError, "I/O operation on closed filter");
        return NULL;
    }
    return call;
}

/* Ends one. @return value */
static PyObject *done(mp_filter *self, PyObject *value)
{
    self->busy = 0;
    return value;
}

/* Nothing refers to them any more. */
static void release_lent(mp_filter *self)
{
    while (self->lent_count > 0) {
        Py_DECREF(self->lent[--self->lent_count]);
    }
}

/* Passes what was written on, with a FLUSH mark if wanted.
 * @return 0, or -1 with an exception */
static int pass(mp_filter *self, mp_filter_call *call, int flush)
{
    apr_status_t rv;

    if (flush) {
        mp_filter_add_flush(call);
    }
    Py_BEGIN_ALLOW_THREADS
    rv = mp_filter_pass(call);
    Py_END_ALLOW_THREADS
    release_lent(self);
    if (rv != APR_SUCCESS) {
        mp_output_raise(self->state, rv);
        return -1;
    }
    return 0;
}

/* ---- reading ---- */

/* How many bytes the call may still give. */
static Py_ssize_t expected(mp_filter_call *call)
{
    apr_off_t length = -1;

    if (call->kind == MP_FILTER_IS_INPUT && !call->fetched) {
        return call->readbytes < FIRST_SIZE ? (Py_ssize_t)call->readbytes
                                            : FIRST_SIZE;
    }
    if (apr_brigade_length(call->in, 0, &length) != APR_SUCCESS
        || length < 0 || length > PY_SSIZE_T_MAX) {
        return FIRST_SIZE;
    }
    return (Py_ssize_t)length;
}

/* What reading gave as the methods return it. Steals bytes, which is NULL
 * when reading failed. */
static PyObject *judge(const mp_filter_call *call, PyObject *bytes)
{
    if (bytes == NULL) {
        if (PyErr_Occurred()) {
            return NULL;
        }
        if (APR_STATUS_IS_EAGAIN(call->rv)) {
            return PyBytes_FromStringAndSize(NULL, 0);
        }
        PyErr_SetString(PyExc_OSError, CLIENT_READ_ERROR);
        return NULL;
    }
    if (PyBytes_GET_SIZE(bytes) == 0 && call->eos) {
        Py_DECREF(bytes);
        Py_RETURN_NONE;
    }
    return bytes;
}

static PyObject *read_any(mp_filter *self, PyObject *const *args,
                          Py_ssize_t nargs, const char *name, int line)
{
    mp_filter_call *call;
    Py_ssize_t size;
    PyObject *bytes;

    if (mp_source_parse_size(args, nargs, name, &size) < 0) {
        return NULL;
    }
    call = begin_open(self);
    if (call == NULL) {
        return NULL;
    }
    /* a mark that was read over: what was written before it is due */
    if (call->flush && call->kind == MP_FILTER_IS_OUTPUT
        && pass(self, call, 1) < 0) {
        return done(self, NULL);
    }
    if (size == 0) {
        return done(self, PyBytes_FromStringAndSize(NULL, 0));
    }
    if (call->eos && call->source.length == 0) {
        return done(self, Py_NewRef(Py_None));
    }
    bytes = line ? mp_source_read_line(&call->source, size)
                 : mp_source_read(&call->source, size, expected(call));
    return done(self, judge(call, bytes));
}

PyDoc_STRVAR(read_doc,
"read($self, len=-1, /)\n--\n\n"
"Up to len bytes of what this call of the filter carries, all of it if len\n"
"is negative or None.\n"
"\n"
"Returns bytes: b'' when nothing is left for now (the filter is called again\n"
"with more), None at the end of the stream. ValueError: closed; OSError: the\n"
"client is gone or too slow. Based on apr_bucket_read(), ap_get_brigade().");

static PyObject *filter_read(PyObject *op, PyObject *const *args,
                             Py_ssize_t nargs)
{
    return read_any((mp_filter *)op, args, nargs, "read", 0);
}

PyDoc_STRVAR(readline_doc,
"readline($self, len=-1, /)\n--\n\n"
"The same up to and including the next line feed. The last line that this\n"
"call carries may go on in the next.");

static PyObject *filter_readline(PyObject *op, PyObject *const *args,
                                 Py_ssize_t nargs)
{
    return read_any((mp_filter *)op, args, nargs, "readline", 1);
}

/* ---- writing ---- */

PyDoc_STRVAR(write_doc,
"write($self, data, /)\n--\n\n"
"Append data, str (as UTF-8) or bytes-like, to what the filter gives to the\n"
"next one.\n"
"\n"
"ValueError: closed. OSError: the client is gone.\n"
"apache.SERVER_RETURN(DONE): a filter further on has answered instead.");

static int can_lend(const mp_filter *self, const mp_filter_call *call,
                    PyObject *data)
{
    return call->kind == MP_FILTER_IS_OUTPUT && PyBytes_CheckExact(data)
           && PyBytes_GET_SIZE(data) >= LENT_SIZE
           && self->lent_count < LENT_MAX;
}

/* Appends what the view of data shows to out. */
static void append(mp_filter *self, mp_filter_call *call, PyObject *data,
                   const Py_buffer *view)
{
    const apr_size_t size = (apr_size_t)view->len;

    if (can_lend(self, call, data)) {
        self->lent[self->lent_count++] = Py_NewRef(data);
        APR_BRIGADE_INSERT_TAIL(
            call->out, apr_bucket_transient_create(view->buf, size,
                                                   call->out->bucket_alloc));
    }
    else {
        apr_brigade_write(call->out, NULL, NULL, view->buf, size);
    }
    call->out_length += view->len;
}

static PyObject *filter_write(PyObject *op, PyObject *data)
{
    mp_filter *self = (mp_filter *)op;
    mp_filter_call *call;
    Py_buffer view;
    int rc = 0;

    if (mp_text_body(data, &view) < 0) {
        return NULL;
    }
    call = begin_open(self);
    if (call == NULL) {
        PyBuffer_Release(&view);
        return NULL;
    }
    if (view.len > 0) {
        append(self, call, data, &view);
    }
    PyBuffer_Release(&view);
    if (call->out_length > PENDING_MAX && call->kind == MP_FILTER_IS_OUTPUT) {
        rc = pass(self, call, 0);
    }
    return done(self, rc < 0 ? NULL : Py_NewRef(Py_None));
}

PyDoc_STRVAR(flush_doc,
"flush($self, /)\n--\n\n"
"Send what was written and a FLUSH mark on to the client. Raises what\n"
"write() raises.");

static PyObject *filter_flush(PyObject *op, PyObject *Py_UNUSED(unused))
{
    mp_filter *self = (mp_filter *)op;
    mp_filter_call *call = begin_open(self);

    if (call == NULL) {
        return NULL;
    }
    if (call->kind != MP_FILTER_IS_OUTPUT) {
        /* mod_include passes on when told to, readers read on their own */
        call->flush = 1;
        return done(self, Py_NewRef(Py_None));
    }
    return done(self, pass(self, call, 1) < 0 ? NULL : Py_NewRef(Py_None));
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n--\n\n"
"Send the end of the stream on: the filter is not called again, reading and\n"
"writing raise ValueError. Closing twice is harmless.");

static PyObject *filter_close(PyObject *op, PyObject *Py_UNUSED(unused))
{
    mp_filter *self = (mp_filter *)op;
    mp_filter_call *call = begin(self);
    int rc;

    if (call == NULL) {
        return NULL;
    }
    if (call->closed || call->kind == MP_FILTER_IS_SSI) {
        return done(self, Py_NewRef(Py_None)); /* the page goes on */
    }
    mp_filter_add_eos(call);
    rc = call->kind == MP_FILTER_IS_OUTPUT ? pass(self, call, 0) : 0;
    return done(self, rc < 0 ? NULL : Py_NewRef(Py_None));
}

PyDoc_STRVAR(pass_on_doc,
"pass_on($self, /)\n--\n\n"
"Pass on unchanged what this call carries and has not read. Raises what\n"
"read() raises.");

static PyObject *filter_pass_on(PyObject *op, PyObject *Py_UNUSED(unused))
{
    mp_filter *self = (mp_filter *)op;
    mp_filter_call *call = begin_open(self);
    apr_status_t rv;

    if (call == NULL) {
        return NULL;
    }
    if (call->kind == MP_FILTER_IS_INPUT) {
        Py_BEGIN_ALLOW_THREADS
        rv = mp_filter_move_rest(call);
        Py_END_ALLOW_THREADS
    }
    else { /* there is nothing to wait for */
        rv = mp_filter_move_rest(call);
    }
    if (rv == APR_SUCCESS || APR_STATUS_IS_EAGAIN(rv)) {
        return done(self, Py_NewRef(Py_None));
    }
    PyErr_SetString(PyExc_OSError, CLIENT_READ_ERROR);
    return done(self, NULL);
}

PyDoc_STRVAR(disable_doc,
"disable($self, /)\n--\n\n"
"Make the filter transparent: what this call has not read and all that comes\n"
"later passes on unchanged, the handler is not called again.");

static PyObject *filter_disable(PyObject *op, PyObject *Py_UNUSED(unused))
{
    mp_filter_call *call = call_of((mp_filter *)op);

    if (call == NULL) {
        return NULL;
    }
    call->disabled = 1;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(error_page_doc,
"_error_page($self, body, content_type, /)\n--\n\n"
"Show body (bytes) in place of what the filter was to give: the whole\n"
"response of an output filter that has passed nothing on, a piece of the\n"
"page for server-side includes. Nobody sees errors of input filters.\n"
"\n"
"Returns False when it must be written after earlier output. Private to\n"
"mod_python.");

static PyObject *filter_error_page(PyObject *op, PyObject *args)
{
    mp_filter *self = (mp_filter *)op;
    mp_filter_call *call;
    PyObject *body;
    const char *content_type;

    if (!PyArg_ParseTuple(args, "Ss:_error_page", &body, &content_type)) {
        return NULL;
    }
    call = begin(self);
    if (call == NULL) {
        return NULL;
    }
    if (call->kind == MP_FILTER_IS_SSI) {
        apr_brigade_write(call->out, NULL, NULL, PyBytes_AS_STRING(body),
                          PyBytes_GET_SIZE(body));
    }
    else if (call->kind == MP_FILTER_IS_OUTPUT && !call->closed) {
        request_rec *r = call->f->r;

        if (call->passed) {
            return done(self, Py_NewRef(Py_False));
        }
        if (r->main != NULL) { /* the page around it is not ours to replace */
            return done(self, Py_NewRef(Py_True));
        }
        apr_brigade_cleanup(call->out);
        apr_brigade_write(call->out, NULL, NULL, PyBytes_AS_STRING(body),
                          PyBytes_GET_SIZE(body));
        mp_filter_add_eos(call);
        Py_BEGIN_ALLOW_THREADS
        mp_filter_replace_response(call, content_type);
        Py_END_ALLOW_THREADS
    }
    return done(self, Py_NewRef(Py_True));
}

static PyMethodDef methods[] = {
    {"read", (PyCFunction)(void (*)(void))filter_read, METH_FASTCALL,
     read_doc},
    {"readline", (PyCFunction)(void (*)(void))filter_readline, METH_FASTCALL,
     readline_doc},
    {"write", filter_write, METH_O, write_doc},
    {"flush", filter_flush, METH_NOARGS, flush_doc},
    {"close", filter_close, METH_NOARGS, close_doc},
    {"pass_on", filter_pass_on, METH_NOARGS, pass_on_doc},
    {"disable", filter_disable, METH_NOARGS, disable_doc},
    {"_error_page", filter_error_page, METH_VARARGS, error_page_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- members ---- */

static PyObject *get_name(PyObject *op, void *Py_UNUSED(closure))
{
    const mp_filter_call *call = call_of((mp_filter *)op);

    return call == NULL ? NULL : mp_text_from(call->name);
}

static PyObject *get_req(PyObject *op, void *Py_UNUSED(closure))
{
    mp_filter *self = (mp_filter *)op;

    if (self->req == NULL) {
        const mp_filter_call *call = call_of(self);

        if (call == NULL) {
            return NULL;
        }
        self->req = mp_request_get(self->state, call->f->r);
    }
    return Py_XNewRef(self->req);
}

static PyObject *get_is_input(PyObject *op, void *Py_UNUSED(closure))
{
    const mp_filter_call *call = call_of((mp_filter *)op);

    return call == NULL ? NULL
                        : PyLong_FromLong(call->kind == MP_FILTER_IS_INPUT);
}

static PyObject *get_handler(PyObject *op, void *Py_UNUSED(closure))
{
    const mp_filter_call *call = call_of((mp_filter *)op);

    if (call == NULL) {
        return NULL;
    }
    return mp_text_from(call->handler != NULL ? call->handler->spec : NULL);
}

static PyObject *get_dir(PyObject *op, void *Py_UNUSED(closure))
{
    const mp_filter_call *call = call_of((mp_filter *)op);
    const char *dir = NULL;

    if (call == NULL) {
        return NULL;
    }
    if (call->handler != NULL) {
        dir = call->handler->directory;
        if (dir == NULL) {
            dir = mp_section_directory(call->handler->section,
                                       call->f->r->filename,
                                       call->f->r->pool);
        }
    }
    return mp_text_from(dir);
}

static PyObject *get_closed(PyObject *op, void *Py_UNUSED(closure))
{
    const mp_filter_call *call = call_of((mp_filter *)op);

    return call == NULL ? NULL : PyLong_FromLong(call->closed);
}

static PyObject *get_softspace(PyObject *op, void *Py_UNUSED(closure))
{
    const mp_filter *self = (mp_filter *)op;

    return self->softspace == NULL ? PyLong_FromLong(0)
                                   : Py_NewRef(self->softspace);
}

static int set_softspace(PyObject *op, PyObject *value,
                         void *Py_UNUSED(closure))
{
    mp_filter *self = (mp_filter *)op;

    if (mp_state_no_delete(value, "softspace") < 0) {
        return -1;
    }
    Py_XSETREF(self->softspace, Py_NewRef(value));
    return 0;
}

#define READ_ONLY(name, doc) \
    {#name, get_##name, mp_state_read_only, doc, #name}

static PyGetSetDef members[] = {
    READ_ONLY(name, "str: the filter's name, in lower case."),
    READ_ONLY(req, "The request (mp_request) whose data it filters."),
    READ_ONLY(is_input, "0 or 1: an input filter."),
    READ_ONLY(handler, "str: the handler as it was written."),
    READ_ONLY(dir, "str or None: directory of the handler."),
    READ_ONLY(closed, "0 or 1: close() was called."),
    {"softspace", get_softspace, set_softspace,
     "Anything; of no use. Writable.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- the type ---- */

PyObject *mp_filter_new(mp_state *state, mp_filter_call *call)
{
    PyTypeObject *type = state->filter_type;
    mp_filter *self = (mp_filter *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    call->source.next = mp_filter_next;
    call->source.copy = mp_filter_copy;
    self->state = state;
    self->call = call;
    return (PyObject *)self;
}

void mp_filter_end(PyObject *object)
{
    mp_filter *self = (mp_filter *)object;

    /* a thread of the handler's may still be inside */
    while (self->busy) {
        Py_BEGIN_ALLOW_THREADS
        apr_sleep(1000);
        Py_END_ALLOW_THREADS
    }
    if (self->lent_count > 0) {
        mp_filter_keep(self->call);
        release_lent(self);
    }
    self->call = NULL;
}

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    mp_filter *self = (mp_filter *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->req);
    Py_VISIT(self->softspace);
    return 0;
}

static int clear(PyObject *op)
{
    mp_filter *self = (mp_filter *)op;

    Py_CLEAR(self->req);
    Py_CLEAR(self->softspace);
    return 0;
}

PyDoc_STRVAR(type_doc,
"One call of a filter: the data it carries (read, readline) and what the\n"
"filter makes of it (write). Use after the call raises ReferenceError.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, mp_state_dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, members},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_filter",
    .basicsize = sizeof(mp_filter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_filter_setup_type(PyObject *op)
{
    return mp_state_add_type(op, &spec, &mp_state_of_module(op)->filter_type,
                             "mp_filter");
}
