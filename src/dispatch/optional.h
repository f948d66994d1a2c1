/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What other httpd modules can call, as optional functions:
 * APR_RETRIEVE_OPTIONAL_FN(mp_acquire_interpreter) and so on, after
 * post_config. The two interpreter calls nest. */
#ifndef MP_DISPATCH_OPTIONAL_H
#define MP_DISPATCH_OPTIONAL_H

#include <Python.h>

#include <apr_optional.h>
#include <httpd.h>

/* Attaches this thread to the interpreter of that name (NULL:
 * main_interpreter).
 * @return the interpreter's state, or NULL on failure: logged, nothing is
 *         attached, do not release */
APR_DECLARE_OPTIONAL_FN(PyInterpreterState *, mp_acquire_interpreter,
                        (const char *name));

/* Undoes the last mp_acquire_interpreter() of this thread. */
APR_DECLARE_OPTIONAL_FN(void, mp_release_interpreter, (void));

/* The object for r, s or c in the attached interpreter.
 * @return new reference, or NULL with an exception set */
APR_DECLARE_OPTIONAL_FN(PyObject *, mp_get_request_object, (request_rec *r));
APR_DECLARE_OPTIONAL_FN(PyObject *, mp_get_server_object, (server_rec *s));
APR_DECLARE_OPTIONAL_FN(PyObject *, mp_get_connection_object, (conn_rec *c));

#endif
