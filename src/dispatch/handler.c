/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The call of a handler, and what its result means. */
#include "dispatch/handler.h"

#include <http_protocol.h>

#include "core/log.h"
#include "dispatch/timeout.h"
#include "objects/log_stream.h"
#include "runtime/compat.h"
#include "runtime/error.h"

/* Keeps the way that nearly every call takes short. */
#define NOT_INLINE __attribute__((noinline))

static PyObject *call_pdb(mp_state *state, PyObject *callable,
                          PyObject *const *args, size_t count)
{
    PyObject *all = PyTuple_New((Py_ssize_t)count + 1);
    PyObject *result;

    if (all == NULL) {
        return NULL;
    }
    PyTuple_SET_ITEM(all, 0, Py_NewRef(callable));
    for (size_t i = 0; i < count; i++) {
        PyTuple_SET_ITEM(all, (Py_ssize_t)i + 1, Py_NewRef(args[i]));
    }
    result = PyObject_Call(state->call_pdb, all, NULL);
    Py_DECREF(all);
    return result;
}

/* Not limited by a timeout: somebody is typing. */
static int is_under_pdb(const mp_dir_conf *conf)
{
    return conf->enable_pdb == 1 && mp_config_pdb(conf);
}

static PyObject *call_timed(mp_state *state, const mp_dir_conf *conf,
                            PyObject *callable, PyObject *const *args,
                            size_t count)
{
    PyObject *result;
    mp_timed timed;

    mp_timeout_begin(&timed, state, conf->handler_timeout);
    result = PyObject_Vectorcall(callable, args, count, NULL);
    mp_timeout_end(&timed);
    return result;
}

static inline int is_plain(const mp_dir_conf *conf)
{
    return conf->enable_pdb != 1 && conf->handler_timeout <= 0;
}

static NOT_INLINE PyObject *call_watched(mp_state *state,
                                         const mp_dir_conf *conf,
                                         PyObject *callable,
                                         PyObject *const *args, size_t count)
{
    if (is_under_pdb(conf)) {
        return call_pdb(state, callable, args, count);
    }
    return conf->handler_timeout > 0
               ? call_timed(state, conf, callable, args, count)
               : PyObject_Vectorcall(callable, args, count, NULL);
}

PyObject *mp_handler_call_with(mp_state *state, const mp_dir_conf *conf,
                               PyObject *callable, PyObject *const *args,
                               size_t count)
{
    PyObject *result;

    if (is_plain(conf)) {
        result = PyObject_Vectorcall(callable, args, count, NULL);
    }
    else {
        result = call_watched(state, conf, callable, args, count);
    }
    mp_log_stream_flush_thread(state);
    return result;
}

PyObject *mp_handler_call(mp_state *state, const mp_dir_conf *conf,
                          PyObject *callable, PyObject *arg)
{
    return mp_handler_call_with(state, conf, callable, &arg, 1);
}

/* Lets the package log (and show) what went wrong. When even that fails, the
 * log gets its exception. @return an httpd status */
static int reported(PyObject *status)
{
    long value = HTTP_INTERNAL_SERVER_ERROR;

    if (status != NULL && PyLong_Check(status)) {
        value = PyLong_AsLong(status);
    }
    Py_XDECREF(status);
    if (PyErr_Occurred()) {
        mp_error_log_exception(MP_LOGNO(0301) "an error could not be "
                               "reported");
        value = HTTP_INTERNAL_SERVER_ERROR;
    }
    return value == DONE ? DONE : HTTP_INTERNAL_SERVER_ERROR;
}

static int report_exception(mp_state *state, const mp_dir_conf *conf,
                            PyObject *exc, PyObject *arg, const char *what,
                            const mp_handler *handler)
{
    return reported(PyObject_CallFunction(
        state->report, "OszOO", arg, what, handler->spec, exc,
        mp_config_debug(conf) ? Py_True : Py_False));
}

static int report_problem(mp_state *state, const mp_dir_conf *conf,
                          PyObject *arg, const char *what,
                          const mp_handler *handler, const char *code,
                          PyObject *message)
{
    int status;

    if (message == NULL) {
        return reported(NULL);
    }
    status = reported(PyObject_CallFunction(
        state->problem, "OszsOO", arg, what, handler->spec, code, message,
        mp_config_debug(conf) ? Py_True : Py_False));
    Py_DECREF(message);
    return status;
}

void mp_handler_log_exception(mp_state *state, PyObject *arg,
                              const char *what, const mp_handler *handler)
{
    PyObject *exc = mp_compat_get_raised();

    if (exc != NULL) {
        reported(PyObject_CallFunction(state->report, "OszOO", arg, what,
                                       handler->spec, exc, Py_False));
        Py_DECREF(exc);
    }
}

void mp_handler_log_problem(mp_state *state, PyObject *arg, const char *what,
                            const mp_handler *handler, const char *code,
                            PyObject *message)
{
    reported(message != NULL
                 ? PyObject_CallFunction(state->problem, "OszsOO", arg, what,
                                         handler->spec, code, message,
                                         Py_False)
                 : NULL);
    Py_XDECREF(message);
}

