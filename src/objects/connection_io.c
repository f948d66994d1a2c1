/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Reading and writing of connections: the methods of mp_conn that go through
 * the connection's filters, with the GIL released.
 *
 * One thread may read while another writes (as WebSocket programs do), though
 * filters and bucket allocators know nothing of threads. So the filters are
 * used under a mutex, and a reader waits for data outside of it, on the
 * socket. The end of the connection waits until every thread has left. */
#include "objects/connection_impl.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <apr_poll.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <http_core.h>
#include <util_filter.h>

#include "objects/request.h"
#include "runtime/error.h"
#include "runtime/text.h"

/* How much is asked for when the caller does not say. */
#define READ_SIZE 8192

/* A blocking read that gives nothing and no end so many times is at the end:
 * not every filter says so. */
#define MAX_EMPTY 3

/* How long the end of a connection may have to wait for a reader. */
#define WAIT_STEP apr_time_from_msec(100)

struct mp_connio {
    apr_thread_mutex_t *filters; /* held while filters and brigades are used */
    apr_bucket_brigade *in;
    apr_bucket_brigade *out;
    apr_thread_mutex_t *gate;    /* guards the rest */
    apr_thread_cond_t *left;     /* signalled when users becomes 0 */
    int users;                   /* threads inside a method */
    int ended;                   /* no more may come in */
};

/* Bytes from the client, grown as they come. */
typedef struct chunk {
    char *data; /* malloc */
    size_t size;
    size_t capacity;
    int eof;
} chunk;

/* ---- coming in and out ---- */

/* Before the mutexes go, which were registered with the pool earlier: makes
 * reads of other threads return and waits for them. */
static apr_status_t end_io(void *data)
{
    mp_connctx *ctx = data;
    mp_connio *io = ctx->io;

    __atomic_store_n(&ctx->ended, 1, __ATOMIC_RELEASE);
    apr_thread_mutex_lock(io->gate);
    io->ended = 1;
    if (io->users > 0 && ctx->c->master == NULL) {
        apr_socket_t *socket = ap_get_conn_socket(ctx->c);

        if (socket != NULL) {
            apr_socket_shutdown(socket, APR_SHUTDOWN_READWRITE);
        }
    }
    while (io->users > 0) {
        apr_thread_cond_wait(io->left, io->gate);
    }
    apr_thread_mutex_unlock(io->gate);
    return APR_SUCCESS;
}

/* @return 0 or -1 with an exception */
static int make_io(mp_connctx *ctx)
{
    conn_rec *c = ctx->c;
    mp_connio *io = apr_pcalloc(c->pool, sizeof(*io));

    if (apr_thread_mutex_create(&io->filters, APR_THREAD_MUTEX_DEFAULT,
                                c->pool) != APR_SUCCESS
        || apr_thread_mutex_create(&io->gate, APR_THREAD_MUTEX_DEFAULT,
                                   c->pool) != APR_SUCCESS
        || apr_thread_cond_create(&io->left, c->pool) != APR_SUCCESS) {
        PyErr_NoMemory();
        return -1;
    }
    io->in = apr_brigade_create(c->pool, c->bucket_alloc);
    io->out = apr_brigade_create(c->pool, c->bucket_alloc);
    ctx->io = io;
    apr_pool_cleanup_register(c->pool, ctx, end_io, apr_pool_cleanup_null);
    return 0;
}

/* The connection cannot end until leave_io().
 * @return NULL with an exception when it has ended */
