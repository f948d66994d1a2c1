/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_request: the type, its life, and what the module keeps for a request.
 *
 * An object is owned by the mp_reqctx of its request until the request's pool
 * goes. That can happen in a thread that never ran the handler (event MPM),
 * so the end must not take a reference away without the interpreter, and
 * enters it only when somebody else may still look at the object or when it
 * holds objects of Python code. The methods are in request_body.c,
 * request_io.c, request_file.c, request_http.c, request_config.c and wsgi.c,
 * the members in request_members.c.
 *
 * An object that nobody has any more is kept for the next request, with its
 * views of tables if nobody else has them either: making and freeing six
 * objects of the garbage collector would be a fifth of what a small request
 * costs. */
#include "objects/request.h"

#include <stddef.h>
#include <string.h>

#include <apr_strings.h>
#include <structmember.h>

#include "core/log.h"
#include "objects/connection.h"
#include "objects/request_io.h"
#include "objects/server.h"
#include "objects/table.h"
#include "runtime/compat.h"
#include "runtime/error.h"

/* How often to look whether another thread is out, in microseconds. */
#define WAIT_MIN 50
#define WAIT_MAX 5000

/* So many for each interpreter: more than its threads, mostly. */
#define SPARES_MAX 64

/* Views of tables of the request: name, is it one of headers? */
#define VIEWS(ROW) \
    ROW(headers_in, 1) \
    ROW(headers_out, 1) \
    ROW(err_headers_out, 1) \
    ROW(subprocess_env, 0) \
    ROW(notes, 0)

/* Set once while hooks are registered, by dispatch. */
static void (*run_cleanup)(mp_reqctx *ctx);

void mp_reqctx_set_cleanup(void (*fn)(mp_reqctx *ctx))
{
    run_cleanup = fn;
}

/* ---- the end ---- */

/* Can anybody but the mp_reqctx reach the object or one of its views? Needs no
 * interpreter when the answer is no: then nobody can be changing it. */
static int is_shared(const mp_request *self)
{
#define ROW(name, headers) || Py_REFCNT(self->name) > 1
    return Py_REFCNT((PyObject *)self) > 1 VIEWS(ROW)
           || (self->config != NULL && Py_REFCNT(self->config) > 1)
           || (self->options != NULL && Py_REFCNT(self->options) > 1);
#undef ROW
}

/* Does it hold what Python code gave it? That has files open, locks held, and
 * ends with the request. */
static int has_belongings(const mp_request *self)
{
    return self->cleanups != NULL || self->callables != NULL
           || (self->dict != NULL && PyDict_GET_SIZE(self->dict) > 0);
}

static void end_view(PyObject *view)
{
    if (view != NULL) {
        mp_table_end(view);
    }
}

/* Takes the request away from the object and its views; releases nothing. */
static void detach(mp_request *self)
{
#define ROW(name, headers) mp_table_end(self->name);
    VIEWS(ROW)
#undef ROW
    end_view(self->config);
    end_view(self->options);
    self->running = NULL;
    self->ctx = NULL;
    self->r = NULL;
}

/* Waits for threads of Python's own that are inside a method without the
 * GIL: what they use goes away with the request. Attached. */
static void wait_until_idle(const mp_request *self)
{
    apr_interval_time_t delay = WAIT_MIN;

    while (self->busy > 0) {
        Py_BEGIN_ALLOW_THREADS
        apr_sleep(delay);
        Py_END_ALLOW_THREADS
        if (delay < WAIT_MAX) {
            delay *= 2;
        }
    }
}

/* Ends an object that was taken off its mp_reqctx and releases it. */
static void end_object(mp_request *self)
{
    mp_interp *interp = self->state->interp;
    mp_entry entry;

#ifndef Py_GIL_DISABLED /* there a count alone tells nothing from outside */
    if (!is_shared(self) && !has_belongings(self)) {
        detach(self);
        mp_interp_defer_decref(interp, (PyObject *)self);
        return;
    }
#endif
    if (mp_interp_enter(interp, NULL, &entry) != 0) {
        /* memory is out: what must not happen is use of freed memory */
        detach(self);
        mp_interp_defer_decref(interp, (PyObject *)self);
        return;
    }
    wait_until_idle(self);
    detach(self);
    Py_DECREF((PyObject *)self);
    mp_interp_leave(&entry);
}

/* Is Python code running for the request on this very thread? */
static int is_running(const request_rec *r)
{
    const mp_call *call = mp_interp_current_call();

    while (call != NULL && call->r != r) {
        call = call->outer;
    }
    return call != NULL;
}

