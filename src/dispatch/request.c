/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The phases of a request: a hook for each, which does nothing but test a bit
 * when no handler is configured, and the loop that runs a list of handlers. */
#include "dispatch/hooks.h"

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>

#include "core/config.h"
#include "core/directives.h"
#include "core/log.h"
#include "dispatch/handler.h"
#include "objects/promise.h"
#include "objects/request.h"
#include "runtime/error.h"
#include "runtime/interp.h"

#define NOT_INLINE __attribute__((noinline))

/* register_early_hooks() was called for the configuration being read. */
static int early_hooks;

/* One run of a phase's handlers. */
typedef struct phase_run {
    request_rec *r;
    const mp_dir_conf *conf;
    mp_reqctx *ctx;
    mp_phase phase;
    const char *extension;
    const apr_array_header_t *configured; /* of mp_handler *, NULL: none */
    const apr_array_header_t *entries;    /* holds the running one */
    int index;         /* where */
    mp_call call;
    mp_entry entry;
    mp_interp *interp; /* attached, NULL: none yet */
    PyObject *req;     /* of that interpreter */
    int failed;        /* ended by an error, not by a returned status */
} phase_run;

/* Entry number index: the configured ones, then what add_handler() has added
 * so far, by the running handler too. @return NULL after the last */
static const mp_handler *find_entry(phase_run *run, int index)
{
    const apr_array_header_t *entries = run->configured;

    if (entries == NULL || index >= entries->nelts) {
        index -= entries != NULL ? entries->nelts : 0;
        entries = mp_reqctx_added(run->ctx, run->phase);
    }
    if (entries == NULL || index >= entries->nelts) {
        return NULL;
    }
    run->entries = entries;
    run->index = index;
    return APR_ARRAY_IDX(entries, index, const mp_handler *);
}

static void leave(phase_run *run)
{
    if (run->interp != NULL) {
        Py_CLEAR(run->req);
        mp_interp_leave(&run->entry);
        run->interp = NULL;
    }
}

/* @return NULL after logging */
static mp_interp *find_interp(const phase_run *run, const mp_handler *handler,
                              const char **name)
{
    const mp_interp_ref *ref = mp_handler_interp_ref(run->r, run->conf);

    if (handler->callable < 0 && ref != NULL && mp_pool_only(ref) != NULL) {
        *name = ref->name; /* nearly always */
        return mp_pool_only(ref);
    }
    if (handler->callable >= 0) {
        /* a function runs where it was made */
        mp_interp *interp = mp_request_owner(run->ctx, handler);

        *name = interp->name;
        return interp;
    }
    return mp_handler_find_interp(run->r, run->conf, handler,
                                  mp_phases[run->phase].directive, name);
}

/* The request object. @return new reference, or NULL with an exception */
static PyObject *object_of(const phase_run *run, mp_state *state)
{
    mp_request *first = run->ctx->objects;

    return first != NULL && first->state == state /* from an earlier phase */
               ? Py_NewRef((PyObject *)first)
               : mp_request_get(state, run->r);
}

/* Attaches to the interpreter that this entry wants, with its request object.
 * @return 0, or -1 after logging */
static int enter_for(phase_run *run, const mp_handler *handler)
{
    const char *name;
    mp_interp *interp = find_interp(run, handler, &name);

    run->call.interp_name = name;
    run->call.handler = handler;
    if (interp != NULL && interp == run->interp) {
        return 0;
    }
    leave(run);
    if (interp == NULL) {
        return -1;
    }
    if (mp_interp_enter(interp, &run->call, &run->entry) != 0) {
        return -1;
    }
    run->interp = interp;
    run->req = object_of(run, interp->state);
    if (run->req == NULL) {
        mp_error_log_exception(MP_LOGNO(0311) "cannot make a request object");
        leave(run);
        return -1;
    }
    return 0;
}

/* No httpd status: the entry was passed over, its object does not exist. */
#define SKIPPED (-100)

/* Resolves, calls and judges one entry.
 * @return an httpd status or SKIPPED */