static mp_connctx *enter_io(PyObject *op)
{
    const mp_call *call = mp_interp_current_call();
    mp_conn *self = (mp_conn *)op;
    mp_connctx *ctx;
    int ended;

    if (mp_connection_check(self) != 0) {
        return NULL;
    }
    /* httpd itself uses the connection of somebody else's request, and knows
     * nothing of our mutex; threads that a handler made are its own affair */
    if (call != NULL && call->c != NULL && call->c != self->c) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this connection is not the one that is served here");
        return NULL;
    }
    if (call != NULL && call->c == self->c
        && call->phase == MP_PHASE_PRE_CONNECTION) {
        PyErr_SetString(PyExc_RuntimeError,
                        "a pre-connection handler cannot read or write: use "
                        "PythonConnectionHandler");
        return NULL;
    }
    ctx = self->ctx;
    ended = __atomic_load_n(&ctx->ended, __ATOMIC_ACQUIRE);
    if (!ended) {
        if (ctx->io == NULL && make_io(ctx) != 0) {
            return NULL;
        }
        apr_thread_mutex_lock(ctx->io->gate);
        ended = ctx->io->ended;
        ctx->io->users += !ended;
        apr_thread_mutex_unlock(ctx->io->gate);
    }
    if (ended) {
        mp_error_ended("connection");
        return NULL;
    }
    return ctx;
}

static void leave_io(mp_connctx *ctx)
{
    apr_thread_mutex_lock(ctx->io->gate);
    if (--ctx->io->users == 0) {
        apr_thread_cond_signal(ctx->io->left);
    }
    apr_thread_mutex_unlock(ctx->io->gate);
}

/* ---- from the filters; no interpreter held ---- */

static apr_status_t append(chunk *to, const char *data, size_t size)
{
    if (to->capacity - to->size < size) {
        size_t capacity = to->size + size > 2 * to->capacity
                              ? to->size + size
                              : 2 * to->capacity;
        char *bigger = realloc(to->data, capacity);

        if (bigger == NULL) {
            return APR_ENOMEM;
        }
        to->data = bigger;
        to->capacity = capacity;
    }
    if (size > 0) {
        memcpy(to->data + to->size, data, size);
        to->size += size;
    }
    return APR_SUCCESS;
}

static apr_status_t append_brigade(chunk *to, apr_bucket_brigade *bb)
{
    apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        const char *data;
        apr_size_t size;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(e)) {
            to->eof = 1;
            break;
        }
        if (APR_BUCKET_IS_METADATA(e)) {
            continue;
        }
        rv = apr_bucket_read(e, &data, &size, APR_BLOCK_READ);
        if (rv == APR_SUCCESS) {
            rv = append(to, data, size);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

/* One call of the input filters: appends up to size bytes, perhaps none. */
static apr_status_t call_filters(mp_connctx *ctx, ap_input_mode_t mode,
                                 apr_read_type_e block, apr_off_t size,
                                 chunk *to)
{
    mp_connio *io = ctx->io;
    apr_status_t rv;

    apr_thread_mutex_lock(io->filters);
    rv = ap_get_brigade(ctx->c->input_filters, io->in, mode, block, size);
    if (rv == APR_SUCCESS) {
        rv = append_brigade(to, io->in);
    }
    apr_brigade_cleanup(io->in);
    apr_thread_mutex_unlock(io->filters);
    if (APR_STATUS_IS_EOF(rv)) {
        to->eof = 1;
        rv = APR_SUCCESS;
    }
    else if (block == APR_NONBLOCK_READ && APR_STATUS_IS_EAGAIN(rv)) {
        rv = APR_SUCCESS;
    }
    return rv;
}

/* Waits until the socket has something, or the connection is over. In steps,
 * because closing a socket wakes nobody up, and the thread of httpd that ends
 * the connection waits for this one. */
static apr_status_t wait_readable(const mp_connctx *ctx,
                                  apr_socket_t *socket)
{
    apr_interval_time_t timeout = -1;
    apr_time_t begin = apr_time_now();
    apr_status_t rv;

    apr_socket_timeout_get(socket, &timeout);
    do {
        apr_pollfd_t fd = {.desc_type = APR_POLL_SOCKET,
                           .reqevents = APR_POLLIN};
        apr_int32_t ready;

        if (__atomic_load_n(&ctx->ended, __ATOMIC_ACQUIRE)) {
            return APR_ECONNABORTED;
        }
        fd.desc.s = socket;
        rv = apr_poll(&fd, 1, &ready, WAIT_STEP);
    } while (APR_STATUS_IS_EINTR(rv)
             || (APR_STATUS_IS_TIMEUP(rv)
                 && (timeout < 0 || apr_time_now() - begin < timeout)));
    return rv;
}

/* Appends at least one of up to size bytes, or sets eof. */
static apr_status_t fetch(mp_connctx *ctx, ap_input_mode_t mode,
                          apr_off_t size, chunk *to)
{
    /* streams of HTTP/2 have no socket of their own */
    apr_socket_t *socket =
        ctx->c->master == NULL ? ap_get_conn_socket(ctx->c) : NULL;
    size_t before = to->size;
    apr_status_t rv = APR_SUCCESS;

    if (socket != NULL) {
        rv = call_filters(ctx, mode, APR_NONBLOCK_READ, size, to);
        if (rv == APR_SUCCESS && to->size == before && !to->eof) {
            rv = wait_readable(ctx, socket);
        }
    }
    for (int i = 0; rv == APR_SUCCESS && to->size == before && !to->eof;
         i++) {
        if (i == MAX_EMPTY) {
            to->eof = 1;
            break;
        }
        rv = call_filters(ctx, mode, APR_BLOCK_READ, size, to);
    }
    return rv;
}

/* Everything until the peer closes. */
static apr_status_t fetch_all(mp_connctx *ctx, chunk *to)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && !to->eof) {
        rv = fetch(ctx, AP_MODE_READBYTES, READ_SIZE, to);
    }
    return rv;
}