/* Before the request's pool and its sub-pools go. */
static apr_status_t end_request(void *data)
{
    mp_reqctx *ctx = data;
    mp_request *self;

    if (is_running(ctx->r)) {
        /* a signal ends the process in the middle of a handler (prefork):
         * Python cannot be entered, nor will it go on */
        return APR_SUCCESS;
    }
    ctx->cleaning = 1;
    if (run_cleanup != NULL) {
        run_cleanup(ctx);
    }
    /* an internal redirect's requests share a pool: a later cleanup of it
     * could come by here again */
    ctx->ended = 1;
    while ((self = ctx->objects) != NULL) {
        ctx->objects = self->next_object;
        self->next_object = NULL;
        end_object(self);
    }
    mp_output_drop(ctx);
    return APR_SUCCESS;
}

/* Makes an object that has ended a spare one: the reference and what it has
 * of its own, views and all, are the list's. */
static void put_by(mp_request *self)
{
    mp_state *state = self->state;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->hlist);
    Py_CLEAR(self->connection);
    Py_CLEAR(self->config);
    Py_CLEAR(self->options);
    self->next_object = state->spares;
    state->spares = self;
    state->spare_count++;
}

void mp_request_release(mp_request *self)
{
    mp_request **place;

    if (self->ctx == NULL || is_shared(self) || has_belongings(self)) {
        return;
    }
    place = &self->ctx->objects;
    while (*place != self) {
        place = &(*place)->next_object;
    }
    *place = self->next_object;
    detach(self);
#ifndef Py_GIL_DISABLED
    if (self->state->spare_count < SPARES_MAX) {
        PyObject_GC_UnTrack((PyObject *)self);
        put_by(self);
        return;
    }
#endif
    Py_DECREF((PyObject *)self);
}

void mp_request_run_cleanups(mp_request *self)
{
    PyObject *cleanups = self->cleanups;

    self->cleanups = NULL;
    if (self->ctx != NULL) {
        self->ctx->cleaning = 1;
    }
    if (cleanups == NULL) {
        return;
    }
    for (Py_ssize_t i = PyList_GET_SIZE(cleanups) - 1; i >= 0; i--) {
        PyObject *pair = PyList_GET_ITEM(cleanups, i);
        PyObject *result = PyObject_CallOneArg(PyTuple_GET_ITEM(pair, 0),
                                               PyTuple_GET_ITEM(pair, 1));

        if (result == NULL) {
            mp_error_log_exception(MP_LOGNO(0260) "a function given to "
                                   "req.register_cleanup() failed");
        }
        Py_XDECREF(result);
    }
    Py_DECREF(cleanups);
}

/* ---- the context ---- */

static const mp_reqctx new_context = {.reached = MP_PHASE_NONE};

mp_reqctx *mp_reqctx_get(request_rec *r)
{
    mp_reqctx *ctx = mp_reqctx_find(r);

    if (ctx == NULL) {
        ctx = apr_pmemdup(r->pool, &new_context, sizeof(new_context));
        ctx->r = r;
        ctx->stays.p = r->pool;
        ap_set_module_config(r->request_config, &python_module, ctx);
        apr_pool_pre_cleanup_register(r->pool, ctx, end_request);
    }
    return ctx;
}

mp_phase mp_reqctx_phase(request_rec *r)
{
    mp_reqctx *ctx = mp_reqctx_get(r);

    if (ctx->reached == MP_PHASE_NONE) {
        ctx->reached = MP_PHASE_HANDLER; /* httpd makes the response itself */
    }
    return ctx->reached;
}

mp_stays *mp_reqctx_stays(request_rec *r)
{
    while (r->main != NULL || r->prev != NULL) {
        r = r->main != NULL ? r->main : r->prev;
    }
    return &mp_reqctx_get(r)->stays;
}

mp_interp *mp_request_owner(const mp_reqctx *ctx, const mp_handler *handler)
{
    if (handler->callable < 0 || ctx->callable_owners == NULL
        || handler->callable >= ctx->callable_owners->nelts) {
        return NULL;
    }
    return APR_ARRAY_IDX(ctx->callable_owners, handler->callable,
                         mp_interp *);
}

/* ---- the object ---- */

static mp_request *find_object(const mp_state *state, const mp_reqctx *ctx)
{
    mp_request *self = ctx->objects;

    while (self != NULL && self->state != state) {
        self = self->next_object;
    }
    return self;
}

