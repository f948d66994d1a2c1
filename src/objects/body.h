/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The body of a request as one stream of bytes, out of httpd's input filters
 * (which decode chunks, answer "Expect: 100-continue" and keep the limits).
 * One thread at a time, see objects/request_io.h; no interpreter needed. */
#ifndef MP_OBJECTS_BODY_H
#define MP_OBJECTS_BODY_H

#include <apr_buckets.h>
#include <httpd.h>

#include "objects/request.h"
#include "objects/source.h"

struct mp_body {
    mp_source source;       /* what is read with mp_source_*() */
    request_rec *r;         /* that reads it now */
    apr_bucket_brigade *bb; /* came from the filters, not yet handed out */
    apr_bucket *bucket;     /* its first one when the source points into it */
    apr_off_t delivered;    /* bytes handed to Python */
    int busy;               /* a call is inside */
    int eos;                /* the filters have nothing more */
    int closed;             /* nor are they asked again */
    int failed;             /* they failed: every later read does */
    int status;             /* with failed: what to answer, 0: the client is
                               gone, too slow or sent too little */
};

/* The body of ctx->r, begun when it was not: never NULL. A request made by an
 * internal redirect goes on where the one before it stopped. */
mp_body *mp_body_get(mp_reqctx *ctx);

/* Drops the rest. May block. @return OK or the status httpd asks for */
int mp_body_discard(mp_body *body);

#endif
