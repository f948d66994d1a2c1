/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Session mutexes that belong to a request: the one the client sent, with its
 * sub-requests and redirects. Taking one again inside is counted, and what is
 * left at the end of the request is released, in whatever thread that is. */
#ifndef MP_OBJECTS_REQUEST_LOCK_H
#define MP_OBJECTS_REQUEST_LOCK_H

#include <Python.h>

/* _apache._request_lock(req, index, wait) */
PyObject *mp_request_lock(PyObject *op, PyObject *args);
#define MP_REQUEST_LOCK_DOC \
    "_request_lock(req, index, wait, /)\n--\n\n" \
    "Takes a session mutex (index from 1, modulo their number) for the\n" \
    "request that req belongs to, until its end; again in the same request:\n" \
    "counts. wait false: only if that is possible at once. Returns whether\n" \
    "the request has it: with wait, False only for a request that holds\n" \
    "another one and did not get this one for 30 seconds (two such requests\n" \
    "may wait for each other). OSError when the system refuses."

/* _apache._request_unlock(req, index) */
PyObject *mp_request_unlock(PyObject *op, PyObject *args);
#define MP_REQUEST_UNLOCK_DOC \
    "_request_unlock(req, index, /)\n--\n\n" \
    "Undoes one _request_lock(). No effect when the request does not hold\n" \
    "the mutex or has ended."

#endif
