/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The life of the module: reading of the configuration, start of a child
 * (Python, PythonImport), making of interpreters, end of a child. */
#include "dispatch/hooks.h"

#include <string.h>
#include <unistd.h>

#include <ap_mpm.h>
#include <apr_strings.h>
#include <http_config.h>

#include "core/config.h"
#include "core/known_lines.h"
#include "core/log.h"
#include "core/mutex.h"
#include "core/thread.h"
#include "dispatch/filters.h"
#include "dispatch/handler.h"
#include "dispatch/timeout.h"
#include "objects/log_stream.h"
#include "objects/promise.h"
#include "objects/server.h"
#include "objects/state.h"
#include "runtime/compat.h"
#include "runtime/error.h"
#include "runtime/pool.h"
#include "runtime/python.h"
#include "runtime/text.h"

/* httpd itself kills a child nine seconds after it was told to end. */
#define EXIT_SECONDS 5

/* ---- the configuration ---- */

static int pre_config_hook(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp)
{
    apr_status_t rv;
    (void)ptemp;

    mp_handler_reset_slots();
    mp_known_lines_reset();
    rv = mp_mutex_register(pconf);
    if (rv != APR_SUCCESS) {
        ap_log_perror(APLOG_MARK, APLOG_ERR, rv, plog,
                      MP_LOGNO(0330) "cannot register the mutex type "
                      "mod_python");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

/* Also run by httpd -t, which post_config is not. */
static int check_config_hook(apr_pool_t *pconf, apr_pool_t *plog,
                             apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf;
    (void)plog;
    return mp_python_check_config(ptemp, s);
}

static int post_config_hook(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *s)
{
    const char *version = Py_GetVersion();
    int status;
    (void)plog;
    (void)ptemp;

    mp_config_post_config(pconf, s);
    mp_filters_register_names(pconf, s);
    mp_promise_post_config();
    status = mp_mutex_post_config(pconf, s);
    if (status != OK) {
        return status;
    }
    ap_add_version_component(pconf, "mod_python/" MP_VERSION);
    ap_add_version_component(
        pconf, apr_psprintf(pconf, "Python/%.*s",
                            (int)strcspn(version, " +"), version));
    return OK;
}

/* ---- making an interpreter ---- */

/* The level that an option names, for the log streams. */
static int stream_level(server_rec *s, const char *key, int level)
{
    static const char *const names[] = {"emerg", "alert", "crit",  "error",
                                        "warn",  "notice", "info", "debug"};
    const char *value =
        mp_config_option(mp_config_of_server_dir(s), key);

    if (value == NULL) {
        return level;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ap_cstr_casecmp(value, names[i]) == 0) {
            return (int)i;
        }
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                 MP_LOGNO(0331) "PythonOption %s %s is no log level: use "
                 "emerg, alert, crit, error, warn, notice, info or debug",
                 key, value);
    return level;
}

/* Lets the package that lies beside the .so be found, last of all. */
static int extend_sys_path(void)
{
    const char *parent = mp_python_package_parent();
    PyObject *path = PySys_GetObject("path"); /* borrowed */
    PyObject *text;
    int rc;

    if (parent == NULL || path == NULL || !PyList_Check(path)) {
        return 0;
    }
    text = mp_text_from(parent);
    if (text == NULL) {
        return -1;
    }
    rc = PySequence_Contains(path, text);
    if (rc == 0) {
        rc = PyList_Append(path, text);
    }
    Py_DECREF(text);
    return rc < 0 ? -1 : 0;
}

/* PythonSwitchInterval, which is each GIL's own. */
static int set_switch_interval(server_rec *s)
{
    PyObject *function = PySys_GetObject("setswitchinterval"); /* borrowed */
    PyObject *result =
        function != NULL
            ? PyObject_CallFunction(function, "d",
                                    (double)mp_config_switch_interval(s)
                                        / APR_USEC_PER_SEC)
            : NULL;

    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* Fetches a function of a module of the package. */
static int fetch(PyObject *package, const char *name, PyObject **slot)
{
    Py_XSETREF(*slot, PyObject_GetAttrString(package, name));
    return *slot != NULL ? 0 : -1;
}

/* mod_python and _apache.so can come from two installations. */
static int check_version(server_rec *s)
{
    static int warned; /* under the lock of making interpreters */
    PyObject *package = PyImport_ImportModule("mod_python");
    PyObject *version = NULL;
    PyObject *file = NULL;
    const char *text;
    int rc = -1;

    if (package != NULL) {
        version = PyObject_GetAttrString(package, "mp_version");
        file = PyModule_GetFilenameObject(package);
    }
    if (version != NULL && file != NULL
        && (text = PyUnicode_AsUTF8(version)) != NULL) {
        rc = 0;
        if (strcmp(text, MP_VERSION) != 0 && !warned) {
            const char *place = PyUnicode_AsUTF8(file);

            warned = 1;
            PyErr_Clear();
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         MP_LOGNO(0332) "mod_python.so is version "
                         MP_VERSION " but the Python package in %s is "
                         "version %s: install both from one build",
                         place != NULL ? place : "an unreadable place",
                         text);
        }
    }
    Py_XDECREF(file);
    Py_XDECREF(version);
    Py_XDECREF(package);
    return rc;
}

/* Imports the package and takes from it what dispatch calls. */
static int import_package(mp_state *state, server_rec *s)
{
    PyObject *apache = PyImport_ImportModule("mod_python.apache");
    PyObject *dispatch = NULL;
    PyObject *report = NULL;
    int rc = -1;

    if (apache != NULL) {
        dispatch = PyImport_ImportModule("mod_python._dispatch");
        report = PyImport_ImportModule("mod_python._report");
    }
    if (dispatch != NULL && report != NULL
        && fetch(dispatch, "resolve", &state->resolve) == 0
        && fetch(dispatch, "set_path", &state->set_path) == 0
        && fetch(dispatch, "call_pdb", &state->call_pdb) == 0
        && fetch(report, "report", &state->report) == 0
        && fetch(report, "problem", &state->problem) == 0) {
        rc = check_version(s);
    }
    Py_XDECREF(report);
    Py_XDECREF(dispatch);
    Py_XDECREF(apache);
    return rc;
}

/* Where the package was looked for, in the log after its traceback. */
static void log_sys_path(void)
{
    PyObject *repr = PyObject_Repr(PySys_GetObject("path"));
    const char *text = repr != NULL ? PyUnicode_AsUTF8(repr) : NULL;

    PyErr_Clear();
    if (text != NULL) {
        mp_error_log_line(APLOG_ERR, "sys.path was:");
        mp_error_log_line(APLOG_ERR, text);
    }
    Py_XDECREF(repr);
}

/* Attached to a new interpreter (again, if it failed before). */
static int bootstrap(mp_interp *interp, server_rec *s)
{
    PyObject *builtin = PyImport_ImportModule("_apache");
    mp_state *state = builtin != NULL ? mp_state_of_module(builtin) : NULL;
    int rc = -1;

    if (state != NULL) {
        state->interp = interp;
        interp->state = state;
        if (state->cache == NULL
            && (mp_handler_cache_setup(state) != 0
                || mp_log_stream_install(
                       builtin,
                       stream_level(s, "mod_python.log.stdout_level",
                                    APLOG_WARNING),
                       stream_level(s, "mod_python.log.stderr_level",
                                    APLOG_ERR)) != 0
                || extend_sys_path() != 0 || set_switch_interval(s) != 0)) {
            mp_error_log_exception(MP_LOGNO(0333) "cannot set up an "
                                   "interpreter");
            Py_DECREF(builtin);
            return -1;
        }
        rc = import_package(state, s);
    }
    if (rc != 0) {
        mp_error_log_exception(
            MP_LOGNO(0334) "cannot import mod_python.apache: install the "
            "package mod_python for this Python, or set PythonHome");
        log_sys_path();
    }
    /* sys.modules may lose it, dispatch must not */
    if (rc != 0 || interp->ready) {
        Py_XDECREF(builtin);
    }
    return rc;
}

/* ---- a child ---- */

/* One PythonImport line; the interpreter is attached. */
static void run_import(const mp_import_conf *import)
{
    const mp_dir_conf *conf = mp_config_of_server_dir(import->server);
    PyObject *result = NULL;
    PyObject *dispatch = PyImport_ImportModule("mod_python._dispatch");
    PyObject *name = mp_text_from(import->module);
    PyObject *function = mp_text_from(import->function);
    PyObject *path = mp_text_from(conf->python_path);

    if (dispatch != NULL && name != NULL && function != NULL
        && path != NULL) {
        result = PyObject_CallMethod(
            dispatch, "run_import", "OOOOO", name, function,
            mp_config_auto_reload(conf) ? Py_True : Py_False, path,
            mp_config_debug(conf) ? Py_True : Py_False);
    }
    if (result == NULL) {
        mp_error_log_exception(MP_LOGNO(0335) "PythonImport failed");
    }
    Py_XDECREF(result);
    Py_XDECREF(path);
    Py_XDECREF(function);
    Py_XDECREF(name);
    Py_XDECREF(dispatch);
}

static void run_imports(server_rec *s)
{
    const apr_array_header_t *imports = mp_config_of_server(s)->imports;

    for (int i = 0; imports != NULL && i < imports->nelts; i++) {
        const mp_import_conf *import =
            &APR_ARRAY_IDX(imports, i, mp_import_conf);
        mp_interp *interp;

        for (int number = 0;
             (interp = mp_pool_instance(import->interpreter, number, 1))
             != NULL;
             number++) {
            mp_call call = {.s = import->server,
                            .interp_name = import->interpreter,
                            .phase = MP_PHASE_NONE};
            mp_entry entry;

            if (mp_interp_enter(interp, &call, &entry) == 0) {
                run_import(import);
                mp_log_stream_flush_thread(interp->state);
                mp_interp_leave(&entry);
            }
        }
    }
}

/* One PythonChildInitHandler or PythonChildExitHandler line; the interpreter
 * is attached. Its result means nothing. */
static void run_child_handler(mp_state *state, server_rec *s,
                              const mp_child_conf *child)
{
    PyObject *server = mp_server_get(state, s);
    PyObject *callable = NULL;
    PyObject *result = NULL;

    if (server != NULL
        && mp_handler_resolve(state, child->handler,
                              mp_config_of_server_dir(s), NULL, NULL,
                              apr_time_now(), &callable) > 0) {
        result = PyObject_CallOneArg(callable, server);
    }
    if (result == NULL) {
        mp_handler_log_exception(state, server != NULL ? server : Py_None,
                                 mp_phases[child->phase].directive,
                                 child->handler);
    }
    Py_XDECREF(result);
    Py_XDECREF(callable);
    Py_XDECREF(server);
}

static void run_child_handlers(server_rec *s, mp_phase phase)
{
    const mp_srv_conf *conf = mp_config_of_server(s);

    for (int i = 0; i < conf->child_handlers->nelts; i++) {
        const mp_child_conf *child =
            &APR_ARRAY_IDX(conf->child_handlers, i, mp_child_conf);
        const char *name = child->interpreter != NULL
                               ? child->interpreter
                               : conf->interpreter->name;
        mp_interp *interp;

        if (child->phase != phase) {
            continue;
        }
        for (int number = 0;
             (interp = mp_pool_instance(
                  name, number, number == 0 || phase == MP_PHASE_CHILD_INIT))
             != NULL;
             number++) {
            mp_call call = {.s = s, .interp_name = name, .phase = phase,
                            .handler = child->handler};
            mp_entry entry;

            if (mp_interp_enter(interp, &call, &entry) == 0) {
                run_child_handler(interp->state, s, child);
                mp_log_stream_flush_thread(interp->state);
                mp_interp_leave(&entry);
            }
        }
    }
}

/* The callables of register_cleanup(), last first, then what Python itself
 * would do at exit. */
static void end_interp(mp_interp *interp, void *baton)
{
    mp_state *state = interp->state;
    PyObject *result;
    PyObject *package = PyImport_ImportModule("mod_python._dispatch");
    (void)baton;

    result = package != NULL
                 ? PyObject_CallMethod(package, "run_exit", "O",
                                       state->cleanups)
                 : NULL;
    if (result == NULL) {
        mp_error_log_exception(MP_LOGNO(0336) "error at the end of a child");
    }
    mp_log_stream_flush_thread(state);
    Py_XDECREF(result);
    Py_XDECREF(package);
}

/* Our part of the end of the child is over. */
static int ended;

/* Runs beside the end of a child, and ends it if our part takes too long: a
 * process that hangs there keeps its memory and its place in the scoreboard
 * for ever, after a graceful restart nobody kills it. */
static void *limit_exit(void *data)
{
    server_rec *s = data;

    apr_sleep(apr_time_from_sec(EXIT_SECONDS));
    if (__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
        return NULL;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                 MP_LOGNO(0337) "PythonChildExitHandler, cleanups and atexit "
                 "functions took longer than "
                 APR_STRINGIFY(EXIT_SECONDS) " seconds; the child ends "
                 "without the rest of them");
    _exit(0);
}

static apr_status_t child_exit(void *data)
{
    server_rec *s = data;

    mp_promise_stop();
    /* prefork ends a child from a signal handler, possibly in the middle of
     * a handler: Python cannot be entered there */
    if (mp_python_started() && mp_interp_current_call() == NULL) {
        mp_thread_start(limit_exit, s); /* without it there is no limit */
        mp_timeout_stop();
        run_child_handlers(s, MP_PHASE_CHILD_EXIT);
        mp_interp_stop();
        mp_interp_each(end_interp, NULL);
        __atomic_store_n(&ended, 1, __ATOMIC_RELAXED);
    }
    return APR_SUCCESS;
}

static void child_init_hook(apr_pool_t *pchild, server_rec *s)
{
    mp_mutex_child_init(pchild, s);
    mp_python_start(pchild, s, mp_module_init);
    if (mp_python_started()) {
        apr_pool_cleanup_register(pchild, s, child_exit,
                                  apr_pool_cleanup_null);
        run_imports(s);
        run_child_handlers(s, MP_PHASE_CHILD_INIT);
    }
}

void mp_lifecycle_register_hooks(apr_pool_t *p)
{
    (void)p;
    mp_interp_set_bootstrap(bootstrap);
    ap_hook_pre_config(pre_config_hook, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(check_config_hook, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config_hook, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init_hook, NULL, NULL, APR_HOOK_MIDDLE);
}
