/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_request: a request_rec as a Python object, one for each request and
 * interpreter, and what the module keeps for a request. */
#ifndef MP_OBJECTS_REQUEST_H
#define MP_OBJECTS_REQUEST_H

#include <Python.h>

#include <stdatomic.h>

#include <apr_buckets.h>
#include <apr_tables.h>
#include <httpd.h>

#include "core/config.h"
#include "core/handler_list.h"
#include "core/phase.h"
#include "objects/state.h"
#include "runtime/pool.h"

typedef struct mp_request mp_request;

/* httpd's names of the filters behind req.register_*_filter(), registered by
 * dispatch/filters.c. f->ctx of such a filter is its mp_dynamic_filter when it
 * is first called; the name Python code knows it by is in there. Run it in
 * the interpreter the record names. */
#define MP_FILTER_INPUT "mod_python.in"
#define MP_FILTER_OUTPUT "mod_python.out"

/* State of reading the request body (objects/body.h), shared by the
 * objects of one request. */
typedef struct mp_body mp_body;

/* A filter registered by req.register_*_filter(). */
typedef struct mp_dynamic_filter {
    const char *name; /* lower case */
    int is_input;
    mp_handler *handler;  /* handler->callable: index into callables of the
                             object of interp */
    mp_interp *interp;
    struct mp_dynamic_filter *next;
} mp_dynamic_filter;

/* The promise to send what was written (objects/promise.h). */
typedef enum mp_promise_state {
    MP_PROMISE_NONE,
    MP_PROMISE_MADE,
    MP_PROMISE_KEEPING /* the flusher is at it */
} mp_promise_state;

typedef struct mp_promise {
    struct mp_promise *next;     /* L: the list of all */
    struct mp_promise *previous; /* L: */
    struct mp_reqctx *ctx;
    mp_interp *interp;           /* the handler's */
    const mp_call *call;         /* the handler's */
    unsigned tick;               /* L: when it was made */
    unsigned tried;              /* L: when it was looked at last */
    int fd;                      /* the client's socket */
    int verdict;                 /* 1: may be made for this request, -1: may
                                    not, 0: not known */
    atomic_int state;
    atomic_long size;            /* bytes that are pending */
} mp_promise;

/* What the module keeps for a request, whatever the interpreters: in
 * request_config, from r->pool. No Python objects but the references in
 * objects. */
typedef struct mp_reqctx {
    request_rec *r;
    mp_request *objects;         /* chained by mp_request.next_object; each
                                    reference owned by this record */
    mp_phase reached;            /* the phase it is in or has passed last; set
                                    by dispatch (an init handler that runs in
                                    the post-read-request hook: that phase; a
                                    filter that is the first to meet the
                                    request: PythonHandler) */
    unsigned dynamic_mask;       /* phases with handlers of add_handler() */
    apr_array_header_t **dynamic; /* for each phase, of mp_handler *; NULL:
                                    add_handler() was not called */
    int init_ran;                /* PythonInitHandler ran */
    int early_status;            /* the response that a pre-translate handler
                                    wants, 0: none */
    atomic_ulong io_owner;       /* the thread that is inside I/O on r, 0:
                                    none; see objects/request_io.h */
    mp_body *body;               /* NULL until the first read */
    int input_failed;            /* by a Python input filter, which wants */
    int input_status;            /* this status for the reader, 0: OSError */
    apr_bucket_brigade out;      /* written but not passed on; its pool is
                                    NULL until something is */
    apr_off_t out_length;        /* bytes in it */
    int out_passed;              /* something was passed on: the headers are
                                    out and errors can no longer be pages */
    int out_ended;               /* nothing can be added any more */
    mp_promise promise;          /* to flush out */
    apr_table_t *config;         /* get_config(), made on demand */
    apr_table_t *options;        /* get_options() */
    const mp_dir_conf *config_from;  /* what they were made of; another one */
    const mp_dir_conf *options_from; /* is in effect after the next walk */
    mp_dynamic_filter *filters;  /* of register_*_filter(), newest first */
    apr_array_header_t *callable_owners; /* of mp_interp *, by index of a
                                    callable; see mp_request_owner() */
    int content_type_set;        /* by req.content_type = */
    struct mp_wsgi *wsgi;        /* of wsgi_start_response(), NULL: it was
                                    not called (objects/wsgi.h) */
    mp_stays stays;              /* of a request that no other one led to;
                                    see mp_reqctx_stays() */
    int cleaning;                /* cleanups run: no more are taken */
    int ended;                   /* its objects were ended, no new ones */
} mp_reqctx;

