/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_server: a server_rec. There is one object for each server and
 * interpreter, kept in the module state; a server_rec lives as long as the
 * child, so these objects never outlive what they wrap. */
#include "objects/server.h"

#include <stddef.h>
#include <string.h>

#include <ap_mpm.h>
#include <scoreboard.h>
#include <structmember.h>

#include "core/config.h"
#include "objects/log.h"
#include "objects/table.h"
#include "runtime/text.h"

typedef struct mp_server {
    PyObject_HEAD
    server_rec *s;
    mp_state *state;
    PyObject *dict;    /* attributes set by handlers */
    PyObject *config;  /* get_config(), made on demand */
    PyObject *options; /* get_options() */
} mp_server;

/* ---- members ---- */

typedef enum kind { INT, UNSIGNED, BOOLEAN, PORT, SECONDS, TEXT, TEXTS } kind;

typedef struct member {
    const char *name;
    kind kind;
    size_t offset;
} member;

/* Tuple of str from an array of char *, which may be NULL. */
static PyObject *texts(const apr_array_header_t *array)
{
    int count = array != NULL ? array->nelts : 0;
    PyObject *tuple = PyTuple_New(count);

    for (int i = 0; tuple != NULL && i < count; i++) {
        PyObject *text = mp_text_from(APR_ARRAY_IDX(array, i, const char *));

        if (text == NULL) {
            Py_CLEAR(tuple);
        }
        else {
            PyTuple_SET_ITEM(tuple, i, text);
        }
    }
    return tuple;
}

static PyObject *get_member(PyObject *op, void *closure)
{
    const member *row = closure;
    const void *at = (const char *)((mp_server *)op)->s + row->offset;

    switch (row->kind) {
    case INT:
        return PyLong_FromLong(*(const int *)at);
    case UNSIGNED:
        return PyLong_FromUnsignedLong(*(const unsigned *)at);
    case BOOLEAN:
        return PyLong_FromLong(*(const char *)at != 0);
    case PORT:
        return PyLong_FromLong(*(const apr_port_t *)at);
    case SECONDS:
        return PyFloat_FromDouble((double)*(const apr_interval_time_t *)at
                                  / APR_USEC_PER_SEC);
    case TEXT:
        return mp_text_from(*(char *const *)at);
    default:
        return texts(*(apr_array_header_t *const *)at);
    }
}

static int set_member(PyObject *op, PyObject *value, void *closure)
{
    return mp_state_read_only(op, value,
                              (void *)((const member *)closure)->name);
}

static PyObject *get_next(PyObject *op, void *closure)
{
    mp_server *self = (mp_server *)op;
    (void)closure;

    return mp_server_get(self->state, self->s->next);
}

static PyObject *get_generation(PyObject *op, void *closure)
{
    int generation = 0;
    (void)op;
    (void)closure;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return PyLong_FromLong(generation);
}

static PyObject *get_restart_time(PyObject *op, void *closure)
{
    (void)op;
    (void)closure;
    if (ap_scoreboard_image == NULL) {
        Py_RETURN_NONE;
    }
    return PyFloat_FromDouble(
        (double)ap_scoreboard_image->global->restart_time / APR_USEC_PER_SEC);
}

static PyObject *get_server_rec(PyObject *op, void *closure)
{
    (void)closure;
    return PyCapsule_New(((mp_server *)op)->s, NULL, NULL);
}

/* ROW(attribute, member of server_rec, kind, docstring) */
/* clang-format off */
#define ROWS(ROW) \
    ROW(defn_name, defn_name, TEXT, "Configuration file that defines it.") \
    ROW(defn_line_number, defn_line_number, UNSIGNED, "Line there.") \
    ROW(server_admin, server_admin, TEXT, "ServerAdmin.") \
    ROW(server_hostname, server_hostname, TEXT, "ServerName.") \
    ROW(port, port, PORT, "Port of ServerName, 0: not given.") \
    ROW(error_fname, error_fname, TEXT, "ErrorLog.") \
    ROW(loglevel, log.level, INT, "LogLevel, an APLOG_ number.") \
    ROW(is_virtual, is_virtual, BOOLEAN, "1 for a virtual host, else 0.") \
    ROW(timeout, timeout, SECONDS, "Timeout, float seconds.") \
    ROW(keep_alive_timeout, keep_alive_timeout, SECONDS, \
        "KeepAliveTimeout, float seconds.") \
    ROW(keep_alive_max, keep_alive_max, INT, "MaxKeepAliveRequests.") \
    ROW(keep_alive, keep_alive, INT, "KeepAlive, 1 or 0.") \
    ROW(path, path, TEXT, "ServerPath.") \
    ROW(pathlen, pathlen, INT, "Its length in bytes.") \
    ROW(names, names, TEXTS, "ServerAlias names, tuple of str.") \
    ROW(wild_names, wild_names, TEXTS, "ServerAlias patterns, tuple of str.") \
    ROW(limit_req_line, limit_req_line, INT, "LimitRequestLine, bytes.") \
    ROW(limit_req_fieldsize, limit_req_fieldsize, INT, \
        "LimitRequestFieldSize, bytes.") \
    ROW(limit_req_fields, limit_req_fields, INT, "LimitRequestFields.")
/* clang-format on */

