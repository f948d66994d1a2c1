/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* An httpd module of somebody else that runs Python through the optional
 * functions of mod_python: the handler "mptest" answers with what Python
 * says in the interpreters it is asked for. */
#include <Python.h>

#include <string.h>

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_protocol.h>

#include "dispatch/optional.h"

static APR_OPTIONAL_FN_TYPE(mp_acquire_interpreter) *acquire;
static APR_OPTIONAL_FN_TYPE(mp_release_interpreter) *release;
static APR_OPTIONAL_FN_TYPE(mp_get_request_object) *request_object;
static APR_OPTIONAL_FN_TYPE(mp_get_server_object) *server_object;
static APR_OPTIONAL_FN_TYPE(mp_get_connection_object) *connection_object;

/* str() of an expression in which req, server and conn are known. */
static void answer(request_rec *r, const char *expression)
{
    PyObject *names = PyDict_New();
    PyObject *req = request_object(r);
    PyObject *server = server_object(r->server);
    PyObject *conn = connection_object(r->connection);
    PyObject *value = NULL;
    PyObject *text = NULL;

    if (names != NULL && req != NULL && server != NULL && conn != NULL
        && PyDict_SetItemString(names, "req", req) == 0
        && PyDict_SetItemString(names, "server", server) == 0
        && PyDict_SetItemString(names, "conn", conn) == 0) {
        value = PyRun_String(expression, Py_eval_input, names, names);
    }
    if (value != NULL && (text = PyObject_Str(value)) != NULL) {
        ap_rprintf(r, "%s\n", PyUnicode_AsUTF8(text));
    }
    else {
        PyErr_Clear();
        ap_rputs("failed\n", r);
    }
    Py_XDECREF(text);
    Py_XDECREF(value);
    Py_XDECREF(conn);
    Py_XDECREF(server);
    Py_XDECREF(req);
    Py_XDECREF(names);
}

static const char interpreter[] =
    "__import__('mod_python.apache').apache.interpreter";

static int handler(request_rec *r)
{
    if (r->handler == NULL || strcmp(r->handler, "mptest") != 0) {
        return DECLINED;
    }
    ap_set_content_type(r, "text/plain");
    if (acquire == NULL || acquire("outer") == NULL) {
        ap_rputs("nothing acquired\n", r);
        return OK;
    }
    answer(r, interpreter);
    answer(r, "req.uri");
    answer(r, "server.server_hostname");
    answer(r, "conn is req.connection and server is req.server");
    if (acquire(NULL) != NULL) {
        answer(r, interpreter);
        if (acquire("outer") != NULL) {
            answer(r, interpreter);
            release();
        }
        release();
    }
    answer(r, interpreter);
    release();
    release(); /* one too many does nothing */
    return OK;
}

static void retrieve(void)
{
    acquire = APR_RETRIEVE_OPTIONAL_FN(mp_acquire_interpreter);
    release = APR_RETRIEVE_OPTIONAL_FN(mp_release_interpreter);
    request_object = APR_RETRIEVE_OPTIONAL_FN(mp_get_request_object);
    server_object = APR_RETRIEVE_OPTIONAL_FN(mp_get_server_object);
    connection_object = APR_RETRIEVE_OPTIONAL_FN(mp_get_connection_object);
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_optional_fn_retrieve(retrieve, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA mptest_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0,
};
