/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Session mutexes of requests. The record is userdata of the request's pool:
 * all interpreters that the request visits find the same one. Only one thread
 * at a time works for a request; threads that its handler makes take turns by
 * the GIL, and the request does not end while one is in here. */
#include "objects/request_lock.h"

#include <limits.h>

#include <apr_pools.h>
#include <apr_time.h>
#include <httpd.h>
#include <http_log.h>

#include "core/log.h"
#include "core/mutex.h"
#include "objects/request.h"
#include "runtime/error.h"

#define KEY "mod_python.request_locks"

/* How long a request that holds a mutex waits for another one. */
#define PATIENCE apr_time_from_sec(30)
#define PAUSE apr_time_from_msec(10)

typedef struct held {
    request_rec *root; /* the request that the client sent */
    int registered;    /* release_all() will be called */
    int mutexes;       /* how many are held */
    int counts[];      /* by number of the mutex: how often it was taken */
} held;

/* At the end of the request; a handler of the cleanup phase that comes later
 * may take locks again. */
static apr_status_t release_all(void *data)
{
    held *h = data;
    int count = mp_mutex_count();

    h->registered = 0;
    for (int i = 1; i <= count && h->mutexes > 0; i++) {
        if (h->counts[i] > 0) {
            apr_status_t rv = mp_mutex_unlock(i);

            h->counts[i] = 0;
            h->mutexes--;
            if (rv != APR_SUCCESS) {
                ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, h->root,
                              MP_LOGNO(0280) "cannot unlock session lock %d "
                              "at the end of the request", i);
            }
        }
    }
    return APR_SUCCESS;
}

/* The record of the request that r belongs to. Never NULL (pools abort). */
static held *get_held(request_rec *r)
{
    void *found = NULL;
    held *h;

    while (r->main != NULL || r->prev != NULL) {
        r = r->main != NULL ? r->main : r->prev;
    }
    apr_pool_userdata_get(&found, KEY, r->pool);
    h = found;
    if (h == NULL) {
        h = apr_pcalloc(r->pool,
                        sizeof(*h) + ((apr_size_t)mp_mutex_count() + 1)
                                         * sizeof(h->counts[0]));
        h->root = r;
        apr_pool_userdata_setn(h, KEY, NULL, r->pool);
    }
    return h;
}

/* Takes a mutex for whoever holds others if patient; no GIL held. */
static apr_status_t try_for(int index, apr_interval_time_t patience)
{
    apr_time_t deadline = apr_time_now() + patience;
    apr_status_t rv = mp_mutex_trylock(index);

    while (rv == APR_EBUSY && apr_time_now() < deadline) {
        apr_sleep(PAUSE);
        rv = mp_mutex_trylock(index);
    }
    return rv;
}

/* @return APR_SUCCESS, APR_EBUSY or an error of the system */
static apr_status_t take(held *h, int index, int wait)
{
    apr_status_t rv;

    if (h->counts[index] == 0) {
        int holds_others = h->mutexes > 0;

        Py_BEGIN_ALLOW_THREADS
        if (wait && !holds_others) {
            rv = mp_mutex_lock(index);
        }
        else {
            rv = try_for(index, wait ? PATIENCE : 0);
        }
        Py_END_ALLOW_THREADS
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (!h->registered) {
            apr_pool_cleanup_register(h->root->pool, h, release_all,
                                      apr_pool_cleanup_null);
            h->registered = 1;
        }
        h->mutexes++;
    }
    h->counts[index]++;
    return APR_SUCCESS;
}

/* The number of the mutex for an argument.
 * @return it, or -1 with an exception */
static int number_of(long index)
{
    int count = mp_mutex_count();

    if (count < 1) {
        PyErr_SetString(PyExc_RuntimeError,
                        "httpd has no mutexes of type mod_python");
        return -1;
    }
    if (index < 1) {
        PyErr_SetString(PyExc_ValueError, "indexes of mutexes begin at 1");
        return -1;
    }
    return 1 + (int)((index - 1) % count);
}

PyObject *mp_request_lock(PyObject *op, PyObject *args)
{
    mp_request *self;
    PyObject *req;
    long index;
    int wait, number;
    apr_status_t rv;

    if (!PyArg_ParseTuple(args, "Olp:_request_lock", &req, &index, &wait)
        || mp_request_rec(mp_state_of_module(op), req) == NULL
        || (number = number_of(index)) < 0) {
        return NULL;
    }
    self = (mp_request *)req;
    self->busy++; /* the request does not end meanwhile */
    rv = take(get_held(self->r), number, wait);
    self->busy--;
    if (rv != APR_SUCCESS && rv != APR_EBUSY) {
        return mp_error_from_apr(rv, "cannot lock a session");
    }
    return PyBool_FromLong(rv == APR_SUCCESS);
}

PyObject *mp_request_unlock(PyObject *op, PyObject *args)
{
    PyObject *req;
    request_rec *r;
    long index;
    int number;
    held *h;
    apr_status_t rv;

    if (!PyArg_ParseTuple(args, "Ol:_request_unlock", &req, &index)
        || (number = number_of(index)) < 0) {
        return NULL;
    }
    r = mp_request_rec(mp_state_of_module(op), req);
    if (r == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_ReferenceError)) {
            return NULL;
        }
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    h = get_held(r);
    if (h->counts[number] == 0 || --h->counts[number] > 0) {
        Py_RETURN_NONE;
    }
    h->mutexes--;
    rv = mp_mutex_unlock(number); /* does not wait: keep the GIL */
    if (rv != APR_SUCCESS) {
        return mp_error_from_apr(rv, "cannot unlock a session");
    }
    Py_RETURN_NONE;
}
