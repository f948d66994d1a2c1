/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Writing the response: output gathers in a brigade of the request and goes
 * down httpd's filters when there is enough of it, when it is flushed, or with
 * the response's end. A response that ends before anything had to be sent is
 * one brigade with its EOS, so httpd can give it a Content-Length.
 *
 * Whoever touches the brigade holds the request's I/O (mp_reqctx.io_owner),
 * and gives it back before waiting for a GIL. Gathering happens with the GIL
 * held, passing on without it; but the flusher (objects/promise.h) holds it. */
#include "objects/request_io.h"

#include <http_core.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "objects/promise.h"
#include "runtime/text.h"

/* More than this is passed on at once. */
#define PENDING_MAX 65536
/* Data up to this size is copied also when it is passed on at once: it joins
 * what is pending. Larger pieces go down as they are. */
#define COPY_MAX 8192
/* What is written first and not longer than this gets a bucket of its size:
 * often it is all. apr_brigade_write() makes one that 8 kB fit in. */
#define SHORT_MAX 512
/* Waiting for another thread that does I/O, in microseconds. */
#define WAIT_MIN 50
#define WAIT_MAX 2000

#define CLIENT_WRITE_ERROR "Write failed, client closed connection."

/* ---- the right to do I/O ---- */

/* @return 1 when this thread has it now, 0 when another one has it, -1 when
 * this thread has had it before */
static int try_own(mp_reqctx *ctx)
{
    unsigned long me = PyThread_get_thread_ident();
    unsigned long owner = 0;

    if (atomic_compare_exchange_strong(&ctx->io_owner, &owner, me)) {
        return 1;
    }
    return owner == me ? -1 : 0;
}

static apr_interval_time_t wait_a_little(apr_interval_time_t delay)
{
    apr_sleep(delay);
    return delay < WAIT_MAX ? delay * 2 : delay;
}

int mp_request_io_begin(const mp_request *self)
{
    apr_interval_time_t delay = WAIT_MIN;
    int got;

    for (;;) {
        if (mp_request_check(self) < 0) { /* may end while we wait */
            return -1;
        }
        got = try_own(self->ctx);
        if (got != 0) {
            break;
        }
        Py_BEGIN_ALLOW_THREADS
        delay = wait_a_little(delay);
        Py_END_ALLOW_THREADS
    }
    if (got < 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a filter of a request must not read from or write "
                        "to that request: use the filter's methods");
        return -1;
    }
    return 0;
}

void mp_request_io_end(mp_reqctx *ctx)
{
    atomic_store(&ctx->io_owner, 0);
}

int mp_request_io_own(mp_reqctx *ctx)
{
    apr_interval_time_t delay = WAIT_MIN;
    int got;

    while ((got = try_own(ctx)) == 0) {
        delay = wait_a_little(delay);
    }
    return got > 0;
}

void mp_request_io_leave(mp_reqctx *ctx, int owned)
{
    if (owned) {
        mp_request_io_end(ctx);
    }
}

/* ---- the brigade ---- */

apr_bucket_brigade *mp_output_brigade(mp_reqctx *ctx)
{
    apr_bucket_brigade *bb = &ctx->out;

    if (bb->p == NULL) {
        /* as apr_brigade_create(), but the end of ctx empties it */
        bb->p = ctx->r->pool;
        bb->bucket_alloc = ctx->r->connection->bucket_alloc;
        APR_RING_INIT(&bb->list, apr_bucket, link);
    }
    return bb;
}

static int is_pending(const mp_reqctx *ctx)
{
    return ctx->out.p != NULL && !APR_BRIGADE_EMPTY(&ctx->out);
}

void mp_output_drop(mp_reqctx *ctx)
{
    if (is_pending(ctx)) {
        apr_brigade_cleanup(&ctx->out);
    }
    ctx->out_length = 0;
}

void mp_request_name_status(request_rec *r, int status)
{
    if (status >= 100 && status != HTTP_OK && r->status_line == NULL
        && apr_atoi64(ap_get_status_line(status)) != status) {
        r->status_line = apr_psprintf(r->pool, "%d Status %d", status,
                                      status);
    }
}

apr_status_t mp_output_pass(mp_reqctx *ctx)
{
    request_rec *r = ctx->r;
    apr_status_t rv;

    ctx->out_length = 0;
    if (!ctx->out_passed) {
        mp_request_name_status(r, r->status);
        ctx->out_passed = 1;
    }
    if (r->eos_sent) {
        /* ended by others (a filter that closed, httpd with an error page):
         * more would be taken for the next response */
        apr_brigade_cleanup(&ctx->out);
        return APR_SUCCESS;
    }
    rv = ap_pass_brigade(r->output_filters, &ctx->out);
    apr_brigade_cleanup(&ctx->out);
    return rv != AP_FILTER_ERROR && r->connection->aborted ? APR_ECONNABORTED
                                                           : rv;
}

