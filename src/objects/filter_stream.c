/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The brigades of a filter's call. Marks keep their place in the stream: a
 * FLUSH that is read over makes what was written before it due, the others go
 * to the output when the reading comes to them. Touches nothing of Python. */
#include "objects/filter_stream.h"

#include <errno.h>
#include <unistd.h>

#include <apr_portable.h>
#include <http_core.h>
#include <http_protocol.h>

#include "objects/request_io.h"

apr_status_t mp_filter_fetch(mp_filter_call *call)
{
    int first = !call->fetched;

    call->fetched = 1;
    if (call->kind == MP_FILTER_IS_INPUT && first) {
        call->rv = ap_get_brigade(call->f->next, call->in, call->mode,
                                  call->block, call->readbytes);
    }
    return call->rv;
}

apr_status_t mp_filter_pass(mp_filter_call *call)
{
    call->flush = 0;
    if (call->kind != MP_FILTER_IS_OUTPUT || APR_BRIGADE_EMPTY(call->out)) {
        return APR_SUCCESS;
    }
    call->passed = 1;
    call->out_length = 0;
    call->rv = ap_pass_brigade(call->f->next, call->out);
    apr_brigade_cleanup(call->out);
    return call->rv;
}

void mp_filter_keep(mp_filter_call *call)
{
    for (apr_bucket *e = APR_BRIGADE_FIRST(call->out);
         e != APR_BRIGADE_SENTINEL(call->out); e = APR_BUCKET_NEXT(e)) {
        if (APR_BUCKET_IS_TRANSIENT(e)) {
            apr_bucket_setaside(e, call->f->r->pool);
        }
    }
}

void mp_filter_add_flush(mp_filter_call *call)
{
    APR_BRIGADE_INSERT_TAIL(
        call->out, apr_bucket_flush_create(call->out->bucket_alloc));
}

void mp_filter_add_eos(mp_filter_call *call)
{
    call->closed = 1;
    APR_BRIGADE_INSERT_TAIL(
        call->out, apr_bucket_eos_create(call->out->bucket_alloc));
}

static void drop_spent(mp_filter_call *call)
{
    if (call->bucket != NULL) {
        apr_bucket_delete(call->bucket);
        call->bucket = NULL;
    }
}

/* A mark that stands at the head of in. */
static void take_mark(mp_filter_call *call, apr_bucket *e)
{
    if (APR_BUCKET_IS_EOS(e)) {
        call->eos = 1;
        apr_bucket_delete(e);
    }
    else if (APR_BUCKET_IS_FLUSH(e)) {
        call->flush = 1;
        apr_bucket_delete(e);
    }
    else { /* an error, an end of a chunk: not ours to understand */
        APR_BUCKET_REMOVE(e);
        APR_BRIGADE_INSERT_TAIL(call->out, e);
    }
}

int mp_filter_next(mp_source *source, apr_off_t want)
{
    mp_filter_call *call = (mp_filter_call *)source; /* its first member */

    (void)want; /* what the call carries is given */
    while (source->length == 0) {
        apr_bucket *e;

        drop_spent(call);
        if (mp_filter_fetch(call) != APR_SUCCESS) {
            return -1;
        }
        if (call->eos || APR_BRIGADE_EMPTY(call->in)) {
            return 0;
        }
        e = APR_BRIGADE_FIRST(call->in);
        if (APR_BUCKET_IS_METADATA(e)) {
            take_mark(call, e);
            continue;
        }
        call->rv = apr_bucket_read(e, &source->data, &source->length,
                                   APR_BLOCK_READ);
        if (call->rv != APR_SUCCESS) {
            source->length = 0;
            return -1;
        }
        call->bucket = e;
    }
    return 1;
}

int mp_filter_copy(mp_source *source, char *dst, apr_size_t size,
                   apr_size_t *got)
{
    mp_filter_call *call = (mp_filter_call *)source; /* its first member */
    apr_bucket *e;
    apr_os_file_t fd;
    ssize_t count;

    drop_spent(call);
    e = APR_BRIGADE_FIRST(call->in);
    if (call->eos || APR_BRIGADE_EMPTY(call->in) || !APR_BUCKET_IS_FILE(e)) {
        return 0;
    }
    apr_os_file_get(&fd, ((apr_bucket_file *)e->data)->fd);
    do {
        count = pread(fd, dst, size < e->length ? size : e->length, e->start);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        call->rv = errno;
        return -1;
    }
    *got = (apr_size_t)count;
    e->start += count;
    e->length -= *got;
    if (count == 0 || e->length == 0) {
        apr_bucket_delete(e); /* nothing: the file is shorter than it was */
    }
    return count > 0;
}

/* The bucket that was read in part, without that part, is the head again. */
static void restore_head(mp_filter_call *call)
{
    if (call->bucket == NULL) {
        return;
    }
    if (call->source.length < call->bucket->length) {
        if (call->source.length > 0) {
            apr_bucket_split(call->bucket,
                             call->bucket->length - call->source.length);
        }
        drop_spent(call);
    }
    call->bucket = NULL;
    call->source.length = 0;
}

apr_status_t mp_filter_move_rest(mp_filter_call *call)
{
    restore_head(call);
    if (mp_filter_fetch(call) != APR_SUCCESS) {
        return call->rv;
    }
    for (apr_bucket *e = APR_BRIGADE_FIRST(call->in);
         e != APR_BRIGADE_SENTINEL(call->in); e = APR_BUCKET_NEXT(e)) {
        if (APR_BUCKET_IS_EOS(e)) {
            call->eos = 1;
            apr_bucket_delete(e);
            break;
        }
    }
    APR_BRIGADE_CONCAT(call->out, call->in);
    return APR_SUCCESS;
}

/* Deletes a bucket of data. What is behind a pipe is read, or the script that
 * writes to it waits for a reader, and mod_cgi for the script. */
static void drop_data(apr_bucket *e)
{
    const char *data;
    apr_size_t size;

    if (e->length == (apr_size_t)-1) {
        /* now it is what was read, and the rest of the pipe follows it */
        apr_bucket_read(e, &data, &size, APR_BLOCK_READ);
    }
    apr_bucket_delete(e);
}

void mp_filter_drop_rest(mp_filter_call *call)
{
    call->source.length = 0;
    drop_spent(call);
    while (!APR_BRIGADE_EMPTY(call->in)) {
        apr_bucket *e = APR_BRIGADE_FIRST(call->in);

        if (APR_BUCKET_IS_METADATA(e)) {
            take_mark(call, e);
        }
        else {
            drop_data(e);
        }
    }
}

void mp_filter_drop_all(apr_bucket_brigade *bb)
{
    while (!APR_BRIGADE_EMPTY(bb)) {
        drop_data(APR_BRIGADE_FIRST(bb));
    }
}

void mp_filter_replace_response(mp_filter_call *call,
                                const char *content_type)
{
    request_rec *r = call->f->r;

    mp_output_error_headers(r, content_type);
    r->output_filters = r->proto_output_filters;
    ap_run_insert_error_filter(r);
    call->passed = 1;
    call->replaced = 1;
    call->rv = ap_pass_brigade(r->output_filters, call->out);
    apr_brigade_cleanup(call->out);
}
