/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* wsgi_start_response(): status and headers of a WSGI application, checked
 * and put where httpd looks for them. */
#include "objects/wsgi.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>

#include "objects/request_io.h"
#include "runtime/compat.h"
#include "runtime/error.h"

/* About one connection, not about the response: httpd's business. */
static const char *const hop_by_hop[] = {
    "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
    "TE", "Trailer", "Trailers", "Transfer-Encoding", "Upgrade",
};

/* The bytes of a str (latin-1) or bytes, lent by value.
 * @return NULL with TypeError or ValueError */
static const char *bytes_of(PyObject *value, const char *what,
                            Py_ssize_t *size)
{
    if (PyUnicode_Check(value)) {
        if (PyUnicode_KIND(value) != PyUnicode_1BYTE_KIND) {
            PyErr_Format(PyExc_ValueError, "%s must be latin-1, not %R", what,
                         value);
            return NULL;
        }
        *size = PyUnicode_GET_LENGTH(value);
        return (const char *)PyUnicode_1BYTE_DATA(value);
    }
    if (PyBytes_Check(value)) {
        *size = PyBytes_GET_SIZE(value);
        return PyBytes_AS_STRING(value);
    }
    PyErr_Format(PyExc_TypeError, "%s must be str or bytes, not %.200s", what,
                 Py_TYPE(value)->tp_name);
    return NULL;
}

/* What no header may contain: all but the tab. */
static const char is_control[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, /* 0 - 15 */
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* 16 - 31 */
    [127] = 1,
};

/* A str (latin-1) or bytes as a string of p without control characters.
 * @return NULL with TypeError or ValueError */
static char *clean_text(apr_pool_t *p, PyObject *value, const char *what)
{
    Py_ssize_t size;
    const char *bytes = bytes_of(value, what, &size);

    if (bytes == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        if (is_control[(unsigned char)bytes[i]]) {
            PyErr_Format(PyExc_ValueError,
                         "%s must not contain control characters: %R", what,
                         value);
            return NULL;
        }
    }
    return apr_pstrmemdup(p, bytes, (apr_size_t)size);
}

/* What start_response() is given, in request_rec's pool. */
typedef struct head {
    int status;
    const char *line;         /* of the status, NULL: httpd finds one */
    const char *content_type; /* NULL: not given */
    const char *length_text;  /* Content-Length, NULL: not given */
    apr_off_t length;         /* the same, -1: not given */
    apr_table_t *headers;     /* all others, NULL: none */
} head;

/* "404 Not Found". @return 0, or -1 with an exception */
static int parse_status(head *into, apr_pool_t *p, PyObject *value)
{
    const char *line = clean_text(p, value, "status");

    if (line == NULL) {
        return -1;
    }
    if (apr_isdigit(line[0]) && apr_isdigit(line[1]) && apr_isdigit(line[2])
        && (line[3] == '\0' || line[3] == ' ')) {
        into->status = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2]
                       - '0';
        into->line = strlen(line) > 4 ? line : NULL;
        if (into->status >= 100 && into->status <= 599) {
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError,
                 "status must be a number from 100 to 599, a blank and a "
                 "reason, not %R", value);
    return -1;
}

/* A Content-Length: digits only. @return 0, or -1 with ValueError */
static int parse_length(const char *value, apr_off_t *length)
{
    const apr_off_t most = (apr_off_t)(((apr_uint64_t)1 << 63) - 1);
    const char *c = value;

    *length = 0;
    while (apr_isdigit(*c) && *length <= (most - (*c - '0')) / 10) {
        *length = *length * 10 + (*c++ - '0');
    }
    if (c == value || *c != '\0') {
        PyErr_Format(PyExc_ValueError, "Content-Length is no length: '%s'",
                     value);
        return -1;
    }
    return 0;
}

static int same_name(const char *name, const char *other)
{
    return (name[0] | 0x20) == (other[0] | 0x20)
           && ap_cstr_casecmp(name, other) == 0;
}