#define ROW_INDEX(name, field, kind, doc) ROW_##name,
#define ROW_MEMBER(name, field, kind, doc) \
    {#name, kind, offsetof(server_rec, field)},
#define ROW_GETSET(name, field, kind, doc) \
    {#name, get_member, set_member, doc, (void *)&rows[ROW_##name]},

enum { ROWS(ROW_INDEX) };

static const member rows[] = {ROWS(ROW_MEMBER)};

/* Setter of the members that are no rows. */
static int set_other(PyObject *op, PyObject *value, void *closure)
{
    return mp_state_read_only(op, value, closure);
}

#define OTHER(name, get, doc) {name, get, set_other, doc, (void *)name}

static PyGetSetDef getset[] = {
    ROWS(ROW_GETSET)
    OTHER("next", get_next, "The next virtual host, or None."),
    OTHER("my_generation", get_generation,
          "How often httpd was restarted before this child."),
    OTHER("restart_time", get_restart_time,
          "When httpd was (re)started, float seconds since the epoch."),
    OTHER("_server_rec", get_server_rec,
          "Capsule (without a name) of the server_rec."),
    {"__dict__", PyObject_GenericGetDict, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- methods ---- */

typedef apr_table_t *(*table_fn)(apr_pool_t *p, const mp_dir_conf *conf);

/* The table in *slot, made when missing. It is a table of its own: what Python
 * stores there is not seen by requests. */
static PyObject *get_table(mp_server *self, PyObject **slot, table_fn make)
{
    apr_pool_t *p;
    PyObject *table;

    if (*slot != NULL) {
        return Py_NewRef(*slot);
    }
    if (apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return PyErr_NoMemory();
    }
    table = mp_table_new(self->state,
                         make(p, mp_config_of_server_dir(self->s)));
    apr_pool_destroy(p);
    if (table == NULL) {
        return NULL;
    }
    Py_XSETREF(*slot, Py_NewRef(table));
    return table;
}

PyDoc_STRVAR(get_config_doc,
"get_config($self, /)\n--\n\n"
"Table of the Python directives outside any section, those of the main\n"
"server and of the virtual host merged. The same table every time.");

static PyObject *get_config(PyObject *op, PyObject *unused)
{
    mp_server *self = (mp_server *)op;
    (void)unused;

    return get_table(self, &self->config, mp_config_directives_table);
}

PyDoc_STRVAR(get_options_doc,
"get_options($self, /)\n--\n\n"
"Table of the PythonOptions outside any section, as get_config().");

static PyObject *get_options(PyObject *op, PyObject *unused)
{
    mp_server *self = (mp_server *)op;
    (void)unused;

    return get_table(self, &self->options, mp_config_options_table);
}

PyDoc_STRVAR(log_error_doc,
MP_LOG_METHOD_DOC
"Writes message (str or bytes; None is ignored) to this server's error log,\n"
"line by line. level is an APLOG_ constant. See ap_log_error().");

static PyObject *log_error(PyObject *op, PyObject *args, PyObject *kwargs)
{
    return mp_log_method(args, kwargs, NULL, NULL, ((mp_server *)op)->s);
}

PyDoc_STRVAR(register_cleanup_doc,
"register_cleanup($self, req, callable, data=None, /)\n--\n\n"
"Has callable(data) called when the child ends, in the interpreter of req,\n"
"last registered first; errors are logged. Do not pass req as data.");

static PyObject *register_cleanup(PyObject *op, PyObject *args)
{
    mp_state *state = ((mp_server *)op)->state;
    PyObject *req, *callable, *data = Py_None;

    /* request objects do not leave their interpreter: this one is meant */
    if (!PyArg_ParseTuple(args, "O!O|O:register_cleanup",
                          state->request_type, &req, &callable, &data)
        || mp_state_add_cleanup(state, callable, data, op) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"get_config", get_config, METH_NOARGS, get_config_doc},
    {"get_options", get_options, METH_NOARGS, get_options_doc},
    {"log_error", (PyCFunction)(void (*)(void))log_error,
     METH_VARARGS | METH_KEYWORDS, log_error_doc},
    {"register_cleanup", register_cleanup, METH_VARARGS,
     register_cleanup_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- the type ---- */

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    mp_server *self = (mp_server *)op;

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT(self->config);
    Py_VISIT(self->options);
    return 0;
}

static int clear(PyObject *op)
{
    mp_server *self = (mp_server *)op;

    Py_CLEAR(self->dict);
    Py_CLEAR(self->config);
    Py_CLEAR(self->options);
    return 0;
}

static PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(mp_server, dict), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(type_doc,
"A server of the configuration: httpd's server_rec, the main server or a\n"
"virtual host. Handlers may set attributes of their own on it; they stay for\n"
"the life of the child, in this interpreter.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, mp_state_dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_server",
    .basicsize = sizeof(mp_server),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_server_setup_type(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    return mp_state_add_type(op, &spec, &state->server_type, "mp_server");
}

/* ---- for the rest of the module ---- */

/* An object that state->servers does not have yet. */
static PyObject *make(mp_state *state, server_rec *s, PyObject *key)
{
    PyTypeObject *type = state->server_type;
    mp_server *self = (mp_server *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->s = s;
        self->state = state;
        if (PyDict_SetItem(state->servers, key, (PyObject *)self) != 0) {
            Py_CLEAR(self);
        }
    }
    return (PyObject *)self;
}

PyObject *mp_server_get(mp_state *state, server_rec *s)
{
    PyObject *key;
    PyObject *object;

    if (s == NULL) {
        Py_RETURN_NONE;
    }
    key = PyLong_FromVoidPtr(s);
    if (key == NULL) {
        return NULL;
    }
    object = PyDict_GetItemWithError(state->servers, key);
    if (object != NULL) {
        Py_INCREF(object);
    }
    else if (!PyErr_Occurred()) {
        object = make(state, s, key);
    }
    Py_DECREF(key);
    return object;
}

server_rec *mp_server_rec(mp_state *state, PyObject *object)
{
    if (!PyObject_TypeCheck(object, state->server_type)) {
        PyErr_Format(PyExc_TypeError, "a server object is needed, not %.200s",
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    return ((mp_server *)object)->s;
}