static int run_entry(phase_run *run, const mp_handler *handler)
{
    mp_request *self;
    mp_state *state;
    PyObject *callable;
    PyObject *result = NULL;
    int status_out;
    int found;
    int status;

    run->failed = 1;
    if (enter_for(run, handler) != 0) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    state = run->interp->state;
    self = (mp_request *)run->req;
    mp_request_set_running(self, run->phase, run->call.interp_name,
                           run->extension, run->entries, run->index);
    found = mp_handler_resolve(state, handler, run->conf, run->r->filename,
                               self->callables, run->r->request_time,
                               &callable);
    if (found == 0) {
        run->failed = 0;
        return SKIPPED;
    }
    if (found > 0) {
        result = mp_handler_call(state, run->conf, callable, run->req);
        Py_DECREF(callable);
    }
    if (result != NULL && mp_phases[run->phase].run == MP_RUN_VOID) {
        run->failed = 0;
        Py_DECREF(result); /* whatever it is */
        return OK;
    }
    status = mp_handler_result(state, run->conf, result, run->req,
                               mp_phases[run->phase].directive, handler,
                               &status_out, &run->failed);
    if (status_out != 0) {
        run->r->status = status_out;
    }
    return status;
}

static int goes_on(mp_phase phase, int status)
{
    switch (mp_phases[phase].run) {
    case MP_RUN_FIRST:
        return status == DECLINED;
    case MP_RUN_ALL:
        return status == DECLINED || status == OK;
    default:
        return 1;
    }
}

/* Lets the request object go unless something on it must last. */
static void release_object(phase_run *run)
{
    mp_request *self = (mp_request *)run->req;

    run->req = NULL;
    Py_DECREF(self); /* the context still has its reference */
    mp_request_release(self);
}

/* Is no further phase expected to run handlers for this request? */
static int is_last(const phase_run *run, int status)
{
    /* those behind this one: log, cleanup or none */
    const unsigned later =
        (MP_PHASE_BIT(MP_PHASE_LOG) | MP_PHASE_BIT(MP_PHASE_CLEANUP))
        & ~((MP_PHASE_BIT(run->phase) << 1) - 1);

    return (run->phase > MP_PHASE_HANDLER
            || (run->phase == MP_PHASE_HANDLER
                && (status == OK || status == DONE)))
           && ((run->conf->phase_mask | run->ctx->dynamic_mask) & later) == 0;
}

/* Member by member: clearing what is set anyway is a loop of the processor. */
static inline void begin(phase_run *run, request_rec *r, mp_reqctx *ctx,
                         mp_phase phase)
{
    const mp_dir_conf *conf = mp_config_of_request(r);
    const mp_handler_list *list = mp_handler_list_find(
        conf->handlers[phase], r->filename, &run->extension);

    run->r = r;
    run->conf = conf;
    run->ctx = ctx;
    run->phase = phase;
    run->configured = list != NULL ? list->entries : NULL;
    run->entries = NULL;
    run->index = 0;
    run->call.r = r;
    run->call.c = r->connection;
    run->call.s = r->server;
    run->call.interp_name = NULL;
    run->call.phase = phase;
    run->call.handler = NULL;
    run->call.away = 0;
    run->call.outer = NULL;
    run->interp = NULL;
    run->req = NULL;
    run->failed = 0;
}

/* Runs the handlers of a phase until one ends the list.
 * @param failed may be NULL */
static int run_handlers(request_rec *r, mp_reqctx *ctx, mp_phase phase,
                        int *failed)
{
    const mp_handler *handler;
    phase_run run;
    int status = DECLINED;

    begin(&run, r, ctx, phase);
    for (int i = 0; (handler = find_entry(&run, i)) != NULL; i++) {
        int result;

        if (i > 0) {
            mp_promise_settle(ctx); /* this one may take long */
        }
        result = run_entry(&run, handler);
        if (result == SKIPPED) {
            continue;
        }
        status = result;
        if (!goes_on(phase, status)) {
            break;
        }
    }
    if (failed != NULL) {
        *failed = run.failed;
    }
    if (run.interp != NULL) {
        if (phase == MP_PHASE_HANDLER) {
            mp_promise_cancel(ctx); /* who ends the response sends it all */
        }
        if (is_last(&run, status)) {
            release_object(&run);
        }
        leave(&run);
    }
    mp_request_name_status(r, status);
    return status;
}