struct mp_request {
    PyObject_HEAD
    request_rec *r;              /* NULL once the request has ended: every
                                    method checks (mp_request_check) */
    mp_reqctx *ctx;              /* NULL together with r */
    mp_state *state;
    mp_request *next_object;     /* see mp_reqctx.objects */
    int busy;                    /* threads inside a method: the request does
                                    not end meanwhile; under the GIL */
    PyObject *dict;              /* attributes set by handlers */

    /* the running handler; set by mp_request_set_running() */
    mp_phase phase;
    const char *interp_name;     /* selected name, of r->pool or config */
    const char *extension;       /* see mp_handler_list_find() */
    const apr_array_header_t *running; /* list of mp_handler *, NULL: none */
    int running_index;
    PyObject *hlist;             /* made on demand for running_index */

    /* always there, attributes without a function behind them; table views
     * end with the request */
    PyObject *connection;
    PyObject *server;
    PyObject *headers_in;
    PyObject *headers_out;
    PyObject *err_headers_out;
    PyObject *subprocess_env;
    PyObject *notes;

    /* made on demand, kept */
    PyObject *config;
    PyObject *options;

    PyObject *callables;         /* list: handlers given as callables */
    PyObject *cleanups;          /* list of (callable, data), NULL: none */
};

/* ---- request.c ---- */

/* The record of r, or NULL when no Python code has met it. */
static inline mp_reqctx *mp_reqctx_find(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &python_module);
}

/* The same, made when missing; registers the pool cleanup that ends the
 * objects. Needs no interpreter. Never NULL (pools abort). */
mp_reqctx *mp_reqctx_get(request_rec *r);

/* What add_handler() has added to a phase so far, NULL: nothing. */
static inline const apr_array_header_t *mp_reqctx_added(const mp_reqctx *ctx,
                                                        mp_phase phase)
{
    return ctx->dynamic != NULL ? ctx->dynamic[phase] : NULL;
}

/* The phase that filters and pages run in: that of the last handlers, which
 * filters do not change. @return never MP_PHASE_NONE */
mp_phase mp_reqctx_phase(request_rec *r);

/* The instances of pools that r stays in, together with the requests that led
 * to it: the one it is a sub-request of, the one it was redirected from. */
mp_stays *mp_reqctx_stays(request_rec *r);

/* What the pool cleanup calls first: PythonCleanupHandler and the like
 * (set by dispatch, which knows how to run handlers). No interpreter held. */
void mp_reqctx_set_cleanup(void (*fn)(mp_reqctx *ctx));

/* The object of r in this interpreter, made on first use.
 * @return new reference, None for r NULL, or NULL with an exception */
PyObject *mp_request_get(mp_state *state, request_rec *r);

/* The object of r in this interpreter when it exists.
 * @return borrowed reference or NULL without an exception */
mp_request *mp_request_find(mp_state *state, const request_rec *r);

/* Tells the object which handler is about to run. Cheap; call for each.
 * @param entries the configured list or mp_reqctx_added(); hlist shows the
 *        dynamic ones after the configured ones; NULL: nothing runs any more
 * @param interp_name, entries must live as long as the request */
void mp_request_set_running(mp_request *self, mp_phase phase,
                            const char *interp_name, const char *extension,
                            const apr_array_header_t *entries, int index);

/* Ends the object early if nobody can tell: no reference beside the one of
 * its mp_reqctx, no view held, no attributes, cleanups or callables. Called by
 * dispatch, attached, when no later phase is expected to need it, with self
 * borrowed (dispatch has released its own reference). Never loses anything: a
 * request it leaves alone ends with its pool, a later use makes a new object.
 */
void mp_request_release(mp_request *self);

/* The interpreter that a handler given as a callable must run in: the index
 * counts the callables of all objects of the request; each object's list has
 * None in place of those of the others.
 * @return NULL for a handler that is not a callable */
mp_interp *mp_request_owner(const mp_reqctx *ctx, const mp_handler *handler);