/* @return 0, or -1 with ValueError */
static int check_name(const char *name)
{
    if (name[0] == '\0' || *ap_scan_http_token(name) != '\0') {
        PyErr_Format(PyExc_ValueError, "'%s' is no name of a header", name);
        return -1;
    }
    for (size_t i = 0; i < sizeof(hop_by_hop) / sizeof(hop_by_hop[0]); i++) {
        if (same_name(name, hop_by_hop[i])) {
            PyErr_Format(PyExc_ValueError,
                         "%s is a hop-by-hop header: httpd sets it", name);
            return -1;
        }
    }
    return 0;
}

/* Is the str or bytes this name? No is no judgement on what it is. */
static int is_name(PyObject *value, const char *name, size_t length)
{
    const char *bytes;
    Py_ssize_t size;

    if (PyUnicode_Check(value) && PyUnicode_IS_COMPACT_ASCII(value)) {
        size = PyUnicode_GET_LENGTH(value);
        bytes = (const char *)PyUnicode_1BYTE_DATA(value);
    }
    else if (PyBytes_Check(value)) {
        size = PyBytes_GET_SIZE(value);
        bytes = PyBytes_AS_STRING(value);
    }
    else {
        return 0;
    }
    return (size_t)size == length
           && (memcmp(bytes, name, length) == 0 /* as nearly all write it */
               || ap_cstr_casecmpn(bytes, name, length) == 0);
}

#define IS_NAME(value, name) is_name(value, name, sizeof(name) - 1)

/* A header that is no field of its own. @return 0, or -1 with an exception */
static int parse_other(head *into, apr_pool_t *p, PyObject *name,
                       const char *value)
{
    const char *key = clean_text(p, name, "a header's name");

    if (key == NULL || check_name(key) < 0) {
        return -1;
    }
    if (into->headers == NULL) {
        into->headers = apr_table_make(p, 8);
    }
    apr_table_addn(into->headers, key, value);
    return 0;
}

/* @return 0, or -1 with an exception */
static int parse_header(head *into, apr_pool_t *p, PyObject *item)
{
    PyObject *name;
    char *value;

    if (!PyTuple_Check(item) && !PyList_Check(item)) {
        PyErr_Format(PyExc_TypeError,
                     "a header must be a tuple (name, value), not %.200s",
                     Py_TYPE(item)->tp_name);
        return -1;
    }
    if (PySequence_Fast_GET_SIZE(item) != 2) {
        PyErr_Format(PyExc_TypeError,
                     "a header must be a tuple (name, value), not %R", item);
        return -1;
    }
    name = PySequence_Fast_GET_ITEM(item, 0);
    value = clean_text(p, PySequence_Fast_GET_ITEM(item, 1),
                       "a header's value");
    if (value == NULL) {
        return -1;
    }
    if (IS_NAME(name, "Content-Type")) {
        into->content_type = value;
        return 0;
    }
    if (IS_NAME(name, "Content-Length")) {
        into->length_text = value;
        return parse_length(value, &into->length);
    }
    return parse_other(into, p, name, value);
}

/* Nothing in here runs Python code but for the message of an error, so that
 * lists keep their length. @return 0, or -1 with an exception */
