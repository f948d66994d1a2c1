/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Python filters in httpd's chains: from a call of httpd's to one of the
 * handler's, and from what that did to what httpd is told.
 *
 * Output: each brigade is one call; what was written goes on when the call
 * returns, so nothing is held back between calls. Input: each read of whoever
 * wants the body is one call or, until there is something to give, more.
 *
 * A filter that failed never lets anything through again. */
#include "dispatch/filters.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "core/config.h"
#include "core/directives.h"
#include "core/log.h"
#include "dispatch/handler.h"
#include "dispatch/hooks.h"
#include "objects/body.h"
#include "objects/filter.h"
#include "objects/request.h"
#include "objects/request_io.h"
#include "runtime/compat.h"
#include "runtime/error.h"
#include "runtime/interp.h"

/* Calls of an input filter that neither give nor take anything before the
 * reader is told that it is broken. */
#define MAX_IDLE 1000

/* What lasts through the calls of one filter: f->ctx, of the request's
 * pool. */
typedef struct filter_state {
    const void *tag;          /* &own_tag: this is one */
    const mp_handler *handler;
    const char *name;
    mp_interp *interp;        /* of a registered one, else NULL: by name */
    apr_bucket_brigade *out;  /* input: what readers have not taken yet */
    apr_bucket_brigade *in;   /* input: of the next filter, in a call */
    int called;
    int raised;               /* the handler has ended with an exception that
                                 is no SERVER_RETURN */
    int passed;               /* output: something went to the next filter */
    int closed;               /* the filter has ended the stream */
    int transparent;          /* disable(), or no handler */
    int failed;
} filter_state;

/* Tells a filter_state from the mp_dynamic_filter that f->ctx of a registered
 * filter is before its first call. */
static const char own_tag;

static const char *directive_of(mp_filter_kind kind)
{
    return kind == MP_FILTER_IS_INPUT ? "PythonInputFilter"
                                      : "PythonOutputFilter";
}

/* ---- one call ---- */

/* An error of the handler's, for the log only: what would be a plain result
 * of a request handler is unexpected here. */
static void log_server_return(PyObject *exc, const mp_filter_call *call)
{
    char prefix[200];

    mp_compat_set_raised(Py_NewRef(exc));
    apr_snprintf(prefix, sizeof(prefix),
                 MP_LOGNO(0340) "%s %s: SERVER_RETURN instead of output",
                 directive_of(call->kind), call->handler->spec);
    mp_error_log_exception(prefix);
}

/* Judges an exception of the handler. @return OK, or the status the response
 * is to become */
static int judge_exception(mp_state *state, const mp_dir_conf *conf,
                           PyObject *filter, filter_state *fs,
                           const mp_filter_call *call)
{
    PyObject *exc = mp_compat_get_raised();
    int status;

    mp_compat_set_raised(Py_XNewRef(exc));
    status = mp_handler_result(state, conf, NULL, filter,
                               directive_of(call->kind), call->handler, NULL,
                               &fs->raised);
    if (fs->raised) {
        status = HTTP_INTERNAL_SERVER_ERROR;
    }
    else if (!ap_is_HTTP_ERROR(status) && !ap_is_HTTP_REDIRECT(status)) {
        status = OK; /* as if it had returned */
    }
    else if (exc != NULL) {
        log_server_return(exc, call);
    }
    Py_XDECREF(exc);
    return status;
}

