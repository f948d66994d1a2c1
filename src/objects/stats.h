/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The counters of runtime/stats.h for Python. */
#ifndef MP_OBJECTS_STATS_H
#define MP_OBJECTS_STATS_H

#include <Python.h>

/* _apache._stats() */
PyObject *mp_stats_list(PyObject *op, PyObject *unused);
#define MP_STATS_LIST_DOC \
    "_stats($module, /)\n--\n\n" \
    "What each interpreter of each child has done: a list of dicts."

/* _apache._count(what) */
PyObject *mp_stats_count(PyObject *op, PyObject *what);
#define MP_STATS_COUNT_DOC \
    "_count($module, what, /)\n--\n\n" \
    "One more of \"error\", \"load\" or \"reload\" in this interpreter."

#endif
