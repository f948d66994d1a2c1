/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The stream of a request's body out of httpd's input filters. Nothing in
 * here touches Python; the functions that may block are called detached. */
#include "objects/body.h"

#include <string.h>

#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

/* A filter that answers a blocking read with nothing so often is broken. */
#define MAX_EMPTY 1000

/* Runs before the brigade's own cleanup empties it: what remains is gone, but
 * later cleanups may still run Python code that reads. */
static apr_status_t end_body(void *data)
{
    mp_body *body = data;

    body->bucket = NULL;
    body->source.length = 0;
    body->eos = 1;
    return APR_SUCCESS;
}

/* The body that an earlier request of a chain of internal redirects began to
 * read: the same stream goes on. NULL: none did. */
static mp_body *inherited(const request_rec *r)
{
    for (const request_rec *p = r->prev; p != NULL; p = p->prev) {
        const mp_reqctx *ctx = mp_reqctx_find(p);

        if (ctx != NULL && ctx->body != NULL) {
            return ctx->body;
        }
    }
    return NULL;
}

/* What to answer for a body that httpd refuses, 0 for one that got lost. */
static int refusal(const request_rec *r, apr_status_t rv)
{
    switch (rv) {
    case AP_FILTER_ERROR: /* the answer was sent already */
        return ap_is_HTTP_ERROR(r->status) ? r->status : DONE;
    case APR_EGENERAL: /* this and the next: malformed */
    case APR_EINVAL:
        return HTTP_BAD_REQUEST;
    case APR_ENOSPC:
    case APR_ENOTIMPL:
        return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    default:
        return 0;
    }
}

static int fail(mp_body *body, request_rec *r, int status)
{
    /* where the next request would begin nobody knows */
    r->connection->keepalive = AP_CONN_CLOSE;
    body->failed = 1;
    body->status = status;
    return -1;
}

/* Asks the filters for more. @return 0 or -1 */
static int fetch(mp_body *body, request_rec *r, apr_off_t want)
{
    int was_sent = r->eos_sent;
    const mp_reqctx *ctx = mp_reqctx_find(r);
    apr_status_t rv;

    if (was_sent || body->closed) {
        /* httpd has dropped the rest of the body with the response's end */
        body->eos = 1;
        return 0;
    }
    for (int i = 0; i < MAX_EMPTY; i++) {
        rv = ap_get_brigade(r->input_filters, body->bb, AP_MODE_READBYTES,
                            APR_BLOCK_READ, want);
        if (rv != APR_SUCCESS && ctx != NULL && ctx->input_failed) {
            return fail(body, r, ctx->input_status);
        }
        if (rv != APR_SUCCESS) {
            return fail(body, r, refusal(r, rv));
        }
        if (r->eos_sent) {
            /* refused while a response was under way: ended by httpd */
            return fail(body, r, ap_get_limit_req_body(r) > 0
                                     ? HTTP_REQUEST_ENTITY_TOO_LARGE
                                     : HTTP_BAD_REQUEST);
        }
        if (!APR_BRIGADE_EMPTY(body->bb)) {
            return 0;
        }
    }
    return fail(body, r, 0);
}

/* Takes the first bucket of bb: data, a mark, or the end. @return 0 or -1 */
static int take_bucket(mp_body *body, request_rec *r)
{
    apr_bucket *e = APR_BRIGADE_FIRST(body->bb);
    apr_status_t rv;

    if (APR_BUCKET_IS_EOS(e)) {
        body->eos = 1;
        apr_brigade_cleanup(body->bb);
        return 0;
    }
    if (AP_BUCKET_IS_ERROR(e)) {
        return fail(body, r, ((ap_bucket_error *)e->data)->status);
    }
    if (APR_BUCKET_IS_METADATA(e)) {
        apr_bucket_delete(e);
        return 0;
    }
    rv = apr_bucket_read(e, &body->source.data, &body->source.length,
                         APR_BLOCK_READ);
    if (rv != APR_SUCCESS) {
        body->source.length = 0;
        return fail(body, r, refusal(r, rv));
    }
    body->bucket = e;
    return 0;
}

static int next_data(mp_source *source, apr_off_t want)
{
    mp_body *body = (mp_body *)source; /* its first member */
    request_rec *r = body->r;

    while (source->length == 0) {
        if (body->bucket != NULL) {
            apr_bucket_delete(body->bucket);
            body->bucket = NULL;
        }
        if (body->failed) {
            return -1;
        }
        if (body->eos) {
            return 0;
        }
        if ((APR_BRIGADE_EMPTY(body->bb) ? fetch(body, r, want)
                                         : take_bucket(body, r)) < 0) {
            return -1;
        }
    }
    return 1;
}

static void count(mp_source *source, apr_size_t size)
{
    mp_body *body = (mp_body *)source;
    request_rec *r = body->r;
    apr_off_t taken = (apr_off_t)size;

    body->delivered += taken;
    if (!r->read_chunked) {
        r->remaining -= r->remaining < taken ? r->remaining : taken;
    }
}

static mp_body *make_body(request_rec *r)
{
    mp_body *body = apr_pcalloc(r->pool, sizeof(*body));
    int rc;

    body->source.next = next_data;
    body->source.taken = count;
    body->bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_pool_cleanup_register(r->pool, body, end_body, apr_pool_cleanup_null);
    /* a sub-request has no body but the one mod_request kept for it */
    body->eos = r->main != NULL && r->kept_body == NULL;
    rc = ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK);
    if (rc != OK && !body->eos) {
        fail(body, r, rc);
    }
    return body;
}

mp_body *mp_body_get(mp_reqctx *ctx)
{
    request_rec *r = ctx->r;
    mp_body *body = ctx->body;

    if (body != NULL) {
        body->r = r;
        return body;
    }
    body = inherited(r);
    if (body == NULL) {
        body = make_body(r);
    }
    else if (body->busy || body->failed) {
        /* a read led to this error document, which finds nothing left */
        body = make_body(r);
        body->eos = 1;
        body->failed = 0;
    }
    else {
        r->read_body = r->prev->read_body;
        r->read_chunked = r->prev->read_chunked;
        r->remaining = r->prev->remaining;
    }
    body->r = r;
    ctx->body = body;
    return body;
}

int mp_body_discard(mp_body *body)
{
    request_rec *r = body->r;
    int rc = OK;

    if (body->failed) {
        return body->status != 0 ? body->status : HTTP_BAD_REQUEST;
    }
    apr_brigade_cleanup(body->bb);
    body->bucket = NULL;
    body->source.length = 0;
    if (!body->eos && !body->closed && !r->eos_sent) {
        rc = ap_discard_request_body(r);
    }
    body->eos = 1;
    r->remaining = 0;
    return rc;
}