/* Attached: finds and calls the handler. @return as judge_exception() */
static int call_handler(mp_state *state, const mp_dir_conf *conf,
                        filter_state *fs, mp_filter_call *call)
{
    request_rec *r = call->f->r;
    PyObject *filter = mp_filter_new(state, call);
    PyObject *callable;
    PyObject *result = NULL;
    mp_request *req;
    int status = OK;
    int found;

    if (filter == NULL) {
        mp_error_log_exception(MP_LOGNO(0341) "cannot make a filter object");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    req = mp_request_find(state, r); /* NULL: nobody has asked for it yet */
    found = mp_handler_resolve(state, call->handler, conf, r->filename,
                               req != NULL ? req->callables : NULL,
                               r->request_time, &callable);
    if (found > 0) {
        result = mp_handler_call(state, conf, callable, filter);
        Py_DECREF(callable);
    }
    if (found == 0) {
        call->disabled = 1;
    }
    else if (result == NULL) {
        status = judge_exception(state, conf, filter, fs, call);
    }
    Py_XDECREF(result);
    mp_filter_end(filter);
    Py_DECREF(filter);
    return status;
}

/* Detached: runs the handler once. @return as judge_exception() */
static int run(filter_state *fs, mp_filter_call *call)
{
    request_rec *r = call->f->r;
    const mp_dir_conf *conf = mp_config_of_request(r);
    mp_reqctx *ctx = mp_reqctx_get(r);
    mp_call frame = {
        .r = r,
        .c = r->connection,
        .s = r->server,
        .phase = mp_reqctx_phase(r),
        .handler = fs->handler,
    };
    mp_interp *interp = fs->interp;
    mp_entry entry;
    int status;
    int owned;

    if (interp != NULL) {
        frame.interp_name = interp->name;
    }
    else {
        interp = mp_handler_interp(r, conf, fs->handler, &frame.interp_name);
    }
    fs->raised = 1;
    if (interp == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MP_LOGNO(0342) "%s %s: no interpreter %s to run it in",
                      directive_of(call->kind), fs->handler->spec,
                      frame.interp_name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    /* I/O of the handler's on the request itself, which runs through this very
     * filter, is refused */
    owned = mp_request_io_own(ctx);
    status = HTTP_INTERNAL_SERVER_ERROR;
    if (mp_interp_enter(interp, &frame, &entry) == 0) {
        status = call_handler(interp->state, conf, fs, call);
        mp_interp_leave(&entry);
    }
    mp_request_io_leave(ctx, owned);
    return status;
}

/* ---- the state of a filter ---- */

/* mod_filter calls the filters of AddOutputFilterByType under a name that it
 * makes of theirs. */
static const char *name_of(const ap_filter_t *f)
{
    static const char by_type[] = "BYTYPE:";
    const char *name = f->frec->name;

    return ap_cstr_casecmpn(name, by_type, sizeof(by_type) - 1) == 0
               ? name + sizeof(by_type) - 1
               : name;
}

static filter_state *state_of(ap_filter_t *f, int is_input)
{
    filter_state *fs = f->ctx;
    const mp_dynamic_filter *registered;

    if (fs != NULL && fs->tag == &own_tag) {
        return fs;
    }
    registered = f->ctx;
    fs = apr_pcalloc(f->r->pool, sizeof(*fs));
    fs->tag = &own_tag;
    f->ctx = fs;
    if (registered != NULL) {
        fs->name = registered->name;
        fs->handler = registered->handler;
        fs->interp = registered->interp;
    }
    else {
        const mp_filter_conf *conf;

        fs->name = name_of(f);
        conf = mp_config_filter(mp_config_of_request(f->r), fs->name,
                                is_input);
        fs->handler = conf != NULL ? conf->handler : NULL;
    }
    if (fs->handler == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r,
                      MP_LOGNO(0343) "%s filter %s has no handler here: its "
                      "directive stands in another section",
                      is_input ? "input" : "output", fs->name);
    }
    fs->out = apr_brigade_create(f->r->pool, f->c->bucket_alloc);
    if (is_input) {
        fs->in = apr_brigade_create(f->r->pool, f->c->bucket_alloc);
    }
    return fs;
}

/* ---- output ---- */

/* The request whose headers the client gets. */
static request_rec *top_of(request_rec *r)
{
    while (r->main != NULL) {
        r = r->main;
    }
    return r;
}

/* Makes a response that has begun recognisable as broken, or that of a page
 * around a sub-request an error. */
static void break_off(const mp_filter_call *call, int status)
{
    ap_filter_t *f = call->f;
    apr_bucket_brigade *bb = call->out;

    f->c->keepalive = AP_CONN_CLOSE;
    if (top_of(f->r)->sent_bodyct) {
        /* httpd's sign for it: a chunked response gets no end */
        status = HTTP_BAD_GATEWAY;
    }
    APR_BRIGADE_INSERT_TAIL(
        bb, ap_bucket_error_create(status, NULL, f->r->pool,
                                   f->c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(f->c->bucket_alloc));
    ap_pass_brigade(f->next, bb);
}

/* What those before a filter that failed are told. */
static apr_status_t failure(const ap_filter_t *f)
{
    return f->c->aborted ? APR_ECONNABORTED : AP_FILTER_ERROR;
}

/* The response cannot be what it should: while nothing has been passed on it
 * becomes an error, else it breaks off and the connection with it.
 * @return what to tell the filter before */
static apr_status_t fail_output(filter_state *fs, const mp_filter_call *call,
                                int status)
{
    request_rec *r = call->f->r;

    fs->failed = 1;
    if (!call->passed) {
        apr_brigade_cleanup(call->out);
    }
    if (call->replaced || call->closed || call->f->c->aborted) {
        return failure(call->f); /* there is a page, or it is too late */
    }
    if (call->passed || r->main != NULL) {
        break_off(call, status);
    }
    else {
        mp_request_name_status(r, status);
        ap_die(status, r);
    }
    apr_brigade_cleanup(call->out);
    return AP_FILTER_ERROR;
}

/* After the handler: what it has left over, marks, the end. */
static apr_status_t end_output(filter_state *fs, mp_filter_call *call)
{
    apr_status_t rv;

    if (call->disabled) {
        fs->transparent = 1;
        if (!call->closed) {
            mp_filter_move_rest(call);
        }
    }
    if (!call->closed) {
        mp_filter_drop_rest(call);
        if (call->eos) {
            mp_filter_add_eos(call);
        }
        else if (call->flush) {
            APR_BRIGADE_INSERT_TAIL(
                call->out,
                apr_bucket_flush_create(call->out->bucket_alloc));
        }
    }
    rv = mp_filter_pass(call);
    if (rv == APR_SUCCESS) {
        mp_filter_drop_all(call->in);
    }
    fs->passed = call->passed;
    fs->closed = call->closed;
    return rv;
}

/* Anything in it that a handler could care about? */
static int has_content(apr_bucket_brigade *bb)
{
    for (apr_bucket *e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb);
         e = APR_BUCKET_NEXT(e)) {
        if (!APR_BUCKET_IS_METADATA(e) || APR_BUCKET_IS_EOS(e)) {
            return 1;
        }
    }
    return 0;
}

/* Runs the handler on one brigade. */
static apr_status_t filter_output(filter_state *fs, ap_filter_t *f,
                                  apr_bucket_brigade *bb)
{
    request_rec *r = f->r;
    mp_filter_call call = {
        .kind = MP_FILTER_IS_OUTPUT,
        .f = f,
        .handler = fs->handler,
        .name = fs->name,
        .in = bb,
        .out = fs->out,
        .passed = fs->passed,
    };
    const char *length = NULL;
    int status = HTTP_INTERNAL_SERVER_ERROR;

    if (!fs->called) {
        /* whatever comes out is most likely of another length */
        length = apr_table_get(r->headers_out, "Content-Length");
        apr_table_unset(r->headers_out, "Content-Length");
        fs->called = 1;
    }
    if (fs->handler != NULL) {
        status = run(fs, &call);
    }
    if (status != OK) {
        return fail_output(fs, &call, status);
    }
    if (length != NULL && call.disabled && !call.fetched && !call.passed
        && APR_BRIGADE_EMPTY(call.out)) {
        apr_table_setn(r->headers_out, "Content-Length", length);
    }
    return end_output(fs, &call);
}

static apr_status_t output_filter(ap_filter_t *f, apr_bucket_brigade *bb)
{
    filter_state *fs = state_of(f, 0);
    apr_status_t rv;

    if (fs->failed) {
        apr_brigade_cleanup(bb);
        return failure(f);
    }
    if (fs->closed) {
        mp_filter_drop_all(bb);
        return APR_SUCCESS;
    }
    if (APR_BRIGADE_EMPTY(bb)) {
        return APR_SUCCESS;
    }
    if (fs->transparent || !has_content(bb)) {
        fs->passed = 1; /* a FLUSH mark sends the headers */
        return ap_pass_brigade(f->next, bb);
    }
    rv = filter_output(fs, f, bb);
    apr_brigade_cleanup(bb);
    return rv;
}

/* ---- input ---- */

static int has_reader_of_ours(const mp_reqctx *ctx)
{
    return ctx->body != NULL && ctx->body->busy;
}

/* Tells the reader why there is nothing: our own req.read() by way of the
 * context (it raises OSError, or SERVER_RETURN(status)); for others httpd
 * answers the client at once. */
static apr_status_t fail_input(filter_state *fs, const mp_filter_call *call,
                               int status)
{
    request_rec *r = call->f->r;
    mp_reqctx *ctx = mp_reqctx_get(r);

    fs->failed = 1;
    apr_brigade_cleanup(call->out);
    apr_brigade_cleanup(call->in);
    r->connection->keepalive = AP_CONN_CLOSE;
    if (fs->raised && call->rv != APR_SUCCESS) {
        return call->rv; /* the client's fault */
    }
    ctx->input_failed = 1;
    ctx->input_status = fs->raised ? 0 : status;
    if (has_reader_of_ours(ctx) || r->eos_sent || r->sent_bodyct) {
        return APR_EGENERAL;
    }
    mp_request_name_status(r, status);
    ap_die(status, r);
    return AP_FILTER_ERROR;
}

/* After the handler: what it has left over, the end. */
static void end_input(filter_state *fs, mp_filter_call *call)
{
    if (call->disabled) {
        fs->transparent = 1;
        if (!call->closed) {
            mp_filter_move_rest(call);
        }
    }
    if (!call->closed) {
        mp_filter_fetch(call); /* one that does not read drops the data */
        mp_filter_drop_rest(call);
        if (call->eos) {
            mp_filter_add_eos(call);
        }
    }
    else if (!call->eos) {
        /* what it did not want to read must not become the next request */
        call->f->c->keepalive = AP_CONN_CLOSE;
    }
    apr_brigade_cleanup(call->in);
    fs->closed = call->closed;
}

/* Runs the handler until there is something to give.
 * @return why there is nothing */
static apr_status_t filter_input(filter_state *fs, ap_filter_t *f,
                                 ap_input_mode_t mode, apr_read_type_e block,
                                 apr_off_t readbytes)
{
    for (int i = 0; i < MAX_IDLE; i++) {
        mp_filter_call call = {
            .kind = MP_FILTER_IS_INPUT,
            .f = f,
            .handler = fs->handler,
            .name = fs->name,
            .in = fs->in,
            .out = fs->out,
            .mode = mode,
            .block = block,
            .readbytes = readbytes,
        };
        int status = HTTP_INTERNAL_SERVER_ERROR;

        fs->raised = 1;
        if (fs->handler != NULL) {
            status = run(fs, &call);
        }
        if (status != OK) {
            return fail_input(fs, &call, status);
        }
        end_input(fs, &call);
        if (!APR_BRIGADE_EMPTY(fs->out)) {
            return APR_SUCCESS;
        }
        if (call.rv != APR_SUCCESS) {
            return call.rv;
        }
        if (block == APR_NONBLOCK_READ) {
            return APR_EAGAIN;
        }
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r,
                  MP_LOGNO(0344) "%s %s: reads and reads and gives nothing",
                  directive_of(MP_FILTER_IS_INPUT), fs->handler->spec);
    return APR_EGENERAL;
}

/* Gives the reader as much as it wants, the rest is kept. */
static apr_status_t give(filter_state *fs, ap_filter_t *f,
                         apr_bucket_brigade *bb, ap_input_mode_t mode,
                         apr_off_t readbytes)
{
    apr_bucket_brigade *out = fs->out;
    apr_bucket *e;

    if (mode == AP_MODE_GETLINE) {
        apr_brigade_split_line(bb, out, APR_BLOCK_READ, HUGE_STRING_LEN);
    }
    else if (readbytes <= 0
             || apr_brigade_partition(out, readbytes, &e) != APR_SUCCESS) {
        APR_BRIGADE_CONCAT(bb, out);
    }
    else {
        if (e != APR_BRIGADE_SENTINEL(out) && APR_BUCKET_IS_EOS(e)) {
            e = APR_BUCKET_NEXT(e);
        }
        while (APR_BRIGADE_FIRST(out) != e) {
            apr_bucket *first = APR_BRIGADE_FIRST(out);

            APR_BUCKET_REMOVE(first);
            APR_BRIGADE_INSERT_TAIL(bb, first);
        }
    }
    for (e = APR_BRIGADE_FIRST(out); e != APR_BRIGADE_SENTINEL(out);
         e = APR_BUCKET_NEXT(e)) {
        apr_bucket_setaside(e, f->r->pool);
    }
    return APR_SUCCESS;
}

static apr_status_t input_filter(ap_filter_t *f, apr_bucket_brigade *bb,
                                 ap_input_mode_t mode, apr_read_type_e block,
                                 apr_off_t readbytes)
{
    filter_state *fs;
    apr_status_t rv;

    if (mode != AP_MODE_READBYTES && mode != AP_MODE_GETLINE) {
        return ap_get_brigade(f->next, bb, mode, block, readbytes);
    }
    fs = state_of(f, 1);
    if (fs->failed) {
        return APR_EGENERAL;
    }
    if (APR_BRIGADE_EMPTY(fs->out)) {
        if (fs->closed) {
            APR_BRIGADE_INSERT_TAIL(
                bb, apr_bucket_eos_create(f->c->bucket_alloc));
            return APR_SUCCESS;
        }
        if (fs->transparent) {
            return ap_get_brigade(f->next, bb, mode, block, readbytes);
        }
        rv = filter_input(fs, f, mode, block, readbytes);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return give(fs, f, bb, mode, readbytes);
}

/* ---- registration ---- */

/* A name httpd knows already belongs to all: taking it would break others. */
static int is_taken(const mp_filter_conf *conf)
{
    const ap_filter_rec_t *known =
        conf->is_input ? ap_get_input_filter_handle(conf->name)
                       : ap_get_output_filter_handle(conf->name);

    if (known == NULL) {
        return 0;
    }
    return conf->is_input ? known->filter_func.in_func != input_filter
                          : known->filter_func.out_func != output_filter;
}

/* Called for each directive as it is read. */
static void register_name(const mp_filter_conf *conf)
{
    if (is_taken(conf)) {
        return; /* the log opens later: see below */
    }
    if (conf->is_input) {
        ap_register_input_filter(conf->name, input_filter, NULL,
                                 AP_FTYPE_RESOURCE);
    }
    else {
        ap_register_output_filter(conf->name, output_filter, NULL,
                                  AP_FTYPE_RESOURCE);
    }
}

void mp_filters_register_names(apr_pool_t *p, server_rec *s)
{
    const apr_array_header_t *names = mp_config_of_server(s)->filter_names;

    (void)p;
    for (int i = 0; i < names->nelts; i++) {
        const mp_filter_conf *conf =
            APR_ARRAY_IDX(names, i, const mp_filter_conf *);

        if (is_taken(conf)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                         MP_LOGNO(0345) "%s %s %s: another module has a "
                         "filter of this name, which stays; give this one a "
                         "different name",
                         directive_of(conf->is_input ? MP_FILTER_IS_INPUT
                                                     : MP_FILTER_IS_OUTPUT),
                         conf->handler->spec, conf->name);
        }
    }
}

void mp_filters_register_hooks(apr_pool_t *p)
{
    (void)p;
    mp_directives_set_filter(register_name);
    ap_register_input_filter(MP_FILTER_INPUT, input_filter, NULL,
                             AP_FTYPE_RESOURCE);
    ap_register_output_filter(MP_FILTER_OUTPUT, output_filter, NULL,
                              AP_FTYPE_RESOURCE);
}