PyObject *mp_handler_shown(PyObject *value)
{
    PyObject *text = PyObject_Repr(value);

    if (text == NULL) {
        PyErr_Clear();
        text = PyUnicode_FromFormat("<%s object>", Py_TYPE(value)->tp_name);
    }
    return text;
}

/* format: %U is the shown value, %s after it its type. */
static PyObject *with_value(const char *format, PyObject *value)
{
    PyObject *text = mp_handler_shown(value);
    PyObject *message =
        text != NULL ? PyUnicode_FromFormat(format, text,
                                            Py_TYPE(value)->tp_name)
                     : NULL;

    Py_XDECREF(text);
    return message;
}

static int is_int(PyObject *value)
{
    return PyLong_Check(value) && !PyBool_Check(value);
}

/* An int as a status; *bad is set when it is none. */
static int int_status(PyObject *value, int *bad)
{
    int overflow;
    long code = PyLong_AsLongAndOverflow(value, &overflow);

    *bad = overflow != 0
           || !(code == OK || code == DECLINED || code == DONE
                || (code >= 100 && code <= 599));
    return *bad ? HTTP_INTERNAL_SERVER_ERROR : (int)code;
}

/* SERVER_RETURN(code) or (code, status).
 * @return 1 and *status, or 0: malformed */
static int server_return(PyObject *exc, int *status, int *status_out)
{
    PyObject *args = PyObject_GetAttrString(exc, "args");
    int bad = 1;

    if (args != NULL && PyTuple_Check(args)) {
        Py_ssize_t count = PyTuple_GET_SIZE(args);

        if ((count == 1 || count == 2) && is_int(PyTuple_GET_ITEM(args, 0))) {
            *status = int_status(PyTuple_GET_ITEM(args, 0), &bad);
        }
        if (!bad && count == 2) {
            bad = !is_int(PyTuple_GET_ITEM(args, 1));
            if (!bad) {
                int value = int_status(PyTuple_GET_ITEM(args, 1), &bad);

                if (!bad && status_out != NULL) {
                    *status_out = value;
                }
            }
        }
    }
    Py_XDECREF(args);
    PyErr_Clear();
    return !bad;
}

static int exception_result(mp_state *state, const mp_dir_conf *conf,
                            PyObject *arg, const char *what,
                            const mp_handler *handler, int *status_out,
                            int *failed)
{
    PyObject *exc = mp_compat_get_raised();
    int status;

    if (exc == NULL) {
        PyErr_SetString(PyExc_SystemError,
                        "handler failed without an exception");
        exc = mp_compat_get_raised();
    }
    if (PyObject_TypeCheck(exc, (PyTypeObject *)state->server_return)) {
        if (server_return(exc, &status, status_out)) {
            Py_DECREF(exc);
            return status;
        }
        *failed = 1;
        status = report_problem(
            state, conf, arg, what, handler, "MP0302",
            with_value("raised %U, which is no SERVER_RETURN(status): give "
                       "it an int such as apache.HTTP_NOT_FOUND", exc));
    }
    else {
        *failed = 1;
        status = report_exception(state, conf, exc, arg, what, handler);
    }
    Py_DECREF(exc);
    return status;
}

/* What mp_handler_result() does about anything but OK. */
static NOT_INLINE int judge(mp_state *state, const mp_dir_conf *conf,
                            PyObject *result, PyObject *arg,
                            const char *what, const mp_handler *handler,
                            int *status_out, int *failed)
{
    int ignored;
    int bad;
    int status;

    if (failed == NULL) {
        failed = &ignored;
    }
    if (result == NULL) {
        return exception_result(state, conf, arg, what, handler, status_out,
                                failed);
    }
    if (is_int(result)) {
        status = int_status(result, &bad);
        if (bad) {
            *failed = 1;
            status = report_problem(
                state, conf, arg, what, handler, "MP0303",
                with_value("returned %U, which is no status: return "
                           "apache.OK, apache.DECLINED, apache.DONE or 100 "
                           "to 599", result));
        }
    }
    else if (result == Py_None) {
        *failed = 1;
        status = report_problem(
            state, conf, arg, what, handler, "MP0304",
            PyUnicode_FromString("returned None: return apache.OK (or "
                                 "another status)"));
    }
    else {
        *failed = 1;
        status = report_problem(
            state, conf, arg, what, handler, "MP0305",
            with_value("TypeError: returned %U of type %s instead of an int "
                       "such as apache.OK", result));
    }
    Py_DECREF(result);
    return status;
}

int mp_handler_result(mp_state *state, const mp_dir_conf *conf,
                      PyObject *result, PyObject *arg, const char *what,
                      const mp_handler *handler, int *status_out, int *failed)
{
    if (failed != NULL) {
        *failed = 0;
    }
    if (status_out != NULL) {
        *status_out = 0;
    }
    if (result == state->ok) { /* nearly always; the int 0 is one object */
        Py_DECREF(result);
        return OK;
    }
    return judge(state, conf, result, arg, what, handler, status_out, failed);
}
