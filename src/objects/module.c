/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The builtin module _apache: its definition, its state in each interpreter
 * and the functions that belong to no type. */
#include "objects/state.h"

#include <stdlib.h>
#include <string.h>

#include <ap_mpm.h>
#include <http_core.h>
#include <http_main.h>

#include "core/mutex.h"
#include "objects/config_tree.h"
#include "objects/finfo.h"
#include "objects/import_hook.h"
#include "objects/log.h"
#include "objects/request.h"
#include "objects/request_lock.h"
#include "objects/server.h"
#include "objects/stats.h"
#include "objects/wsgi.h"
#include "runtime/compat.h"
#include "runtime/error.h"
#include "runtime/pool.h"
#include "runtime/text.h"

/* ---- helpers for the types ---- */

mp_state *mp_state_of(PyObject *self)
{
    PyObject *op = PyType_GetModuleByDef(Py_TYPE(self), &mp_module_def);

    return op != NULL ? mp_state_of_module(op) : NULL;
}

int mp_state_add_type(PyObject *op, PyType_Spec *spec, PyTypeObject **slot,
                      const char *name)
{
    static const char prefix[] = "builtins.";
    PyTypeObject *type =
        (PyTypeObject *)PyType_FromModuleAndSpec(op, spec, NULL);

    if (type == NULL) {
        return -1;
    }
    /* A name without a module is deprecated, one with a module is shown with
     * it, even "builtins". Only the name that is shown changes. */
    if (strncmp(spec->name, prefix, sizeof(prefix) - 1) == 0) {
        type->tp_name = spec->name + sizeof(prefix) - 1;
    }
    Py_XSETREF(*slot, type);
    if (name == NULL) {
        return 0;
    }
    return PyModule_AddObjectRef(op, name, (PyObject *)type);
}

void mp_state_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    type->tp_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

int mp_state_no_delete(PyObject *value, const char *name)
{
    if (value == NULL) {
        PyErr_Format(PyExc_TypeError, "attribute '%s' cannot be deleted",
                     name);
        return -1;
    }
    return 0;
}

int mp_state_read_only(PyObject *self, PyObject *value, void *closure)
{
    if (mp_state_no_delete(value, closure) == 0) {
        PyErr_Format(PyExc_AttributeError,
                     "attribute '%s' of '%.100s' objects is not writable",
                     (const char *)closure, Py_TYPE(self)->tp_name);
    }
    return -1;
}

/* ---- what this thread is serving ---- */

PyDoc_STRVAR(current_request_doc,
"current_request()\n--\n\n"
"The request object of the innermost call that this thread is serving, None\n"
"when it serves none (connection and child handlers, threads of Python's\n"
"own).");

static PyObject *current_request(PyObject *op, PyObject *unused)
{
    const mp_call *call = mp_interp_current_call();
    (void)unused;

    return mp_request_get(mp_state_of_module(op),
                          call != NULL ? call->r : NULL);
}

PyDoc_STRVAR(current_interpreter_doc,
"current_interpreter()\n--\n\n"
"The interpreter name selected for the call running in this thread; outside\n"
"a call the interpreter's own name.");

static PyObject *current_interpreter(PyObject *op, PyObject *unused)
{
    const mp_call *call = mp_interp_current_call();
    const mp_interp *interp = mp_state_of_module(op)->interp;
    (void)unused;

    if (call != NULL && call->interp_name != NULL) {
        return mp_text_from(call->interp_name);
    }
    return mp_text_from(interp != NULL ? interp->name : NULL);
}

PyDoc_STRVAR(instance_doc,
"_instance()\n--\n\n"
"Which of how many instances of its name this interpreter is: a pair of\n"
"ints, number (from 0) and count.");

static PyObject *instance(PyObject *op, PyObject *unused)
{
    const mp_interp *interp = mp_state_of_module(op)->interp;
    (void)unused;

    return Py_BuildValue("(ii)", interp->number, mp_pool_size(interp));
}

PyDoc_STRVAR(main_server_doc,
"main_server()\n--\n\n"
"The server object of the main server (httpd's ap_server_conf).");

static PyObject *main_server(PyObject *op, PyObject *unused)
{
    (void)unused;
    return mp_server_get(mp_state_of_module(op), ap_server_conf);
}

/* ---- facts about httpd ---- */

PyDoc_STRVAR(mpm_query_doc,
"mpm_query(code, /)\n--\n\n"
"What the processing module answers to an AP_MPMQ_ code, an int. ValueError\n"
"for a code it does not know. See ap_mpm_query().");

