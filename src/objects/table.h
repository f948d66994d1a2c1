/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_table: an apr_table_t as a Python mapping, its own or a live view. */
#ifndef MP_OBJECTS_TABLE_H
#define MP_OBJECTS_TABLE_H

#include <Python.h>

#include <apr_pools.h>
#include <apr_tables.h>

#include "objects/state.h"

/* A view of the table that *slot points to at the time of each use (httpd
 * swaps tables). Does not own anything: whoever makes it must end it with
 * mp_table_end() before slot goes away.
 * @param headers true: CR, LF, and empty names are refused (header tables)
 * @return new reference or NULL */
PyObject *mp_table_view(mp_state *state, apr_table_t **slot, int headers);

/* Makes later uses of a view raise ReferenceError. */
void mp_table_end(PyObject *table);
/* Lets a view that has ended, and that nobody has, see another table. */
void mp_table_see(PyObject *table, apr_table_t **slot);

/* A table object of its own (own pool), filled from a copy of source (which
 * may be NULL). @return new reference or NULL */
PyObject *mp_table_new(mp_state *state, const apr_table_t *source);

/* The apr_table_t behind a table object.
 * @return NULL with TypeError or ReferenceError */
apr_table_t *mp_table_get(mp_state *state, PyObject *object);

#endif