/* Runs and clears register_cleanup() callables, last registered first; errors
 * are logged. Interpreter held. */
void mp_request_run_cleanups(mp_request *self);

/* @return 0, or -1 with ReferenceError when the request has ended */
int mp_request_check(const mp_request *self);

/* The request_rec of a request object.
 * @return NULL with TypeError or ReferenceError */
request_rec *mp_request_rec(mp_state *state, PyObject *object);

/* ---- request_io.c: none of these needs an interpreter. Call them detached:
 * they may block, and they wait for a thread that is still writing. ---- */

/* Passes pending output on (flush: with a FLUSH bucket). For whoever is about
 * to let others write to r.
 * @return APR_SUCCESS, or what the filters answered */
apr_status_t mp_request_pass(request_rec *r, int flush);

/* Gives a status that httpd has no reason for a line: httpd would send the
 * response with the line of a 500. */
void mp_request_name_status(request_rec *r, int status);

/* Ends the response of a handler that returned OK: pending output goes down
 * as one brigade with its EOS. Without pending output leaves it to httpd. */
apr_status_t mp_request_finish(request_rec *r);

/* Drops pending output, for a handler that failed.
 * @return 1 when nothing had been passed on: an error page is possible */
int mp_request_discard_output(request_rec *r);

/* Makes a response that has begun and cannot be completed recognisable as
 * broken: an error bucket and EOS, the connection is closed. */
void mp_request_abort(request_rec *r);

/* ---- method tables joined by mp_request_setup_type() ---- */

/* METH_* functions, named after their Python method. request_body.c */
PyObject *mp_request_read(PyObject *self, PyObject *const *args,
                          Py_ssize_t nargs);
PyObject *mp_request_readline(PyObject *self, PyObject *const *args,
                              Py_ssize_t nargs);
PyObject *mp_request_readlines(PyObject *self, PyObject *const *args,
                               Py_ssize_t nargs);
PyObject *mp_request_readinto(PyObject *self, PyObject *buffer);
PyObject *mp_request_iternext(PyObject *self);
PyObject *mp_request_discard_request_body(PyObject *self, PyObject *unused);
/* bytes handed to Python so far */
apr_off_t mp_request_read_length(const mp_request *self);

/* request_io.c; sendfile: request_file.c */
PyObject *mp_request_write(PyObject *self, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *kwnames);
PyObject *mp_request_flush(PyObject *self, PyObject *unused);
PyObject *mp_request_sendfile(PyObject *self, PyObject *args,
                              PyObject *kwargs);
PyObject *mp_request_error_page(PyObject *self, PyObject *args);

/* request_http.c: what httpd does with HTTP */
PyObject *mp_request_set_content_length(PyObject *self, PyObject *arg);
PyObject *mp_request_set_etag(PyObject *self, PyObject *unused);
PyObject *mp_request_set_last_modified(PyObject *self, PyObject *unused);
PyObject *mp_request_update_mtime(PyObject *self, PyObject *arg);
PyObject *mp_request_meets_conditions(PyObject *self, PyObject *unused);
PyObject *mp_request_internal_redirect(PyObject *self, PyObject *uri);
PyObject *mp_request_construct_url(PyObject *self, PyObject *uri);
PyObject *mp_request_allow_methods(PyObject *self, PyObject *args);
PyObject *mp_request_auth_name(PyObject *self, PyObject *unused);
PyObject *mp_request_auth_type(PyObject *self, PyObject *unused);
PyObject *mp_request_get_basic_auth_pw(PyObject *self, PyObject *unused);
PyObject *mp_request_get_remote_host(PyObject *self, PyObject *args);
PyObject *mp_request_is_https(PyObject *self, PyObject *unused);
PyObject *mp_request_ssl_var_lookup(PyObject *self, PyObject *name);
PyObject *mp_request_add_cgi_vars(PyObject *self, PyObject *unused);
PyObject *mp_request_add_common_vars(PyObject *self, PyObject *unused);
PyObject *mp_request_send_http_header(PyObject *self, PyObject *unused);
PyObject *mp_request_expr(PyObject *self, PyObject *string);

/* wsgi.c, wsgi_response.c, wsgi_send.c */
PyObject *mp_request_build_wsgi_env(PyObject *self, PyObject *unused);
PyObject *mp_request_wsgi_start_response(PyObject *self, PyObject *const *args,
                                         Py_ssize_t nargs, PyObject *kwnames);