static PyObject *mpm_query(PyObject *op, PyObject *arg)
{
    long code;
    int answer;
    (void)op;

    if (mp_text_int(arg, "code", 0, 10000, &code) != 0) {
        return NULL;
    }
    if (ap_mpm_query((int)code, &answer) != APR_SUCCESS) {
        PyErr_Format(PyExc_ValueError, "this MPM has no answer to code %ld",
                     code);
        return NULL;
    }
    return PyLong_FromLong(answer);
}

PyDoc_STRVAR(server_root_doc,
"server_root()\n--\n\n"
"The directory of the ServerRoot directive, a str.");

static PyObject *server_root(PyObject *op, PyObject *unused)
{
    (void)op;
    (void)unused;
    return mp_text_from(ap_server_root);
}

PyDoc_STRVAR(exists_config_define_doc,
"exists_config_define(name, /)\n--\n\n"
"True when httpd was started with -D name or its configuration defines it.\n"
"See ap_exists_config_define().");

static PyObject *exists_config_define(PyObject *op, PyObject *arg)
{
    PyObject *keep;
    const char *name = mp_text_to(arg, "name", &keep);
    (void)op;

    if (name == NULL) {
        return NULL;
    }
    int found = ap_exists_config_define(name);
    Py_DECREF(keep);
    return PyBool_FromLong(found);
}

/* ---- the end of the child, reloads ---- */

int mp_state_add_cleanup(mp_state *state, PyObject *callable, PyObject *data,
                         PyObject *server)
{
    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError, "a callable is needed, not %.200s",
                     Py_TYPE(callable)->tp_name);
        return -1;
    }
    PyObject *entry = PyTuple_Pack(3, callable, data, server);
    if (entry == NULL) {
        return -1;
    }
    int rc = PyList_Append(state->cleanups, entry);
    Py_DECREF(entry);
    return rc;
}

PyDoc_STRVAR(register_cleanup_doc,
"register_cleanup(interpreter, server, callable, data=None, /)\n--\n\n"
"Has callable(data) called in this interpreter when the child ends, last\n"
"registered first. server (or None) is the one whose log gets its errors;\n"
"interpreter is a name that old code passes, it selects nothing.");

static PyObject *register_cleanup(PyObject *op, PyObject *args)
{
    mp_state *state = mp_state_of_module(op);
    PyObject *name, *server, *callable, *data = Py_None;

    if (!PyArg_ParseTuple(args, "UOO|O:register_cleanup", &name, &server,
                          &callable, &data)) {
        return NULL;
    }
    if (server != Py_None && mp_server_rec(state, server) == NULL) {
        return NULL;
    }
    if (mp_state_add_cleanup(state, callable, data, server) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(invalidate_doc,
"_invalidate()\n--\n\n"
"Makes dispatch look up every handler again: a module was reloaded.");

static PyObject *invalidate(PyObject *op, PyObject *unused)
{
    (void)unused;
    mp_state_of_module(op)->generation++;
    Py_RETURN_NONE;
}

/* ---- global mutexes ---- */

/* FNV-1a: the same in every process and interpreter, which Python's own hash
 * is not. */
static unsigned hash_bytes(const char *s, Py_ssize_t size)
{
    unsigned hash = 2166136261u;

    for (Py_ssize_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)s[i]) * 16777619u;
    }
    return hash;
}

/* The number of the session mutex, from 0, that a key belongs to.
 * @return it, or -1 with an exception */
static int index_of_key(PyObject *key, int count)
{
    Py_buffer view;

    if (!PyUnicode_Check(key) && !PyBytes_Check(key)) {
        PyErr_Format(PyExc_TypeError, "key must be str or bytes, not %.200s",
                     Py_TYPE(key)->tp_name);
        return -1;
    }
    if (mp_text_body(key, &view) != 0) {
        return -1;
    }
    int index = (int)(hash_bytes(view.buf, view.len) % (unsigned)count);
    PyBuffer_Release(&view);
    return index;
}

/* The arguments (server, key, index=-1) of the three functions.
 * @return the number of the mutex, or -1 with an exception */
static int parse_mutex(PyObject *args, PyObject *kwargs, const char *format)
{
    static char *names[] = {"server", "key", "index", NULL};
    int count = mp_mutex_count();
    PyObject *server, *key, *number = NULL;
    long index = -1;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &server,
                                     &key, &number)
        || (number != NULL
            && mp_text_int(number, "index", -1, INT_MAX, &index) != 0)) {
        return -1;
    }
    if (index == 0) {
        return 0;
    }
    if (count < 1) {
        PyErr_SetString(PyExc_RuntimeError,
                        "httpd has no mutexes of type mod_python");
        return -1;
    }
    if (index > 0) {
        return 1 + (int)((index - 1) % count);
    }
    index = index_of_key(key, count);
    return index < 0 ? -1 : 1 + (int)index;
}