/* No handler is configured for these phases, and none came with a request that
 * ours have seen. The whole cost for requests of others, and for phases without
 * a handler: each hook asks first, and does the rest in a function that is not
 * inline, so that it needs no registers for it. */
static inline int has_nothing(const request_rec *r, unsigned phases)
{
    return (mp_config_of_request(r)->phase_mask & phases) == 0
           && mp_reqctx_find(r) == NULL;
}

/* Is there anything to run?
 * @param reached the phase that httpd is in: that of the hook
 * @return NULL when there is nothing */
static inline mp_reqctx *has_handlers(request_rec *r, mp_phase phase,
                                      mp_phase reached)
{
    const unsigned bit = MP_PHASE_BIT(phase);
    unsigned mask = mp_config_of_request(r)->phase_mask;
    mp_reqctx *ctx = mp_reqctx_find(r);

    if (ctx == NULL) {
        if ((mask & bit) == 0) {
            return NULL;
        }
        ctx = mp_reqctx_get(r);
    }
    ctx->reached = reached;
    mask |= ctx->dynamic_mask;
    return (mask & bit) != 0 ? ctx : NULL;
}

static NOT_INLINE int run_phase(request_rec *r, mp_phase phase)
{
    mp_reqctx *ctx = has_handlers(r, phase, phase);

    return ctx != NULL ? run_handlers(r, ctx, phase, NULL) : DECLINED;
}

static inline int phase_hook(request_rec *r, mp_phase phase)
{
    return has_nothing(r, MP_PHASE_BIT(phase)) ? DECLINED
                                               : run_phase(r, phase);
}

/* ---- hooks ---- */

/* PythonInitHandler: once, in PostReadRequest when it stands outside any
 * section, else before HeaderParser. */
static int run_init(request_rec *r, mp_phase reached)
{
    mp_reqctx *ctx = has_handlers(r, MP_PHASE_INIT, reached);

    if (ctx == NULL || ctx->init_ran) {
        return DECLINED;
    }
    ctx->init_ran = 1;
    return run_handlers(r, ctx, MP_PHASE_INIT, NULL);
}

static int post_read_request_hook(request_rec *r)
{
    int status = run_phase(r, MP_PHASE_POST_READ_REQUEST);

    if (status == OK || status == DECLINED) {
        int init = run_init(r, MP_PHASE_POST_READ_REQUEST);

        if (init != DECLINED) {
            status = init;
        }
    }
    return status;
}

#if AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
/* httpd takes errors from this hook only; any other response is left to the
 * next one. */
static int pre_trans_hook(request_rec *r)
{
    int status = run_phase(r, MP_PHASE_PRE_TRANS);

    if (status >= 100 && !ap_is_HTTP_ERROR(status)) {
        mp_reqctx_get(r)->early_status = status;
        status = DECLINED;
    }
    return status;
}
#endif

static int trans_hook(request_rec *r)
{
    const mp_reqctx *ctx = mp_reqctx_find(r);
    int status;

    if (ctx != NULL && ctx->early_status != 0) {
        return ctx->early_status;
    }
    status = run_phase(r, MP_PHASE_TRANS);
    if (status == OK && r->filename == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MP_LOGNO(0312) "PythonTransHandler returned OK without "
                      "a file name: set req.filename, or return "
                      "apache.DECLINED");
        status = HTTP_INTERNAL_SERVER_ERROR;
    }
    return status;
}

static int map_to_storage_hook(request_rec *r)
{
    return phase_hook(r, MP_PHASE_MAP_TO_STORAGE);
}

static NOT_INLINE int run_header_parser(request_rec *r)
{
    int init = run_init(r, MP_PHASE_INIT);
    int status;

    if (init != OK && init != DECLINED) {
        return init;
    }
    status = run_phase(r, MP_PHASE_HEADER_PARSER);
    return status == DECLINED ? init : status;
}

