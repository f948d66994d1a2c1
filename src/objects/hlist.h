/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_hlist: the running handler's entry and those after it. */
#ifndef MP_OBJECTS_HLIST_H
#define MP_OBJECTS_HLIST_H

#include <Python.h>

#include <httpd.h>

#include "core/handler_list.h"
#include "objects/state.h"

/* A copy of what is known about entries[index] and the ones that follow; does
 * not refer to the entries afterwards (they may be of a request's pool).
 * @param filename finds the directory of pattern sections; may be NULL
 * @param callables list of the request's callables (borrowed), may be NULL
 * @return new reference or NULL */
PyObject *mp_hlist_new(mp_state *state, const apr_array_header_t *entries,
                       int index, const char *filename, apr_pool_t *p,
                       PyObject *callables);

#endif
