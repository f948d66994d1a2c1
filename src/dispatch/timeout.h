/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* PythonHandlerTimeout: handler calls that run too long. */
#ifndef MP_DISPATCH_TIMEOUT_H
#define MP_DISPATCH_TIMEOUT_H

#include <Python.h>

#include <apr_time.h>

#include "objects/state.h"

/* A call that is watched; lives on the C stack of its caller. */
typedef struct mp_timed {
    mp_state *state;
    const mp_call *call;       /* what the thread serves */
    unsigned long thread;      /* Python's identifier of it */
    unsigned long serial;
    apr_interval_time_t limit;
    apr_time_t begin;
    apr_time_t deadline;       /* the next thing to do, 0: nothing more */
    int fired;                 /* HandlerTimeout was raised in it */
    struct mp_timed *next;
} mp_timed;

/* Has HandlerTimeout raised in this thread when limit is over before
 * mp_timeout_end(). Interpreter held. Without memory for a thread that watches
 * it logs so, and there is no limit. */
void mp_timeout_begin(mp_timed *timed, mp_state *state,
                      apr_interval_time_t limit);
/* Interpreter held. From here on nothing is raised. */
void mp_timeout_end(mp_timed *timed);

/* The child ends: nothing is raised any more. */
void mp_timeout_stop(void);

#endif
