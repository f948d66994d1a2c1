/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Start of CPython in a child. */
#ifndef MP_RUNTIME_PYTHON_H
#define MP_RUNTIME_PYTHON_H

#include <Python.h>

#include <apr_pools.h>
#include <httpd.h>

/* Checks in post_config what can be known: PythonHome exists, holds this
 * Python's library, the run user can read it.
 * @return OK or HTTP_INTERNAL_SERVER_ERROR after logging what to do */
int mp_python_check_config(apr_pool_t *ptemp, server_rec *s);

/* Starts Python (once in a process), detached afterwards.
 * @param init the builtin module's init function
 * On failure logs one critical line; mp_python_started() stays 0 */
void mp_python_start(apr_pool_t *pchild, server_rec *s,
                     PyObject *(*init)(void));

/* Whether it did start. Needs no interpreter. */
int mp_python_started(void);

/* Directory of the mod_python package beside the loaded .so, or NULL.
 * Its parent is appended to sys.path of each interpreter. */
const char *mp_python_package_parent(void);

#endif