/* Appends up to a newline or max bytes (0: no limit). Nothing is taken from
 * the filters that is not given to the caller: a handler may decline, and
 * HTTP reads on. */
static apr_status_t fetch_line(mp_connctx *ctx, size_t max, chunk *to)
{
    chunk ahead = {NULL, 0, 0, 0};
    apr_status_t rv = APR_SUCCESS;
    int complete = 0;

    while (rv == APR_SUCCESS && !complete && !to->eof) {
        size_t want = READ_SIZE;
        size_t goal;
        const char *newline;

        if (max > 0 && max - to->size < want) {
            want = max - to->size;
        }
        ahead.size = 0;
        rv = fetch(ctx, AP_MODE_SPECULATIVE, (apr_off_t)want, &ahead);
        if (rv != APR_SUCCESS || ahead.size == 0) {
            to->eof = ahead.eof;
            continue;
        }
        newline = memchr(ahead.data, '\n', ahead.size);
        goal = to->size
               + (newline != NULL ? (size_t)(newline - ahead.data) + 1
                                  : ahead.size);
        while (rv == APR_SUCCESS && to->size < goal && !to->eof) {
            rv = fetch(ctx, AP_MODE_READBYTES,
                       (apr_off_t)(goal - to->size), to);
        }
        complete = newline != NULL || (max > 0 && to->size >= max);
    }
    free(ahead.data);
    return rv;
}

/* ---- methods ---- */

/* The argument len of read() and readline(), 0 without one. */
static int parse_len(PyObject *args, const char *format, long *len)
{
    PyObject *number = NULL;

    *len = 0;
    if (!PyArg_ParseTuple(args, format, &number)) {
        return -1;
    }
    return number != NULL ? mp_text_int(number, "len", LONG_MIN, LONG_MAX, len)
                          : 0;
}

/* What a method returns for what was read; frees data. */
static PyObject *result_of(chunk *data, apr_status_t rv)
{
    PyObject *result = NULL;

    if (rv == APR_ENOMEM) {
        PyErr_NoMemory();
    }
    else if (rv != APR_SUCCESS) {
        PyErr_SetString(APR_STATUS_IS_TIMEUP(rv) ? PyExc_TimeoutError
                                                 : PyExc_OSError,
                        "Connection read error");
    }
    else if (data->size == 0) {
        result = Py_NewRef(Py_None);
    }
    else {
        result = PyBytes_FromStringAndSize(data->data,
                                           (Py_ssize_t)data->size);
    }
    free(data->data);
    return result;
}