static void add_flush(mp_reqctx *ctx)
{
    apr_bucket_brigade *bb = mp_output_brigade(ctx);

    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(bb->bucket_alloc));
}

static void add_eos(mp_reqctx *ctx)
{
    apr_bucket_brigade *bb = mp_output_brigade(ctx);

    ctx->out_ended = 1;
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(bb->bucket_alloc));
}

mp_output_fate mp_output_decide(const mp_request *self, apr_size_t size,
                                int flush)
{
    const mp_reqctx *ctx = self->ctx;

    if (ctx->out_length + (apr_off_t)size > PENDING_MAX) {
        return flush || ctx->promise.state != MP_PROMISE_NONE
                   ? MP_OUTPUT_FLUSH
                   : MP_OUTPUT_PASS;
    }
    return !flush || mp_promise_make(self, size) ? MP_OUTPUT_KEEP
                                                 : MP_OUTPUT_FLUSH;
}

static int is_inside_httpd(const mp_reqctx *ctx)
{
    for (const mp_request *self = ctx->objects; self != NULL;
         self = self->next_object) {
        if (self->busy > 0) {
            return 1;
        }
    }
    return ctx->promise.call->away > 0;
}

int mp_output_keep_promise(mp_reqctx *ctx)
{
    if (is_inside_httpd(ctx) || try_own(ctx) <= 0) {
        return 0;
    }
    if (is_pending(ctx) && !ctx->out_ended && !ctx->r->connection->aborted) {
        add_flush(ctx);
        mp_output_pass(ctx); /* the next write() tells of errors */
    }
    mp_request_io_end(ctx);
    return 1;
}

/* ---- errors ---- */

PyObject *mp_request_raise_status(const mp_state *state, int status)
{
    PyObject *number = PyLong_FromLong(status);

    if (number != NULL) {
        PyErr_SetObject(state->server_return, number);
        Py_DECREF(number);
    }
    return NULL;
}

PyObject *mp_output_raise(const mp_state *state, apr_status_t rv)
{
    char text[120];

    if (rv == AP_FILTER_ERROR) {
        /* a filter has answered in its own way: nothing is left to do */
        return mp_request_raise_status(state, DONE);
    }
    if (APR_STATUS_IS_ECONNABORTED(rv) || APR_STATUS_IS_ECONNRESET(rv)
        || APR_STATUS_IS_EPIPE(rv) || APR_STATUS_IS_TIMEUP(rv)) {
        PyErr_SetString(PyExc_OSError, CLIENT_WRITE_ERROR);
        return NULL;
    }
    apr_strerror(rv, text, sizeof(text));
    PyErr_Format(PyExc_OSError, "Write failed: %s", text);
    return NULL;
}

int mp_output_begin(const mp_request *self)
{
    if (mp_request_io_begin(self) < 0) {
        return -1;
    }
    if (self->r->connection->aborted) {
        PyErr_SetString(PyExc_OSError, CLIENT_WRITE_ERROR);
    }
    else if (self->ctx->out_ended || self->ctx->cleaning
             || self->ctx->reached >= MP_PHASE_LOG) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the response has been sent, nothing can be added");
    }
    else {
        return 0;
    }
    mp_request_io_end(self->ctx);
    return -1;
}

PyObject *mp_output_end(const mp_request *self, mp_output_fate what)
{
    mp_reqctx *ctx = self->ctx;
    apr_status_t rv;

    if (what == MP_OUTPUT_KEEP) {
        mp_request_io_end(ctx);
        Py_RETURN_NONE;
    }
    mp_promise_cancel(ctx);
    Py_BEGIN_ALLOW_THREADS
    if (what == MP_OUTPUT_FLUSH) {
        add_flush(ctx);
    }
    rv = mp_output_pass(ctx);
    mp_request_io_end(ctx);
    Py_END_ALLOW_THREADS
    /* the request may have ended by now, under another thread */
    if (rv != APR_SUCCESS) {
        return mp_output_raise(self->state, rv);
    }
    Py_RETURN_NONE;
}

/* ---- write, flush ---- */

/* A buffer behind a bucket that is full: apr_brigade_write() would make a
 * bucket for each write from there on. */
static void make_room(apr_bucket_brigade *bb, apr_size_t size)
{
    apr_bucket *last = APR_BRIGADE_LAST(bb);
    const apr_bucket_heap *heap;
    char *buffer;

    if (size > APR_BUCKET_BUFF_SIZE || APR_BRIGADE_EMPTY(bb)
        || !APR_BUCKET_IS_HEAP(last)) {
        return;
    }
    heap = last->data;
    if (heap->alloc_len - (apr_size_t)last->start - last->length >= size) {
        return;
    }
    buffer = apr_bucket_alloc(APR_BUCKET_BUFF_SIZE, bb->bucket_alloc);
    last = apr_bucket_heap_create(buffer, APR_BUCKET_BUFF_SIZE,
                                  apr_bucket_free, bb->bucket_alloc);
    last->length = 0; /* as apr_brigade_write() begins one */
    APR_BRIGADE_INSERT_TAIL(bb, last);
}