PyDoc_STRVAR(global_lock_doc,
"_global_lock(server, key, index=-1)\n--\n\n"
"Waits for one of the mutexes that all processes of httpd share and takes\n"
"it. index 0 is the one reserved for dbm files; other indexes are taken\n"
"modulo the number of session mutexes; -1 chooses one by key (str or bytes).\n"
"The mutexes are not re-entrant. server is not looked at. OSError when the\n"
"system refuses.");

static PyObject *global_lock(PyObject *op, PyObject *args, PyObject *kwargs)
{
    int index = parse_mutex(args, kwargs, "OO|O:_global_lock");
    apr_status_t rv;
    (void)op;

    if (index < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rv = mp_mutex_lock(index);
    Py_END_ALLOW_THREADS
    if (rv != APR_SUCCESS) {
        return mp_error_from_apr(rv, "cannot lock a global mutex");
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(global_trylock_doc,
"_global_trylock(server, key, index=-1)\n--\n\n"
"As _global_lock() without waiting: 1 when the mutex was taken, 0 when\n"
"somebody else holds it.");

static PyObject *global_trylock(PyObject *op, PyObject *args,
                                PyObject *kwargs)
{
    int index = parse_mutex(args, kwargs, "OO|O:_global_trylock");
    apr_status_t rv;
    (void)op;

    if (index < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rv = mp_mutex_trylock(index);
    Py_END_ALLOW_THREADS
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EBUSY(rv)) {
        return mp_error_from_apr(rv, "cannot try a global mutex");
    }
    return PyLong_FromLong(rv == APR_SUCCESS);
}

PyDoc_STRVAR(global_unlock_doc,
"_global_unlock(server, key, index=-1)\n--\n\n"
"Releases the mutex that _global_lock() or _global_trylock() took for the\n"
"same arguments.");

static PyObject *global_unlock(PyObject *op, PyObject *args, PyObject *kwargs)
{
    int index = parse_mutex(args, kwargs, "OO|O:_global_unlock");
    apr_status_t rv;
    (void)op;

    if (index < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    rv = mp_mutex_unlock(index);
    Py_END_ALLOW_THREADS
    if (rv != APR_SUCCESS) {
        return mp_error_from_apr(rv, "cannot unlock a global mutex");
    }
    Py_RETURN_NONE;
}

/* ---- the module ---- */

#define KEYWORDS(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef functions[] = {
    /* what this thread is serving */
    {"current_request", current_request, METH_NOARGS, current_request_doc},
    {"current_interpreter", current_interpreter, METH_NOARGS,
     current_interpreter_doc},
    {"_instance", instance, METH_NOARGS, instance_doc},
    {"main_server", main_server, METH_NOARGS, main_server_doc},
    /* the log: log_stream.c */
    {"log_error", KEYWORDS(mp_log_error), METH_VARARGS | METH_KEYWORDS,
     mp_log_error_doc},
    {"_log", mp_log_current, METH_VARARGS, mp_log_current_doc},
    /* facts about httpd */
    {"config_tree", mp_config_tree, METH_NOARGS, MP_CONFIG_TREE_DOC},
    {"mpm_query", mpm_query, METH_O, mpm_query_doc},
    {"server_root", server_root, METH_NOARGS, server_root_doc},
    {"exists_config_define", exists_config_define, METH_O,
     exists_config_define_doc},
    {"stat", mp_finfo_stat, METH_VARARGS, MP_FINFO_STAT_DOC},
    /* the end of the child, reloads */
    {"register_cleanup", register_cleanup, METH_VARARGS,
     register_cleanup_doc},
    {"_invalidate", invalidate, METH_NOARGS, invalidate_doc},
    {"_stats", mp_stats_list, METH_NOARGS, MP_STATS_LIST_DOC},
    {"_count", mp_stats_count, METH_O, MP_STATS_COUNT_DOC},
    {"_import_hook", mp_import_hook, METH_VARARGS, MP_IMPORT_HOOK_DOC},
    {"_wsgi_handler", mp_wsgi_handler, METH_VARARGS, MP_WSGI_HANDLER_DOC},
    /* global mutexes */
    {"_global_lock", KEYWORDS(global_lock), METH_VARARGS | METH_KEYWORDS,
     global_lock_doc},
    {"_global_trylock", KEYWORDS(global_trylock),
     METH_VARARGS | METH_KEYWORDS, global_trylock_doc},
    {"_global_unlock", KEYWORDS(global_unlock), METH_VARARGS | METH_KEYWORDS,
     global_unlock_doc},
    {"_request_lock", mp_request_lock, METH_VARARGS, MP_REQUEST_LOCK_DOC},
    {"_request_unlock", mp_request_unlock, METH_VARARGS,
     MP_REQUEST_UNLOCK_DOC},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(server_return_doc,
"SERVER_RETURN(code[, status]): raised by a handler, counts as returning\n"
"code; status sets req.status. Without an int code: status 500.");

PyDoc_STRVAR(handler_timeout_doc,
"Raised in a handler that runs longer than PythonHandlerTimeout.");

/* Exceptions, and the value that says there is none. */
static int add_results(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    state->server_return = PyErr_NewExceptionWithDoc(
        "mod_python.apache.SERVER_RETURN", server_return_doc, NULL, NULL);
    state->handler_timeout = PyErr_NewExceptionWithDoc(
        "mod_python.apache.HandlerTimeout", handler_timeout_doc,
        PyExc_BaseException, NULL);
    state->ok = PyLong_FromLong(OK);
    if (state->server_return == NULL || state->handler_timeout == NULL
        || state->ok == NULL
        || PyModule_AddObjectRef(op, "SERVER_RETURN", state->server_return)
               != 0) {
        return -1;
    }
    return PyModule_AddObjectRef(op, "HandlerTimeout",
                                 state->handler_timeout);
}

static int exec(PyObject *op)
{
    static int (*const setup[])(PyObject *) = {
        add_results,
        mp_constants_setup,
        mp_table_setup_type,
        mp_server_setup_type,
        mp_connection_setup_type,
        mp_request_setup_type,
        mp_filter_setup_type,
        mp_finfo_setup_type,
        mp_hlist_setup_type,
        mp_log_stream_setup_type,
    };
    mp_state *state = mp_state_of_module(op);

    state->servers = PyDict_New();
    state->cleanups = PyList_New(0);
    if (state->servers == NULL || state->cleanups == NULL) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(setup) / sizeof(setup[0]); i++) {
        if (setup[i](op) != 0) {
            return -1;
        }
    }
    return 0;
}

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    mp_state *state = mp_state_of_module(op);
    int rc = mp_wsgi_environ_traverse(state, visit, arg);

    if (rc == 0) {
        rc = mp_wsgi_applications_traverse(state, visit, arg);
    }
    if (rc != 0) {
        return rc;
    }

    Py_VISIT(state->request_type);
    Py_VISIT(state->server_type);
    Py_VISIT(state->connection_type);
    Py_VISIT(state->filter_type);
    Py_VISIT(state->table_type);
    Py_VISIT(state->table_iter_type);
    Py_VISIT(state->finfo_type);
    Py_VISIT(state->hlist_type);
    Py_VISIT(state->log_stream_type);
    Py_VISIT(state->server_return);
    Py_VISIT(state->handler_timeout);
    Py_VISIT(state->resolve);
    Py_VISIT(state->set_path);
    Py_VISIT(state->call_pdb);
    Py_VISIT(state->report);
    Py_VISIT(state->problem);
    Py_VISIT(state->log_streams);
    Py_VISIT(state->servers);
    Py_VISIT(state->cleanups);
    Py_VISIT(state->ok);
    Py_VISIT(state->wsgi_start_response);
    Py_VISIT(state->wsgi_write);
    return 0;
}

static int clear(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    Py_CLEAR(state->request_type);
    Py_CLEAR(state->server_type);
    Py_CLEAR(state->connection_type);
    Py_CLEAR(state->filter_type);
    Py_CLEAR(state->table_type);
    Py_CLEAR(state->table_iter_type);
    Py_CLEAR(state->finfo_type);
    Py_CLEAR(state->hlist_type);
    Py_CLEAR(state->log_stream_type);
    Py_CLEAR(state->server_return);
    Py_CLEAR(state->handler_timeout);
    Py_CLEAR(state->resolve);
    Py_CLEAR(state->set_path);
    Py_CLEAR(state->call_pdb);
    Py_CLEAR(state->report);
    Py_CLEAR(state->problem);
    Py_CLEAR(state->log_streams);
    Py_CLEAR(state->servers);
    Py_CLEAR(state->cleanups);
    mp_wsgi_environ_clear(state);
    mp_wsgi_applications_clear(state);
    Py_CLEAR(state->wsgi_start_response);
    Py_CLEAR(state->wsgi_write);
    Py_CLEAR(state->ok);
    return 0;
}

/* Interpreters are never ended before their child is, so this runs only when
 * the import of the module fails. */
static void release(void *op)
{
    mp_state *state = mp_state_of_module(op);

    clear(op);
    free((void *)state->python_path);
    state->python_path = NULL;
}

PyDoc_STRVAR(module_doc,
"What mod_python offers to its Python package: httpd's records as objects,\n"
"functions and constants. Use mod_python.apache.");

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, exec},
    MP_COMPAT_MODULE_SLOTS
    {0, NULL},
};

struct PyModuleDef mp_module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_apache",
    .m_doc = module_doc,
    .m_size = sizeof(mp_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

PyObject *mp_module_init(void)
{
    return PyModuleDef_Init(&mp_module_def);
}
