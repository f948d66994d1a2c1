/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_conn: the type, its members and its life. Reading and writing are in
 * connection_io.c.
 *
 * An object is owned by the mp_connctx of its connection until the
 * connection's pool goes. That can happen in a thread that never ran Python
 * (event MPM), so the interpreter is entered only when somebody else may still
 * look at the object; else it is left to the next one who enters. */
#include "objects/connection_impl.h"

#include <string.h>

#include <http_connection.h>

#include "core/log.h"
#include "objects/hlist.h"
#include "objects/log.h"
#include "objects/server.h"
#include "objects/table.h"
#include "runtime/error.h"
#include "runtime/text.h"

/* ---- the end ---- */

/* Can anybody but the mp_connctx reach the object or its view? */
static int is_shared(const mp_conn *self)
{
    return Py_REFCNT((PyObject *)self) > 1
           || (self->notes != NULL && Py_REFCNT(self->notes) > 1);
}

static void detach(mp_conn *self)
{
    if (self->notes != NULL) {
        mp_table_end(self->notes);
    }
    self->running = NULL;
    self->ctx = NULL;
    self->c = NULL;
}

static void end_object(mp_conn *self)
{
    mp_interp *interp = self->state->interp;
    mp_entry entry;

#ifndef Py_GIL_DISABLED /* there a count alone tells nothing from outside */
    if (!is_shared(self)) {
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
    detach(self);
    Py_DECREF((PyObject *)self);
    mp_interp_leave(&entry);
}

/* After the pools of the requests have gone, whose cleanups may still use the
 * connection; before its own memory goes. */
static apr_status_t end_connection(void *data)
{
    mp_connctx *ctx = data;
    mp_conn *self;

    ctx->ended = 1; /* earlier, if there was I/O */
    while ((self = ctx->objects) != NULL) {
        ctx->objects = self->next_object;
        self->next_object = NULL;
        end_object(self);
    }
    return APR_SUCCESS;
}

static mp_connctx *get_ctx(conn_rec *c)
{
    mp_connctx *ctx = ap_get_module_config(c->conn_config, &python_module);

    if (ctx == NULL) {
        ctx = apr_pcalloc(c->pool, sizeof(*ctx));
        ctx->c = c;
        ctx->stays.p = c->pool;
        ap_set_module_config(c->conn_config, &python_module, ctx);
        apr_pool_cleanup_register(c->pool, ctx, end_connection,
                                  apr_pool_cleanup_null);
    }
    return ctx;
}

/* ---- for the rest of the module ---- */

mp_stays *mp_connection_stays(conn_rec *c)
{
    return &get_ctx(c)->stays;
}

PyObject *mp_connection_get(mp_state *state, conn_rec *c)
{
    PyTypeObject *type = state->connection_type;
    mp_connctx *ctx;
    mp_conn *self;

    if (c == NULL) {
        Py_RETURN_NONE;
    }
    ctx = get_ctx(c);
    for (self = ctx->objects; self != NULL; self = self->next_object) {
        if (self->state == state) {
            return Py_NewRef((PyObject *)self);
        }
    }
    if (ctx->ended) {
        return mp_error_ended("connection");
    }
    self = (mp_conn *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->c = c;
    self->ctx = ctx;
    self->state = state;
    self->next_object = ctx->objects;
    ctx->objects = self;
    /* the first reference is the context's */
    return Py_NewRef((PyObject *)self);
}

int mp_connection_check(const mp_conn *self)
{
    if (self->c == NULL) {
        mp_error_ended("connection");
        return -1;
    }
    return 0;
}

conn_rec *mp_connection_rec(mp_state *state, PyObject *object)
{
    if (!PyObject_TypeCheck(object, state->connection_type)) {
        PyErr_Format(PyExc_TypeError,
                     "a connection object is needed, not %.200s",
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    if (mp_connection_check((mp_conn *)object) != 0) {
        return NULL;
    }
    return ((mp_conn *)object)->c;
}

void mp_connection_set_running(PyObject *object, const mp_handler_list *list,
                               int index)
{
    mp_conn *self = (mp_conn *)object;

    self->running = list;
    self->running_index = index;
    Py_CLEAR(self->hlist);
}

/* ---- members ---- */

static PyObject *address(const char *ip, const apr_sockaddr_t *addr)
{
    return Py_BuildValue("(Ni)", mp_text_from(ip),
                         addr != NULL ? (int)addr->port : 0);
}

static PyObject *get_base_server(mp_conn *self)
{
    return mp_server_get(self->state, self->c->base_server);
}

static PyObject *get_local_addr(mp_conn *self)
{
    return address(self->c->local_ip, self->c->local_addr);
}

static PyObject *get_client_addr(mp_conn *self)
{
    return address(self->c->client_ip, self->c->client_addr);
}

static PyObject *get_client_ip(mp_conn *self)
{
    return mp_text_from(self->c->client_ip);
}

static PyObject *get_local_ip(mp_conn *self)
{
    return mp_text_from(self->c->local_ip);
}

static PyObject *get_local_host(mp_conn *self)
{
    return mp_text_from(self->c->local_host);
}

static PyObject *get_remote_host(mp_conn *self)
{
    return mp_text_from(self->c->remote_host);
}

static PyObject *get_remote_logname(mp_conn *self)
{
    return mp_text_from(self->c->remote_logname);
}

static PyObject *get_aborted(mp_conn *self)
{
    return PyLong_FromLong(self->c->aborted != 0);
}

static PyObject *get_keepalive(mp_conn *self)
{
    return PyLong_FromLong(self->c->keepalive);
}

static int set_keepalive(mp_conn *self, PyObject *value)
{
    long number;

    if (mp_text_int(value, "keepalive", AP_CONN_UNKNOWN, AP_CONN_KEEPALIVE,
                    &number) != 0) {
        return -1;
    }
    self->c->keepalive = (ap_conn_keepalive_e)number;
    return 0;
}

static PyObject *get_keepalives(mp_conn *self)
{
    return PyLong_FromLong(self->c->keepalives);
}

static PyObject *get_double_reverse(mp_conn *self)
{
    return PyLong_FromLong(self->c->double_reverse);
}

static PyObject *get_id(mp_conn *self)
{
    return PyLong_FromLong(self->c->id);
}

static PyObject *get_notes(mp_conn *self)
{
    if (self->notes == NULL) {
        self->notes = mp_table_view(self->state, &self->c->notes, 0);
    }
    return Py_XNewRef(self->notes);
}

static PyObject *get_hlist(mp_conn *self)
{
    if (self->running == NULL) {
        Py_RETURN_NONE;
    }
    if (self->hlist == NULL) {
        self->hlist = mp_hlist_new(self->state, self->running->entries,
                                   self->running_index, NULL, self->c->pool,
                                   NULL);
    }
    return Py_XNewRef(self->hlist);
}

static PyObject *get__conn_rec(mp_conn *self)
{
    return PyCapsule_New(self->c, NULL, NULL);
}

/* For remote_addr and remote_ip, which httpd 2.4 calls client_*.
 * @return 0, or -1 when warnings are errors */
static int warn_deprecated(const mp_conn *self)
{
    static int logged; /* once in a process */

    if (!__atomic_exchange_n(&logged, 1, __ATOMIC_RELAXED)) {
        conn_rec *c = self->c;

        Py_BEGIN_ALLOW_THREADS
        ap_log_cerror(APLOG_MARK, APLOG_WARNING, 0, c,
                      MP_LOGNO(0200) "remote_addr and remote_ip of "
                      "connection objects are deprecated: use client_addr "
                      "and client_ip");
        Py_END_ALLOW_THREADS
    }
    return PyErr_WarnEx(PyExc_DeprecationWarning,
                        "remote_addr and remote_ip are deprecated, use "
                        "client_addr and client_ip", 1);
}

static PyObject *get_remote_addr(mp_conn *self)
{
    return warn_deprecated(self) == 0 ? get_client_addr(self) : NULL;
}

static PyObject *get_remote_ip(mp_conn *self)
{
    return warn_deprecated(self) == 0 ? get_client_ip(self) : NULL;
}

typedef struct member {
    const char *name;
    PyObject *(*get)(mp_conn *self);
    int (*set)(mp_conn *self, PyObject *value); /* NULL: read-only */
} member;

/* ROW(attribute, setter or NULL, docstring) */
/* clang-format off */
#define ROWS(ROW) \
    ROW(base_server, NULL, "Server of the address the client came to.") \
    ROW(local_addr, NULL, "(ip, port) of the server's end.") \
    ROW(client_addr, NULL, \
        "(ip, port) of the peer; see also req.useragent_addr.") \
    ROW(client_ip, NULL, "IP address of the peer, a str.") \
    ROW(local_ip, NULL, "IP address of the server's end, a str.") \
    ROW(local_host, NULL, "Name of the server's end, None: not looked up.") \
    ROW(remote_host, NULL, \
        "Name of the peer; None: not looked up, '': none found.") \
    ROW(remote_logname, NULL, "Name by RFC 1413, None: not asked for.") \
    ROW(aborted, NULL, "1 when the connection broke, else 0.") \
    ROW(keepalive, set_keepalive, \
        "AP_CONN_ constant: is it kept for another request? Writable.") \
    ROW(keepalives, NULL, "How many requests came over it before.") \
    ROW(double_reverse, NULL, \
        "Double reverse DNS: 1 yes, 0 not done, -1 failed.") \
    ROW(id, NULL, "Number of the connection, unique at any time.") \
    ROW(notes, NULL, "Table of notes of modules about the connection.") \
    ROW(hlist, NULL, "Entry of the running connection handler, else None.") \
    ROW(_conn_rec, NULL, "Capsule (without a name) of the conn_rec.") \
    ROW(remote_addr, NULL, "Deprecated: client_addr.") \
    ROW(remote_ip, NULL, "Deprecated: client_ip.")
/* clang-format on */

#define ROW_INDEX(name, set, doc) ROW_##name,
#define ROW_MEMBER(name, set, doc) {#name, get_##name, set},
#define ROW_GETSET(name, set, doc) \
    {#name, get_member, set_member, doc, (void *)&rows[ROW_##name]},

enum { ROWS(ROW_INDEX) };

static const member rows[] = {ROWS(ROW_MEMBER)};

static PyObject *get_member(PyObject *op, void *closure)
{
    mp_conn *self = (mp_conn *)op;

    return mp_connection_check(self) == 0
               ? ((const member *)closure)->get(self)
               : NULL;
}

static int set_member(PyObject *op, PyObject *value, void *closure)
{
    const member *row = closure;

    if (row->set == NULL) {
        return mp_state_read_only(op, value, (void *)row->name);
    }
    if (mp_state_no_delete(value, row->name) != 0
        || mp_connection_check((mp_conn *)op) != 0) {
        return -1;
    }
    return row->set((mp_conn *)op, value);
}

static PyGetSetDef getset[] = {
    ROWS(ROW_GETSET)
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- methods ---- */

PyDoc_STRVAR(log_error_doc,
MP_LOG_METHOD_DOC
"Writes message (str or bytes; None is ignored) to the error log with the\n"
"client's address, line by line. level is an APLOG_ constant. See\n"
"ap_log_cerror().");

static PyObject *log_error(PyObject *op, PyObject *args, PyObject *kwargs)
{
    mp_conn *self = (mp_conn *)op;

    if (mp_connection_check(self) != 0) {
        return NULL;
    }
    return mp_log_method(args, kwargs, NULL, self->c, NULL);
}

static PyMethodDef methods[] = {
    {"read", mp_connection_read, METH_VARARGS, mp_connection_read_doc},
    {"readline", mp_connection_readline, METH_VARARGS,
     mp_connection_readline_doc},
    {"write", mp_connection_write, METH_O, mp_connection_write_doc},
    {"log_error", (PyCFunction)(void (*)(void))log_error,
     METH_VARARGS | METH_KEYWORDS, log_error_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- the type ---- */

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    mp_conn *self = (mp_conn *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->hlist);
    Py_VISIT(self->notes);
    return 0;
}

static int clear(PyObject *op)
{
    mp_conn *self = (mp_conn *)op;

    Py_CLEAR(self->hlist);
    Py_CLEAR(self->notes);
    return 0;
}

PyDoc_STRVAR(type_doc,
"A connection: httpd's conn_rec. Its I/O methods are for connection\n"
"handlers; in a request they work on the raw connection below HTTP. Any use\n"
"after the connection has ended raises ReferenceError.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, mp_state_dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_conn",
    .basicsize = sizeof(mp_conn),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_connection_setup_type(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    return mp_state_add_type(op, &spec, &state->connection_type, "mp_conn");
}