mp_request *mp_request_find(mp_state *state, const request_rec *r)
{
    const mp_reqctx *ctx = mp_reqctx_find(r);

    return ctx != NULL ? find_object(state, ctx) : NULL;
}

/* An object to fill, that the collector does not know yet: a spare one, or
 * zeroed. */
static mp_request *allocate(mp_state *state)
{
    mp_request *self = state->spares;

    if (self == NULL) {
        self = PyObject_GC_New(mp_request, state->request_type);
        if (self != NULL) {
            memset((char *)self + sizeof(PyObject), 0,
                   sizeof(*self) - sizeof(PyObject));
        }
        return self;
    }
    state->spares = self->next_object;
    state->spare_count--;
    return self;
}

static int set_view(mp_state *state, PyObject **view, apr_table_t **table,
                    int headers)
{
    if (*view == NULL) {
        *view = mp_table_view(state, table, headers);
        return *view != NULL ? 0 : -1;
    }
    mp_table_see(*view, table);
    return 0;
}

static mp_request *new_object(mp_state *state, request_rec *r, mp_reqctx *ctx)
{
    mp_request *self = allocate(state);

    if (self == NULL) {
        return NULL;
    }
    self->r = r;
    self->ctx = ctx;
    self->state = state;
    self->next_object = NULL;
    self->busy = 0;
    mp_request_set_running(self, MP_PHASE_NONE, NULL, NULL, NULL, 0);
    if (self->server == NULL
        || mp_server_rec(state, self->server) != r->server) {
        Py_XSETREF(self->server, mp_server_get(state, r->server));
    }
    self->connection = mp_connection_get(state, r->connection);
    if (self->server == NULL || self->connection == NULL
#define ROW(name, headers) \
        || set_view(state, &self->name, &r->name, headers) != 0
        VIEWS(ROW)
#undef ROW
    ) {
        Py_DECREF((PyObject *)self);
        return NULL;
    }
    PyObject_GC_Track((PyObject *)self);
    if (r->main == NULL && r->prev == NULL) {
        mp_stats_add(&state->interp->stats->requests, 1);
    }
    return self;
}

PyObject *mp_request_get(mp_state *state, request_rec *r)
{
    mp_reqctx *ctx;
    mp_request *self;

    if (r == NULL) {
        Py_RETURN_NONE;
    }
    ctx = mp_reqctx_get(r);
    self = find_object(state, ctx);
    if (self != NULL) {
        return Py_NewRef((PyObject *)self);
    }
    if (ctx->ended) {
        return mp_error_ended("request");
    }
    self = new_object(state, r, ctx);
    if (self == NULL) {
        return NULL;
    }
    /* the collector may have run, and code that needed the object too */
    if (find_object(state, ctx) != NULL) {
        Py_DECREF((PyObject *)self);
        return Py_NewRef((PyObject *)find_object(state, ctx));
    }
    self->next_object = ctx->objects;
    ctx->objects = self;
    /* the first reference is the context's */
    return Py_NewRef((PyObject *)self);
}

void mp_request_set_running(mp_request *self, mp_phase phase,
                            const char *interp_name, const char *extension,
                            const apr_array_header_t *entries, int index)
{
    self->phase = phase;
    self->interp_name = interp_name;
    self->extension = extension;
    self->running = entries;
    self->running_index = index;
    Py_CLEAR(self->hlist);
}

int mp_request_check(const mp_request *self)
{
    if (self->r == NULL) {
        mp_error_ended("request");
        return -1;
    }
    return 0;
}