static int header_parser_hook(request_rec *r)
{
    const unsigned phases = MP_PHASE_BIT(MP_PHASE_INIT)
                            | MP_PHASE_BIT(MP_PHASE_HEADER_PARSER);

    return has_nothing(r, phases) ? DECLINED : run_header_parser(r);
}

/* The challenge of the AuthType in effect, unless the handler gave its own. */
static void add_challenge(request_rec *r)
{
    const char *name = r->proxyreq == PROXYREQ_PROXY ? "Proxy-Authenticate"
                                                     : "WWW-Authenticate";
    const char *type = ap_auth_type(r);

    if (type == NULL || apr_table_get(r->err_headers_out, name) != NULL
        || apr_table_get(r->headers_out, name) != NULL) {
        return;
    }
    ap_run_note_auth_failure(r, type);
    /* without mod_auth_basic nobody answers for Basic */
    if (ap_cstr_casecmp(type, "Basic") == 0
        && apr_table_get(r->err_headers_out, name) == NULL) {
        const char *realm = ap_auth_name(r);

        apr_table_setn(r->err_headers_out, name,
                       apr_pstrcat(r->pool, "Basic realm=\"",
                                   realm != NULL ? realm : "", "\"", NULL));
    }
}

static int access_hook(request_rec *r)
{
    return phase_hook(r, MP_PHASE_ACCESS);
}

static int authen_hook(request_rec *r)
{
    int status = phase_hook(r, MP_PHASE_AUTHEN);

    if (status == OK && r->user == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MP_LOGNO(0313) "PythonAuthenHandler returned OK "
                      "without a user: set req.user");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (status == OK && r->ap_auth_type == NULL) {
        r->ap_auth_type = (char *)ap_auth_type(r);
    }
    if (status == HTTP_UNAUTHORIZED) {
        add_challenge(r);
    }
    return status;
}

static int authz_hook(request_rec *r)
{
    int status = phase_hook(r, MP_PHASE_AUTHZ);

    if (status == HTTP_UNAUTHORIZED) {
        add_challenge(r);
    }
    return status;
}

static int type_hook(request_rec *r)
{
    return phase_hook(r, MP_PHASE_TYPE);
}

static int fixup_hook(request_rec *r)
{
    return phase_hook(r, MP_PHASE_FIXUP);
}

/* Cleanup handlers need the pool cleanup of a request context even when no
 * other handler ran; this is the last chance but for the log phase, which
 * sub-requests and internal redirects do not have. */
static int cleanup_fixup_hook(request_rec *r)
{
    if (mp_config_of_request(r)->phase_mask
        & MP_PHASE_BIT(MP_PHASE_CLEANUP)) {
        mp_reqctx_get(r);
    }
    return DECLINED;
}

static int is_python_handler(const char *name)
{
    return name != NULL
           && (strcmp(name, "mod_python") == 0
               || strcmp(name, "python-program") == 0);
}

/* What a content handler's status means for the response. */
static int end_response(request_rec *r, int status, int failed)
{
    if (status == OK && (r->status < 100 || r->status > 599)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MP_LOGNO(0314) "PythonHandler set req.status to %d: "
                      "use 100 to 599", r->status);
        r->status = HTTP_OK;
        r->status_line = NULL;
        status = HTTP_INTERNAL_SERVER_ERROR;
        failed = 1;
    }
    if (status >= 200 && status <= 299 && !failed) {
        r->status = status;
        r->status_line = NULL;
        status = OK;
    }
    if (status == OK || status == DONE) {
        mp_request_finish(r);
        return status;
    }
    if (status == DECLINED) {
        /* what was written goes before the file that httpd may send */
        mp_request_pass(r, 0);
        return status;
    }
    if (mp_request_discard_output(r)) {
        return status;
    }
    mp_request_abort(r);
    return DONE;
}

static int content_hook(request_rec *r)
{
    mp_reqctx *ctx;
    int failed;
    int status;

    if (!is_python_handler(r->handler)) {
        return DECLINED;
    }
    ctx = has_handlers(r, MP_PHASE_HANDLER, MP_PHASE_HANDLER);
    if (ctx == NULL) {
        return DECLINED;
    }
    status = run_handlers(r, ctx, MP_PHASE_HANDLER, &failed);
    return end_response(r, status, failed);
}

