/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What the files of WSGI share: wsgi.c makes the environ,
 * wsgi_response.c takes what start_response() is given, wsgi_send.c sends the
 * body; wsgi_application.c remembers the application. */
#ifndef MP_OBJECTS_WSGI_H
#define MP_OBJECTS_WSGI_H

#include "objects/request.h"

/* The response of a WSGI application: mp_reqctx.wsgi, made by the first
 * start_response(). */
struct mp_wsgi {
    /* what that one found: a later one, after an error, begins with it */
    const apr_table_t *headers_out; /* NULL: nothing */
    const char *content_type;
    apr_off_t clength;

    int without_body; /* HEAD, or a status that has none */
    apr_off_t left;   /* bytes up to the Content-Length, -1: none was given */
};

/* The environ (a new dict), with file_wrapper in it if it is not NULL.
 * @return None for a URI not below the application, NULL with an exception */
PyObject *mp_wsgi_environ(mp_request *self, PyObject *file_wrapper);

/* @return start_response(), a callable, or NULL with an exception */
PyObject *mp_wsgi_start_response(mp_request *self);

/* Sends an item of the application.
 * @return 0, or -1 with RuntimeError before start_response(), TypeError, what
 *         req.write() raises */
int mp_wsgi_put(mp_request *self, PyObject *data, int flush);

/* What wsgi.c keeps in an interpreter: visited and released with its state. */
int mp_wsgi_environ_traverse(mp_state *state, visitproc visit, void *arg);
/* Releases it; it is made again when it is needed. */
void mp_wsgi_environ_clear(mp_state *state);

/* The same for wsgi_application.c. */
int mp_wsgi_applications_traverse(mp_state *state, visitproc visit, void *arg);
/* Forgets all applications. */
void mp_wsgi_applications_clear(mp_state *state);

#endif