request_rec *mp_request_rec(mp_state *state, PyObject *object)
{
    if (!PyObject_TypeCheck(object, state->request_type)) {
        PyErr_Format(PyExc_TypeError, "a request object is needed, not %.200s",
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    if (mp_request_check((mp_request *)object) != 0) {
        return NULL;
    }
    return ((mp_request *)object)->r;
}

/* ---- the type ---- */

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    mp_request *self = (mp_request *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->hlist);
    Py_VISIT(self->connection);
    Py_VISIT(self->server);
    Py_VISIT(self->headers_in);
    Py_VISIT(self->headers_out);
    Py_VISIT(self->err_headers_out);
    Py_VISIT(self->subprocess_env);
    Py_VISIT(self->notes);
    Py_VISIT(self->config);
    Py_VISIT(self->options);
    Py_VISIT(self->callables);
    Py_VISIT(self->cleanups);
    return 0;
}

static int clear(PyObject *op)
{
    mp_request *self = (mp_request *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->hlist);
    Py_CLEAR(self->connection);
    Py_CLEAR(self->server);
    Py_CLEAR(self->headers_in);
    Py_CLEAR(self->headers_out);
    Py_CLEAR(self->err_headers_out);
    Py_CLEAR(self->subprocess_env);
    Py_CLEAR(self->notes);
    Py_CLEAR(self->config);
    Py_CLEAR(self->options);
    Py_CLEAR(self->callables);
    Py_CLEAR(self->cleanups);
    return 0;
}

static void drop_shared(PyObject **view)
{
    if (*view != NULL) {
        mp_table_end(*view);
        if (Py_REFCNT(*view) > 1) {
            Py_CLEAR(*view);
        }
    }
}

/* Keeps an object that nobody has. @return 0: free it */
static int keep_spare(mp_request *self)
{
#ifdef Py_GIL_DISABLED /* nothing guards the list there */
    (void)self;
    return 0;
#else
    if (self->state->spare_count >= SPARES_MAX) {
        return 0;
    }
    Py_CLEAR(self->callables);
    Py_CLEAR(self->cleanups);
#define ROW(name, headers) drop_shared(&self->name);
    VIEWS(ROW)
#undef ROW
    Py_SET_REFCNT((PyObject *)self, 1);
    put_by(self);
    return 1;
#endif
}

static void dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (!keep_spare((mp_request *)op)) {
        clear(op);
        type->tp_free(op);
        Py_DECREF(type);
    }
}

/* Around each method, which may release the GIL; see mp_request.busy. The
 * caller holds a reference. */
static inline PyObject *begin(PyObject *op)
{
    ((mp_request *)op)->busy++;
    return op;
}

static inline PyObject *end(PyObject *op, PyObject *result)
{
    ((mp_request *)op)->busy--;
    return result;
}

/* The methods: name, and how arguments come (KEYWORDS: VARARGS with them;
 * POSITIONAL, FASTCALL: as vectorcall has them, without and with keywords). */
/* clang-format off */
#define ALL_METHODS(ROW)                                                     \
    /* the body: request_body.c */                                           \
    ROW(read, POSITIONAL)                                                    \
    ROW(readline, POSITIONAL)                                                \
    ROW(readlines, POSITIONAL)                                               \
    ROW(readinto, O)                                                         \
    ROW(discard_request_body, NOARGS)                                        \
    /* the response: request_io.c, request_file.c */                         \
    ROW(write, FASTCALL)                                                     \
    ROW(flush, NOARGS)                                                       \
    ROW(sendfile, KEYWORDS)                                                  \
    ROW(send_http_header, NOARGS)                                            \
    /* HTTP: request_http.c */                                               \
    ROW(set_content_length, O)                                               \
    ROW(set_etag, NOARGS)                                                    \
    ROW(set_last_modified, NOARGS)                                           \
    ROW(update_mtime, O)                                                     \
    ROW(meets_conditions, NOARGS)                                            \
    ROW(internal_redirect, O)                                                \
    ROW(construct_url, O)                                                    \
    ROW(allow_methods, VARARGS)                                              \
    ROW(auth_name, NOARGS)                                                   \
    ROW(auth_type, NOARGS)                                                   \
    ROW(get_basic_auth_pw, NOARGS)                                           \
    ROW(get_remote_host, VARARGS)                                            \
    ROW(is_https, NOARGS)                                                    \
    ROW(ssl_var_lookup, O)                                                   \
    ROW(add_cgi_vars, NOARGS)                                                \
    ROW(add_common_vars, NOARGS)                                             \
    ROW(expr, O)                                                             \
    /* wsgi.c, wsgi_response.c */                                            \
    ROW(build_wsgi_env, NOARGS)                                              \
    ROW(wsgi_start_response, FASTCALL)                                       \
    /* configuration, handlers, filters: request_config.c */                 \
    ROW(get_config, NOARGS)                                                  \
    ROW(get_options, NOARGS)                                                 \
    ROW(requires, NOARGS)                                                    \
    ROW(document_root, NOARGS)                                               \
    ROW(get_addhandler_exts, NOARGS)                                         \
    ROW(add_handler, KEYWORDS)                                               \
    ROW(register_input_filter, KEYWORDS)                                     \
    ROW(register_output_filter, KEYWORDS)                                    \
    ROW(add_input_filter, O)                                                 \
    ROW(add_output_filter, O)                                                \
    ROW(log_error, KEYWORDS)                                                 \
    ROW(register_cleanup, KEYWORDS)