static int quick_hook(request_rec *r, int lookup)
{
    mp_reqctx *ctx =
        lookup ? NULL : has_handlers(r, MP_PHASE_QUICK, MP_PHASE_QUICK);
    int failed;
    int status;

    if (ctx == NULL) {
        return DECLINED;
    }
    status = run_handlers(r, ctx, MP_PHASE_QUICK, &failed);
    return end_response(r, status, failed);
}

static NOT_INLINE int run_log(request_rec *r)
{
    cleanup_fixup_hook(r);
    run_phase(r, MP_PHASE_LOG);
    /* errors are in the log; other loggers must still run */
    return DECLINED;
}

static int log_hook(request_rec *r)
{
    const unsigned phases =
        MP_PHASE_BIT(MP_PHASE_LOG) | MP_PHASE_BIT(MP_PHASE_CLEANUP);

    return has_nothing(r, phases) ? DECLINED : run_log(r);
}

/* ---- the end of a request ---- */

static void run_registered(mp_reqctx *ctx, mp_request *self)
{
    mp_call call = {.r = ctx->r, .c = ctx->r->connection,
                    .s = ctx->r->server, .interp_name = self->interp_name,
                    .phase = MP_PHASE_CLEANUP};
    mp_entry entry;

    if (call.interp_name == NULL) {
        call.interp_name = self->state->interp->name;
    }
    if (mp_interp_enter(self->state->interp, &call, &entry) == 0) {
        mp_request_run_cleanups(self);
        mp_interp_leave(&entry);
    }
}

/* req.register_cleanup() callables, then PythonCleanupHandler. */
static void end_request(mp_reqctx *ctx)
{
    for (mp_request *self = ctx->objects; self != NULL;
         self = self->next_object) {
        if (self->cleanups != NULL) {
            run_registered(ctx, self);
        }
    }
    run_phase(ctx->r, MP_PHASE_CLEANUP);
}

/* Those that only directives outside any section give something to do. httpd
 * sorts hooks when all of its configuration is read. */
static void register_early_hooks(void)
{
    if (early_hooks) {
        return;
    }
    early_hooks = 1;
    apr_hook_debug_current = "mod_python.c"; /* the name others go by */
    ap_hook_post_read_request(post_read_request_hook, NULL, NULL,
                              APR_HOOK_MIDDLE);
    /* before mod_cache, which would answer whoever may not ask */
    ap_hook_quick_handler(quick_hook, NULL, NULL, APR_HOOK_REALLY_FIRST);
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
    ap_hook_pre_translate_name(pre_trans_hook, NULL, NULL, APR_HOOK_MIDDLE);
#endif
    ap_hook_map_to_storage(map_to_storage_hook, NULL, NULL, APR_HOOK_MIDDLE);
    /* before mod_alias and mod_rewrite */
    ap_hook_translate_name(trans_hook, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

void mp_request_register_hooks(apr_pool_t *p)
{
    /* Before mod_mime, which a type handler may replace. */
    static const char *const before_mime[] = {"mod_mime.c", NULL};
    (void)p;

    early_hooks = 0;
    mp_directives_set_early(register_early_hooks);
    mp_reqctx_set_cleanup(end_request);
    ap_hook_header_parser(header_parser_hook, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_access_checker(access_hook, NULL, NULL, APR_HOOK_MIDDLE);
    /* before mod_auth_basic (MIDDLE) and mod_authz_core (LAST) */
    ap_hook_check_authn(authen_hook, NULL, NULL, APR_HOOK_FIRST,
                        AP_AUTH_INTERNAL_PER_URI);
    ap_hook_check_authz(authz_hook, NULL, NULL, APR_HOOK_FIRST,
                        AP_AUTH_INTERNAL_PER_URI);
    ap_hook_type_checker(type_hook, NULL, before_mime, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixup_hook, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(cleanup_fixup_hook, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(content_hook, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(log_hook, NULL, NULL, APR_HOOK_MIDDLE);
}
