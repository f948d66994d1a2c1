/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What the files that read and write for a request share: the right to do
 * I/O on it. httpd's brigades and bucket allocators belong to one thread at a
 * time, and the GIL is released inside them. */
#ifndef MP_OBJECTS_REQUEST_IO_H
#define MP_OBJECTS_REQUEST_IO_H

#include <Python.h>

#include "objects/request.h"

/* Makes this thread the only one inside I/O on the request; waits, detached,
 * for another one to leave. Interpreter held.
 * @return 0; -1 with ReferenceError when the request has ended, RuntimeError
 *         when this thread is inside already: a filter of the request does
 *         I/O on it */
int mp_request_io_begin(const mp_request *self);
/* Attached or not. */
void mp_request_io_end(mp_reqctx *ctx);

/* The same for httpd-facing functions, detached: waits, cannot fail.
 * @return what to give to mp_request_io_leave(): 0 when this thread is inside
 *         already, from a call further out */
int mp_request_io_own(mp_reqctx *ctx);
void mp_request_io_leave(mp_reqctx *ctx, int owned);

/* ---- writing ---- */

/* What becomes of output that was just gathered. */
typedef enum mp_output_fate {
    MP_OUTPUT_KEEP, /* goes with later output or the end of the response */
    MP_OUTPUT_PASS, /* goes down the filters, which may keep it */
    MP_OUTPUT_FLUSH /* goes to the client */
} mp_output_fate;

/* Begins a method that writes: gives this thread the I/O of a request that
 * can still take output. Interpreter held.
 * @return 0, or -1 with ReferenceError, RuntimeError or OSError */
int mp_output_begin(const mp_request *self);

/* Ends it: gives the I/O back, before that passes the brigade on if told to
 * (detached meanwhile).
 * @return new reference to None, or NULL with an exception */
PyObject *mp_output_end(const mp_request *self, mp_output_fate what);

/* The brigade to append to; count the bytes in ctx->out_length. */
apr_bucket_brigade *mp_output_brigade(mp_reqctx *ctx);

/* Empties it. */
void mp_output_drop(mp_reqctx *ctx);

/* Makes the headers of r, not sent yet, those of an error page: status 500,
 * this content type (copied), nothing about what was meant to be sent. */
void mp_output_error_headers(request_rec *r, const char *content_type);

/* The one decision when gathered output leaves: size bytes are about to join
 * it, flush is what the handler asked for; that can be a promise. */
mp_output_fate mp_output_decide(const mp_request *self, apr_size_t size,
                                int flush);

/* For the flusher of objects/promise.h, with the interpreter of the handler
 * held: sends what is pending unless a thread is inside httpd for the request.
 * @return 1, or 0: not now */
int mp_output_keep_promise(mp_reqctx *ctx);

/* Passes the brigade on, whatever is in it. Detached.
 * @return APR_SUCCESS or why nothing more can be sent */
apr_status_t mp_output_pass(mp_reqctx *ctx);

/* Raises what that means to Python. @return NULL always */
PyObject *mp_output_raise(const mp_state *state, apr_status_t rv);

/* Raises SERVER_RETURN(status). @return NULL always */
PyObject *mp_request_raise_status(const mp_state *state, int status);

#endif