static PyObject *put(const mp_request *self, const char *data,
                     apr_size_t size, int flush)
{
    mp_reqctx *ctx;
    apr_bucket_brigade *bb;
    mp_output_fate what;

    if (mp_output_begin(self) < 0) {
        return NULL;
    }
    ctx = self->ctx;
    bb = mp_output_brigade(ctx);
    if (size == 0 && ctx->out_length == 0 && !ctx->out_passed) {
        what = MP_OUTPUT_KEEP; /* nothing is no output: the headers can wait */
    }
    else {
        what = mp_output_decide(self, size, flush);
    }
    if (what != MP_OUTPUT_KEEP && size > COPY_MAX) {
        /* the caller holds the data until it was passed on; filters that
         * keep it longer copy it */
        APR_BRIGADE_INSERT_TAIL(
            bb, apr_bucket_transient_create(data, size, bb->bucket_alloc));
    }
    else if (ctx->out_length == 0 && size > 0 && size <= SHORT_MAX) {
        APR_BRIGADE_INSERT_TAIL(
            bb, apr_bucket_heap_create(data, size, NULL, bb->bucket_alloc));
    }
    else {
        make_room(bb, size);
        apr_brigade_write(bb, NULL, NULL, data, size);
    }
    ctx->out_length += size;
    return mp_output_end(self, what);
}

const char mp_request_write_doc[] = PyDoc_STR(
"write($self, data, flush=True)\n--\n\n"
"Send data as part of the response body.\n"
"\n"
"data is str (sent as UTF-8) or any bytes-like object. Unless flush is\n"
"false the data is on its way to the client within a few milliseconds. The\n"
"first output sends the headers; empty data is no output. Threads may write\n"
"by turns: one that comes while another is sending waits.\n"
"\n"
"OSError: the client is gone ('Write failed, client closed connection.').\n"
"UnicodeEncodeError: a lone surrogate that stands for no byte. RuntimeError:\n"
"the response is complete, or a filter of this request calls.\n"
"apache.SERVER_RETURN(DONE): an output filter has answered instead. Based on\n"
"ap_pass_brigade().");

/* write(data, flush=True) from vectorcall arguments. @return 0 or -1 */
static int parse_write(PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames, PyObject **data, PyObject **flush)
{
    Py_ssize_t named = kwnames != NULL ? PyTuple_GET_SIZE(kwnames) : 0;

    *data = nargs > 0 ? args[0] : NULL;
    *flush = nargs > 1 ? args[1] : NULL;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        PyObject **slot =
            PyUnicode_CompareWithASCIIString(name, "data") == 0    ? data
            : PyUnicode_CompareWithASCIIString(name, "flush") == 0 ? flush
                                                                   : NULL;

        if (slot == NULL || *slot != NULL) {
            PyErr_Format(PyExc_TypeError, "write() got %s argument %R",
                         slot == NULL ? "an unexpected keyword"
                                      : "multiple values for", name);
            return -1;
        }
        *slot = args[nargs + i];
    }
    if (nargs > 2 || *data == NULL) {
        PyErr_SetString(PyExc_TypeError,
                        "write() takes data and optionally flush");
        return -1;
    }
    return 0;
}

PyObject *mp_request_write(PyObject *op, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *kwnames)
{
    const mp_request *self = (mp_request *)op;
    int flush = 1;
    PyObject *data;
    PyObject *flush_arg;
    PyObject *result;
    Py_buffer view;

    if (parse_write(args, nargs, kwnames, &data, &flush_arg) < 0) {
        return NULL;
    }
    if (flush_arg != NULL) {
        flush = PyObject_IsTrue(flush_arg);
        if (flush < 0) {
            return NULL;
        }
    }
    if (PyBytes_CheckExact(data)) { /* the caller holds it for the call */
        return put(self, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data),
                   flush);
    }
    if (mp_text_body(data, &view) < 0) {
        return NULL;
    }
    result = put(self, view.buf, view.len, flush);
    PyBuffer_Release(&view);
    return result;
}

const char mp_request_flush_doc[] = PyDoc_STR(
"flush($self, /)\n--\n\n"
"Push what was written to the client now; sends the headers if they are not\n"
"out yet. Raises what write() raises. Based on ap_pass_brigade() with a\n"
"FLUSH bucket, as ap_rflush().");

PyObject *mp_request_flush(PyObject *op, PyObject *Py_UNUSED(unused))
{
    const mp_request *self = (mp_request *)op;

    if (mp_output_begin(self) < 0) {
        return NULL;
    }
    return mp_output_end(self, MP_OUTPUT_FLUSH);
}

