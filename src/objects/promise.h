/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* A promise to flush. req.write() flushes by default, and that costs a third
 * of all throughput when the response ends right after it; so it promises to
 * flush within some milliseconds instead. Mostly the response ends before
 * that. If it does not, one thread of the child, the flusher, keeps the
 * promise: it takes the interpreter, so that the handler's thread is in none
 * of its code, and leaves the request alone while that thread is in httpd's. */
#ifndef MP_OBJECTS_PROMISE_H
#define MP_OBJECTS_PROMISE_H

#include "objects/request.h"

/* Promises that what is pending, with size bytes that will join it, is sent
 * soon. Interpreter held, the request's I/O too.
 * @return 1, or 0: not possible here, flush at once */
int mp_promise_make(const mp_request *self, apr_size_t size);

/* Takes it back: somebody else sends what is pending. Before the handler that
 * made it returns, attached.
 * @return 1: there was one to keep */
int mp_promise_cancel(mp_reqctx *ctx);

/* Keeps it now, for what may take long and cannot be interrupted. Attached. */
void mp_promise_settle(mp_reqctx *ctx);

/* Another filter is in the way to the client: look at them again. */
void mp_promise_look_again(mp_reqctx *ctx);

/* Finds out which filters httpd has. Once, when its configuration is read. */
void mp_promise_post_config(void);

/* The child exits: ends the flusher, in bounded time. Detached. */
void mp_promise_stop(void);

#endif
