/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What the files of WSGI share: wsgi.c makes the environ, wsgi_names.c names
 * the headers in it, wsgi_response.c takes what start_response() is given,
 * wsgi_send.c sends the body; wsgi_application.c has the content handler and
 * remembers the application. */
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

/* When the application is done: start_response() and write(), unless it has
 * kept them, may work for the next request. */
void mp_wsgi_take_back(mp_request *self);

/* Sends what an application has returned. See _wsgi_send().
 * @return 0, or -1 with an exception */
int mp_wsgi_send(mp_request *self, PyObject *result);

/* Sends an item of the application.
 * @return 0, or -1 with RuntimeError before start_response(), TypeError, what
 *         req.write() raises */
int mp_wsgi_put(mp_request *self, PyObject *data, int flush);

/* How many names mp_wsgi_name() remembers; a power of two. */
#define MP_WSGI_NAMES 64

/* The name of a header's variable.
 * @param known MP_WSGI_NAMES str or NULL, for names met before
 * @return borrowed from known; NULL without an exception when the header has
 *         characters that would make its variable look like another's */
PyObject *mp_wsgi_name(PyObject **known, const char *header);

/* ---- a function of the module ---- */

/* _apache._wsgi_handler(find, finish, file_wrapper) */
PyObject *mp_wsgi_handler(PyObject *op, PyObject *args);

#define MP_WSGI_HANDLER_DOC                                                   \
    PyDoc_STR(                                                                \
        "_wsgi_handler(find, finish, file_wrapper, /)\n--\n\n"                 \
        "A content handler that calls the WSGI application which\n"           \
        "PythonOption mod_python.wsgi.application names: the one found\n"     \
        "before, or if that is due again what find(req, option) returns;\n"   \
        "option is None where nothing is named.\n"                            \
        "\n"                                                                  \
        "file_wrapper becomes wsgi.file_wrapper. The handler sends a list\n"  \
        "that the application returns; for anything else it returns\n"        \
        "finish(req, result), where NotImplemented is the result for a URI\n" \
        "that is not below the path where the application is mounted.")

/* What wsgi.c keeps in an interpreter: visited and released with its state. */
int mp_wsgi_environ_traverse(mp_state *state, visitproc visit, void *arg);
/* Releases it; it is made again when it is needed. */
void mp_wsgi_environ_clear(mp_state *state);

/* The same for wsgi_application.c. */
int mp_wsgi_applications_traverse(mp_state *state, visitproc visit, void *arg);
/* Forgets all applications. */
void mp_wsgi_applications_clear(mp_state *state);

#endif
