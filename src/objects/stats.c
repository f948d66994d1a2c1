/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The counters of interpreters as Python objects; one more error or load. */
#include "objects/stats.h"

#include "objects/state.h"
#include "runtime/interp.h"
#include "runtime/stats.h"
#include "runtime/text.h"

static PyObject *as_dict(const mp_stats *row)
{
    PyObject *name = mp_text_from(row->name);

    if (name == NULL) {
        return NULL;
    }
    /* N: takes the reference, on failure too */
    return Py_BuildValue(
        "{sisNsisOsisisdsKsKsKsKsdsd}", "pid", (int)row->pid, "name", name,
        "instance", row->number, "own_gil", row->own_gil ? Py_True : Py_False,
        "threads", row->threads, "busy", row->inside, "started",
        (double)row->started / APR_USEC_PER_SEC, "requests",
        (unsigned long long)row->requests, "errors",
        (unsigned long long)row->errors, "loads",
        (unsigned long long)row->loads, "reloads",
        (unsigned long long)row->reloads, "run_seconds",
        (double)row->run_ns / 1e9, "wait_seconds", (double)row->wait_ns / 1e9);
}

PyObject *mp_stats_list(PyObject *op, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    int more = 1;
    (void)op;
    (void)unused;

    for (int i = 0; list != NULL && more; i++) {
        mp_stats row;

        if (mp_stats_read(i, &row, &more)) {
            PyObject *item = as_dict(&row);

            if (item == NULL || PyList_Append(list, item) != 0) {
                Py_CLEAR(list);
            }
            Py_XDECREF(item);
        }
    }
    return list;
}

PyObject *mp_stats_count(PyObject *op, PyObject *what)
{
    mp_stats *stats = mp_state_of_module(op)->interp->stats;
    const char *name = PyUnicode_AsUTF8(what);

    if (name == NULL) {
        return NULL;
    }
    switch (name[0]) {
    case 'e':
        mp_stats_add(&stats->errors, 1);
        break;
    case 'l':
        mp_stats_add(&stats->loads, 1);
        break;
    case 'r':
        mp_stats_add(&stats->reloads, 1);
        break;
    default:
        PyErr_Format(PyExc_ValueError, "nothing to count: %R", what);
        return NULL;
    }
    Py_RETURN_NONE;
}