static int parse_headers(head *into, apr_pool_t *p, PyObject *value)
{
    if (!PyList_Check(value) && !PyTuple_Check(value)) {
        PyErr_Format(PyExc_TypeError,
                     "headers must be a list of tuples, not %.200s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); i++) {
        if (parse_header(into, p, PySequence_Fast_GET_ITEM(value, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Raises the exception of exc_info, a tuple (type, value, traceback).
 * @return -1 always */
static int raise_again(PyObject *exc_info)
{
    PyObject *exc = PyTuple_GET_ITEM(exc_info, 1);
    PyObject *traceback = PyTuple_GET_ITEM(exc_info, 2);

    if (PyTraceBack_Check(traceback)
        && PyException_SetTraceback(exc, traceback) < 0) {
        return -1;
    }
    mp_compat_set_raised(Py_NewRef(exc));
    return -1;
}

static int check_exc_info(PyObject *exc_info)
{
    if (exc_info == Py_None
        || (PyTuple_Check(exc_info) && PyTuple_GET_SIZE(exc_info) == 3
            && PyExceptionInstance_Check(PyTuple_GET_ITEM(exc_info, 1)))) {
        return 0;
    }
    PyErr_SetString(PyExc_TypeError,
                    "exc_info must be a tuple as of sys.exc_info(), or None");
    return -1;
}

/* Remembers what the first call finds, or makes it so again. */
static void begin(mp_reqctx *ctx)
{
    request_rec *r = ctx->r;
    struct mp_wsgi *wsgi = ctx->wsgi;

    if (wsgi == NULL) {
        wsgi = ctx->wsgi = apr_palloc(r->pool, sizeof(*wsgi));
        wsgi->headers_out = apr_is_empty_table(r->headers_out)
                                ? NULL
                                : apr_table_copy(r->pool, r->headers_out);
        wsgi->content_type = r->content_type;
        wsgi->clength = r->clength;
        return;
    }
    mp_output_drop(ctx); /* the body of what has failed */
    r->headers_out = wsgi->headers_out != NULL
                         ? apr_table_copy(r->pool, wsgi->headers_out)
                         : apr_table_make(r->pool, 4);
    r->clength = wsgi->clength;
    r->content_type = wsgi->content_type;
}

/* The application knows better than what was set before it ran, but for
 * cookies of other modules. */
static void apply_headers(request_rec *r, const apr_table_t *headers)
{
    const apr_array_header_t *rows = apr_table_elts(headers);
    const apr_table_entry_t *row = (const apr_table_entry_t *)rows->elts;

    for (int i = 0; i < rows->nelts; i++) {
        if (!same_name(row[i].key, "Set-Cookie")) {
            apr_table_unset(r->headers_out, row[i].key);
        }
    }
    for (int i = 0; i < rows->nelts; i++) {
        apr_table_addn(r->headers_out, row[i].key, row[i].val);
    }
}

/* Puts status and headers in place of those of an earlier call. */
static void apply(mp_reqctx *ctx, const head *from)
{
    request_rec *r = ctx->r;

    begin(ctx);
    r->status = from->status;
    r->status_line = from->line;
    ctx->wsgi->without_body = r->header_only
                              || from->status == HTTP_NO_CONTENT
                              || from->status == HTTP_NOT_MODIFIED;
    ctx->wsgi->left = from->length;
    if (from->headers != NULL) {
        apply_headers(r, from->headers);
    }
    if (from->content_type != NULL) {
        ap_set_content_type(r, from->content_type);
        ctx->content_type_set = 1;
    }
    if (from->length_text != NULL) {
        r->clength = from->length;
        apr_table_setn(r->headers_out, "Content-Length", from->length_text);
    }
}

/* ---- start_response() and write() ---- */

/* What wsgi_start_response() does. @return 0, or -1 with an exception */
static int respond(const mp_request *self, PyObject *const *args,
                   Py_ssize_t nargs)
{
    PyObject *exc_info = nargs > 2 ? args[2] : Py_None;
    head given = {.length = -1};
    apr_pool_t *p;
    int sent;

    if (nargs < 2 || nargs > 3) {
        PyErr_SetString(PyExc_TypeError,
                        "start_response() takes status, headers and "
                        "optionally exc_info, by position");
        return -1;
    }
    if (mp_request_check(self) < 0 || check_exc_info(exc_info) < 0) {
        return -1;
    }
    sent = self->ctx->out_passed || self->r->eos_sent;
    if (sent && exc_info != Py_None) {
        return raise_again(exc_info);
    }
    if (sent) {
        PyErr_SetString(PyExc_RuntimeError, "the headers have been sent");
        return -1;
    }
    p = self->r->pool;
    if (parse_status(&given, p, args[0]) < 0
        || parse_headers(&given, p, args[1]) < 0
        || mp_request_io_begin(self) < 0) {
        return -1;
    }
    apply(self->ctx, &given);
    mp_request_io_end(self->ctx);
    return 0;
}

/* The request a lent function works for.
 * @return NULL with ReferenceError: it was taken back */
static mp_request *lent_to(PyObject *op)
{
    if (op == Py_None) {
        mp_error_ended("WSGI request");
        return NULL;
    }
    return (mp_request *)op;
}

/* *kept, working for the request; if another one has it or it does not exist
 * yet, a new function. @return new reference, or NULL with an exception */
static PyObject *lend(PyObject **kept, PyMethodDef *method, mp_request *self)
{
    PyCFunctionObject *function = (PyCFunctionObject *)*kept;

    if (function == NULL) {
        *kept = PyCFunction_New(method, (PyObject *)self);
        return Py_XNewRef(*kept);
    }
    if (function->m_self == Py_None) {
        Py_SETREF(function->m_self, Py_NewRef((PyObject *)self));
    }
    return function->m_self == (PyObject *)self
               ? Py_NewRef((PyObject *)function)
               : PyCFunction_New(method, (PyObject *)self);
}

/* What the application has kept is its own for good. */
static void take_back(PyObject **kept, const mp_request *self)
{
    PyCFunctionObject *function = (PyCFunctionObject *)*kept;

    if (function == NULL || function->m_self != (const PyObject *)self) {
        return;
    }
    if (Py_REFCNT(function) == 1) {
        Py_SETREF(function->m_self, Py_NewRef(Py_None));
    }
    else {
        Py_CLEAR(*kept);
    }
}

void mp_wsgi_take_back(mp_request *self)
{
    take_back(&self->state->wsgi_start_response, self);
    take_back(&self->state->wsgi_write, self);
}

static PyObject *write_item(PyObject *op, PyObject *data)
{
    mp_request *self = lent_to(op);
    int rc;

    if (self == NULL) {
        return NULL;
    }
    self->busy++;
    rc = mp_wsgi_put(self, data, 1);
    self->busy--;
    return rc == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef write_method = {
    "write", write_item, METH_O,
    PyDoc_STR("write($self, data, /)\n--\n\n"
              "Send data (bytes) as part of the body, as the items that the\n"
              "application returns are sent. See PEP 3333.")};

const char mp_request_wsgi_start_response_doc[] = PyDoc_STR(
"wsgi_start_response($self, status, headers, exc_info=None, /)\n--\n\n"
"The start_response() of WSGI: set status and reason ('404 Not Found') and\n"
"the headers, a list of (name, value), of the response.\n"
"\n"
"A further call replaces what the one before it has set. With exc_info, a\n"
"tuple as of sys.exc_info(), that exception is raised if the headers are\n"
"sent already; without it that is a RuntimeError. str is latin-1, bytes are\n"
"taken too. Returns write(). ValueError: bad status, hop-by-hop headers,\n"
"control characters; TypeError: wrong types. See PEP 3333.");

PyObject *mp_request_wsgi_start_response(PyObject *op, PyObject *const *args,
                                         Py_ssize_t nargs, PyObject *kwnames)
{
    if (kwnames != NULL) {
        nargs = 0; /* by position only */
    }
    return respond((mp_request *)op, args, nargs) == 0
               ? PyCFunction_New(&write_method, op)
               : NULL;
}

static PyObject *start(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    mp_request *self = lent_to(op);
    mp_state *state;
    int rc;

    if (self == NULL) {
        return NULL;
    }
    self->busy++;
    rc = respond(self, args, nargs);
    self->busy--;
    if (rc < 0) {
        return NULL;
    }
    state = self->state;
    if (state->wsgi_start_response == NULL
        || PyCFunction_GET_SELF(state->wsgi_start_response) != op) {
        return PyCFunction_New(&write_method, op); /* nobody takes it back */
    }
    return lend(&state->wsgi_write, &write_method, self);
}

static PyMethodDef start_method = {
    "start_response", (PyCFunction)(void (*)(void))start, METH_FASTCALL,
    mp_request_wsgi_start_response_doc};

PyObject *mp_wsgi_start_response(mp_request *self)
{
    return lend(&self->state->wsgi_start_response, &start_method, self);
}
