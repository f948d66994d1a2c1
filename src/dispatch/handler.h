/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* From a handler entry to a result: find its interpreter and its callable
 * (resolve.c), call it, judge what it returned or raised (handler.c). */
#ifndef MP_DISPATCH_HANDLER_H
#define MP_DISPATCH_HANDLER_H

#include <Python.h>

#include "core/config.h"
#include "core/handler_list.h"
#include "objects/state.h"

/* Makes sys.path what PythonPath says, if another was in effect; nothing when
 * there is none. @return 0 or -1 with an exception */
int mp_handler_apply_path(mp_state *state, const mp_dir_conf *conf);

/* The callable of an entry in this interpreter; sets sys.path as PythonPath
 * says first.
 * @param filename finds the directory of pattern sections
 * @param now seconds, for the one look at the file per second
 * @return 1 and a new reference, 0 to skip it silently, -1 with an exception */
int mp_handler_resolve(mp_state *state, const mp_handler *handler,
                       const mp_dir_conf *conf, const char *filename,
                       PyObject *callables, apr_time_t now,
                       PyObject **callable);

/* Calls callable(arg), under pdb when PythonEnablePdb says so.
 * @return new reference or NULL */
PyObject *mp_handler_call(mp_state *state, const mp_dir_conf *conf,
                          PyObject *callable, PyObject *arg);
/* The same with count arguments. */
PyObject *mp_handler_call_with(mp_state *state, const mp_dir_conf *conf,
                               PyObject *callable, PyObject *const *args,
                               size_t count);

/* Judges what a handler returned (stolen; NULL: an exception is pending):
 * int as it is, SERVER_RETURN its code (and req.status), anything else is
 * reported in log and, with PythonDebug, to the client.
 * @param arg the handler's argument (req, conn, filter, server)
 * @param what directive name for messages, e.g. "PythonHandler"
 * @param status_out req.status that SERVER_RETURN(code, status) asks for, 0:
 *        none; may be NULL
 * @return an httpd status; DONE after an error page was sent; *failed (may be
 *         NULL) tells 500-by-error from a returned 500 */
int mp_handler_result(mp_state *state, const mp_dir_conf *conf,
                      PyObject *result, PyObject *arg, const char *what,
                      const mp_handler *handler, int *status_out,
                      int *failed);

/* For those who judge results themselves: logs the pending exception, or that
 * a result is wrong (code: "MPnnnn", message: stolen, NULL with a pending
 * exception). No page is shown. */
void mp_handler_log_exception(mp_state *state, PyObject *arg,
                              const char *what, const mp_handler *handler);
void mp_handler_log_problem(mp_state *state, PyObject *arg, const char *what,
                            const mp_handler *handler, const char *code,
                            PyObject *message);

/* The repr of value, or its type when it has none. @return new reference or
 * NULL with an exception */
PyObject *mp_handler_shown(PyObject *value);

/* Makes room for the callables in a new interpreter. @return 0 or -1 */
int mp_handler_cache_setup(mp_state *state);

/* What names the interpreter of all entries of a request alike, NULL: that
 * depends on a directory. */
static inline const mp_interp_ref *mp_handler_interp_ref(
    const request_rec *r, const mp_dir_conf *conf)
{
    if (conf->interpreter != NULL) {
        return conf->interpreter;
    }
    return conf->interp_per_directory != 1 && conf->interp_per_directive != 1
               ? mp_config_of_server(r->server)->interpreter
               : NULL;
}

/* The interpreter for a request's entry (SPEC section 3), and the name that
 * selects it (of r->pool or the configuration).
 * @return NULL after logging why, but not for which entry */
mp_interp *mp_handler_interp(request_rec *r, const mp_dir_conf *conf,
                             const mp_handler *handler, const char **name);
/* The same. @return NULL after logging all, with what as the directive's
 * name */
mp_interp *mp_handler_find_interp(request_rec *r, const mp_dir_conf *conf,
                                  const mp_handler *handler, const char *what,
                                  const char **name);

#endif