const char mp_connection_read_doc[] =
"read($self, len=0, /)\n--\n\n"
"Waits for at least one byte and returns at most len bytes; 0: what is\n"
"there; negative: everything until the peer closes. None at the end.\n"
"OSError on a broken connection, TimeoutError (an OSError) after Timeout;\n"
"RuntimeError for the connection of a request that others serve.";

PyObject *mp_connection_read(PyObject *op, PyObject *args)
{
    chunk data = {NULL, 0, 0, 0};
    mp_connctx *ctx;
    apr_status_t rv;
    long len;

    if (parse_len(args, "|O:read", &len) != 0
        || (ctx = enter_io(op)) == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    if (len < 0) {
        rv = fetch_all(ctx, &data);
    }
    else {
        rv = fetch(ctx, AP_MODE_READBYTES, len > 0 ? len : READ_SIZE, &data);
    }
    leave_io(ctx);
    Py_END_ALLOW_THREADS
    return result_of(&data, rv);
}

const char mp_connection_readline_doc[] =
"readline($self, len=0, /)\n--\n\n"
"Reads up to and with a newline, at most len bytes when len is positive;\n"
"less only at the end, None there. Errors as read().";

PyObject *mp_connection_readline(PyObject *op, PyObject *args)
{
    chunk data = {NULL, 0, 0, 0};
    mp_connctx *ctx;
    apr_status_t rv;
    long len;

    if (parse_len(args, "|O:readline", &len) != 0
        || (ctx = enter_io(op)) == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rv = fetch_line(ctx, len > 0 ? (size_t)len : 0, &data);
    leave_io(ctx);
    Py_END_ALLOW_THREADS
    return result_of(&data, rv);
}

/* What the handler of a request has given to req.write() goes first. No
 * interpreter held. */
static apr_status_t pass_response(const mp_connctx *ctx)
{
    const mp_call *call = mp_interp_current_call();

    return call != NULL && call->r != NULL && call->c == ctx->c
               ? mp_request_pass(call->r, 1)
               : APR_SUCCESS;
}

/* No interpreter held. The flush has everything written before this returns,
 * so the data need not be copied. */
static apr_status_t pass_on(mp_connctx *ctx, const char *data, size_t size)
{
    mp_connio *io = ctx->io;
    apr_bucket_alloc_t *list = ctx->c->bucket_alloc;
    apr_status_t rv = pass_response(ctx);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_thread_mutex_lock(io->filters);
    if (size > 0) {
        APR_BRIGADE_INSERT_TAIL(
            io->out, apr_bucket_transient_create(data, size, list));
    }
    APR_BRIGADE_INSERT_TAIL(io->out, apr_bucket_flush_create(list));
    rv = ap_pass_brigade(ctx->c->output_filters, io->out);
    apr_brigade_cleanup(io->out);
    if (rv == APR_SUCCESS && ctx->c->aborted) {
        rv = APR_ECONNABORTED;
    }
    apr_thread_mutex_unlock(io->filters);
    return rv;
}

const char mp_connection_write_doc[] =
"write($self, data, /)\n--\n\n"
"Sends a str (as UTF-8) or bytes-like object, at once; in a request after\n"
"what was given to req.write(). OSError when the peer is gone, RuntimeError\n"
"as read().";

PyObject *mp_connection_write(PyObject *op, PyObject *data)
{
    Py_buffer view;
    mp_connctx *ctx;
    apr_status_t rv;

    if (mp_text_body(data, &view) != 0) {
        return NULL;
    }
    ctx = enter_io(op);
    if (ctx == NULL) {
        PyBuffer_Release(&view);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rv = pass_on(ctx, view.buf, (size_t)view.len);
    leave_io(ctx);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    if (rv != APR_SUCCESS) {
        PyErr_SetString(PyExc_OSError,
                        "Write failed, client closed connection.");
        return NULL;
    }
    Py_RETURN_NONE;
}