void mp_output_error_headers(request_rec *r, const char *content_type)
{
    static const char *const stale[] = {
        "Content-Length", "Content-Encoding", "Content-Range", "ETag",
        "Last-Modified",
    };

    for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
        apr_table_unset(r->headers_out, stale[i]);
    }
    r->status = HTTP_INTERNAL_SERVER_ERROR;
    r->status_line = NULL;
    r->content_encoding = NULL;
    r->content_languages = NULL;
    ap_set_content_type(r, apr_pstrdup(r->pool, content_type));
}

const char mp_request_error_page_doc[] = PyDoc_STR(
"_error_page($self, body, content_type, /)\n--\n\n"
"Send body (bytes) as the whole response: status 500, content_type (str).\n"
"Return apache.DONE from the handler then.\n"
"\n"
"Returns True, or False when output has begun: then nothing is sent.\n"
"Private to mod_python.");

PyObject *mp_request_error_page(PyObject *op, PyObject *args)
{
    const mp_request *self = (mp_request *)op;
    mp_reqctx *ctx;
    request_rec *r;
    PyObject *body;
    const char *content_type;

    if (!PyArg_ParseTuple(args, "Ss:_error_page", &body, &content_type)
        || mp_request_io_begin(self) < 0) {
        return NULL;
    }
    ctx = self->ctx;
    r = self->r;
    if (ctx->out_passed || r->eos_sent || r->connection->aborted
        || ctx->out_ended || ctx->cleaning || ctx->reached >= MP_PHASE_LOG) {
        mp_request_io_end(ctx);
        Py_RETURN_FALSE;
    }
    mp_output_drop(ctx);
    mp_output_error_headers(r, content_type);
    apr_brigade_write(mp_output_brigade(ctx), NULL, NULL,
                      PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body));
    add_eos(ctx);
    Py_BEGIN_ALLOW_THREADS
    mp_output_pass(ctx); /* a client that is gone needs no page */
    mp_request_io_end(ctx);
    Py_END_ALLOW_THREADS
    Py_RETURN_TRUE;
}

/* ---- for httpd's side, no interpreter needed ---- */

apr_status_t mp_request_pass(request_rec *r, int flush)
{
    mp_reqctx *ctx = mp_reqctx_find(r);
    apr_status_t rv = APR_SUCCESS;
    int owned;

    if (ctx == NULL) {
        return APR_SUCCESS;
    }
    owned = mp_request_io_own(ctx);
    /* else this is a filter's call: what there is is being passed on */
    if (owned && (is_pending(ctx) || (flush && ctx->out_passed))) {
        if (flush) {
            add_flush(ctx);
        }
        rv = mp_output_pass(ctx);
    }
    mp_request_io_leave(ctx, owned);
    return rv;
}

apr_status_t mp_request_finish(request_rec *r)
{
    mp_reqctx *ctx = mp_reqctx_find(r);
    apr_status_t rv = APR_SUCCESS;
    int owned;

    if (ctx == NULL) {
        return APR_SUCCESS;
    }
    mp_request_name_status(r, r->status);
    owned = mp_request_io_own(ctx);
    if (is_pending(ctx)) {
        add_eos(ctx);
        rv = mp_output_pass(ctx);
    }
    mp_request_io_leave(ctx, owned);
    return rv;
}

int mp_request_discard_output(request_rec *r)
{
    mp_reqctx *ctx = mp_reqctx_find(r);
    int clean;
    int owned;

    if (ctx == NULL) {
        return !r->eos_sent;
    }
    owned = mp_request_io_own(ctx);
    mp_output_drop(ctx);
    clean = !ctx->out_passed && !r->eos_sent;
    mp_request_io_leave(ctx, owned);
    return clean;
}

void mp_request_abort(request_rec *r)
{
    mp_reqctx *ctx = mp_reqctx_get(r);
    conn_rec *c = r->connection;
    const request_rec *top = r;
    int owned;

    while (top->main != NULL) {
        top = top->main;
    }
    if (r->eos_sent) {
        return;
    }
    owned = mp_request_io_own(ctx);
    mp_output_drop(ctx);
    c->keepalive = AP_CONN_CLOSE;
    /* 502 is httpd's sign that a response breaks off: no last chunk. While
     * a filter still holds the headers back it is an error page instead. */
    APR_BRIGADE_INSERT_TAIL(
        mp_output_brigade(ctx),
        ap_bucket_error_create(top->sent_bodyct ? HTTP_BAD_GATEWAY
                                                : HTTP_INTERNAL_SERVER_ERROR,
                               NULL, r->pool, c->bucket_alloc));
    add_eos(ctx);
    mp_output_pass(ctx);
    mp_request_io_leave(ctx, owned);
}