/* clang-format on */

/* The functions of the type call those of the other files as guests: a
 * request does not end while one of its methods runs. */
#define FLAGS_NOARGS METH_NOARGS
#define FLAGS_O METH_O
#define FLAGS_VARARGS METH_VARARGS
#define FLAGS_KEYWORDS (METH_VARARGS | METH_KEYWORDS)
#define FLAGS_POSITIONAL METH_FASTCALL
#define FLAGS_FASTCALL (METH_FASTCALL | METH_KEYWORDS)

#define PARAMETERS_NOARGS PyObject *self, PyObject *arg
#define PARAMETERS_O PARAMETERS_NOARGS
#define PARAMETERS_VARARGS PARAMETERS_NOARGS
#define PARAMETERS_KEYWORDS PyObject *self, PyObject *args, PyObject *kwargs
#define PARAMETERS_POSITIONAL \
    PyObject *self, PyObject *const *args, Py_ssize_t nargs
#define PARAMETERS_FASTCALL \
    PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames

#define ARGUMENTS_NOARGS begin(self), arg
#define ARGUMENTS_O ARGUMENTS_NOARGS
#define ARGUMENTS_VARARGS ARGUMENTS_NOARGS
#define ARGUMENTS_KEYWORDS begin(self), args, kwargs
#define ARGUMENTS_POSITIONAL begin(self), args, nargs
#define ARGUMENTS_FASTCALL begin(self), args, nargs, kwnames

#define GUEST(name, how) \
    static PyObject *guest_##name(PARAMETERS_##how) \
    { \
        return end(self, mp_request_##name(ARGUMENTS_##how)); \
    }

/* clang-format off */
ALL_METHODS(GUEST)
GUEST(error_page, VARARGS)
GUEST(wsgi_send, O)
GUEST(wsgi_send_file, VARARGS)
/* clang-format on */

static PyObject *guest_iternext(PyObject *self)
{
    return end(self, mp_request_iternext(begin(self)));
}

static PyMethodDef methods[] = {
#define ROW(name, how) \
    {#name, (PyCFunction)(void (*)(void))guest_##name, FLAGS_##how, \
     mp_request_##name##_doc},
    ALL_METHODS(ROW)
#undef ROW
    {"_error_page", guest_error_page, METH_VARARGS,
     mp_request_error_page_doc},
    {"_wsgi_send", guest_wsgi_send, METH_O, mp_request_wsgi_send_doc},
    {"_wsgi_send_file", guest_wsgi_send_file, METH_VARARGS,
     mp_request_wsgi_send_file_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
#define MP_HELD(name, doc) \
    {#name, T_OBJECT_EX, offsetof(mp_request, name), READONLY, PyDoc_STR(doc)},
#include "objects/request_members.def"
    /* a plain slot: reads and writes of attributes keep their fast path */
    {"__dictoffset__", T_PYSSIZET, offsetof(mp_request, dict), READONLY,
     NULL},
    {NULL, 0, 0, 0, NULL},
};

/* A plain slot refuses its deletion with AttributeError, members with
 * functions with TypeError: all are the same to handlers. */
static int set_attribute(PyObject *op, PyObject *name, PyObject *value)
{
    PyObject *member;

    if (PyObject_GenericSetAttr(op, name, value) == 0) {
        return 0;
    }
    if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyObject *missing = mp_compat_get_raised();

        member = PyObject_GetAttr((PyObject *)Py_TYPE(op), name);
        if (member == NULL) {
            mp_compat_set_raised(missing);
            return -1;
        }
        Py_DECREF(member);
        Py_XDECREF(missing);
        PyErr_Format(PyExc_TypeError, "attribute '%U' cannot be deleted",
                     name);
    }
    return -1;
}

PyDoc_STRVAR(type_doc,
"An HTTP request: httpd's request_rec. Made by mod_python, one for each\n"
"request and interpreter. Handlers may set attributes of their own on it.\n"
"A binary file as far as reading goes: the request body. Any use after the\n"
"request has ended raises ReferenceError.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, mp_request_getset},
    {Py_tp_setattro, set_attribute},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, guest_iternext},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_request", /* its repr is to be <class 'mp_request'> */
    .basicsize = sizeof(mp_request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_request_setup_type(PyObject *mod)
{
    mp_state *state = mp_state_of_module(mod);

    return mp_state_add_type(mod, &spec, &state->request_type,
                             "mp_request");
}