PyObject *mp_request_wsgi_send(PyObject *self, PyObject *result);
PyObject *mp_request_wsgi_send_file(PyObject *self, PyObject *args);

/* request_config.c: configuration, handlers and filters of this request */
PyObject *mp_request_get_config(PyObject *self, PyObject *unused);
PyObject *mp_request_get_options(PyObject *self, PyObject *unused);
PyObject *mp_request_requires(PyObject *self, PyObject *unused);
PyObject *mp_request_document_root(PyObject *self, PyObject *unused);
PyObject *mp_request_get_addhandler_exts(PyObject *self, PyObject *unused);
PyObject *mp_request_add_handler(PyObject *self, PyObject *args,
                                 PyObject *kwargs);
PyObject *mp_request_register_input_filter(PyObject *self, PyObject *args,
                                           PyObject *kwargs);
PyObject *mp_request_register_output_filter(PyObject *self, PyObject *args,
                                            PyObject *kwargs);
PyObject *mp_request_add_input_filter(PyObject *self, PyObject *name);
PyObject *mp_request_add_output_filter(PyObject *self, PyObject *name);
PyObject *mp_request_log_error(PyObject *self, PyObject *args,
                               PyObject *kwargs);
PyObject *mp_request_register_cleanup(PyObject *self, PyObject *args,
                                      PyObject *kwargs);

/* Docstrings of the methods above, defined next to them. */
#define MP_REQUEST_DOC(name) extern const char mp_request_##name##_doc[]
MP_REQUEST_DOC(read);
MP_REQUEST_DOC(readline);
MP_REQUEST_DOC(readlines);
MP_REQUEST_DOC(readinto);
MP_REQUEST_DOC(discard_request_body);
MP_REQUEST_DOC(write);
MP_REQUEST_DOC(flush);
MP_REQUEST_DOC(sendfile);
MP_REQUEST_DOC(error_page); /* of req._error_page */
MP_REQUEST_DOC(set_content_length);
MP_REQUEST_DOC(set_etag);
MP_REQUEST_DOC(set_last_modified);
MP_REQUEST_DOC(update_mtime);
MP_REQUEST_DOC(meets_conditions);
MP_REQUEST_DOC(internal_redirect);
MP_REQUEST_DOC(construct_url);
MP_REQUEST_DOC(allow_methods);
MP_REQUEST_DOC(auth_name);
MP_REQUEST_DOC(auth_type);
MP_REQUEST_DOC(get_basic_auth_pw);
MP_REQUEST_DOC(get_remote_host);
MP_REQUEST_DOC(is_https);
MP_REQUEST_DOC(ssl_var_lookup);
MP_REQUEST_DOC(add_cgi_vars);
MP_REQUEST_DOC(add_common_vars);
MP_REQUEST_DOC(send_http_header);
MP_REQUEST_DOC(expr);
MP_REQUEST_DOC(build_wsgi_env);
MP_REQUEST_DOC(wsgi_start_response);
MP_REQUEST_DOC(wsgi_send); /* of req._wsgi_send and so on */
MP_REQUEST_DOC(wsgi_send_file);
MP_REQUEST_DOC(get_config);
MP_REQUEST_DOC(get_options);
MP_REQUEST_DOC(requires);
MP_REQUEST_DOC(document_root);
MP_REQUEST_DOC(get_addhandler_exts);
MP_REQUEST_DOC(add_handler);
MP_REQUEST_DOC(register_input_filter);
MP_REQUEST_DOC(register_output_filter);
MP_REQUEST_DOC(add_input_filter);
MP_REQUEST_DOC(add_output_filter);
MP_REQUEST_DOC(log_error);
MP_REQUEST_DOC(register_cleanup);
#undef MP_REQUEST_DOC

/* ---- request_members.c ---- */

/* The entry that runs now for this request, a filter's too, or NULL. */
const mp_handler *mp_request_handler(const mp_request *self);
/* Its directory, with a slash at its end; NULL: it has none. */
const char *mp_request_directory(const mp_request *self,
                                 const mp_handler *handler);

/* The getset table of the type, ended by a NULL row. */
extern PyGetSetDef mp_request_getset[];

#endif
