/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* PythonAuthnProvider and PythonAuthzProvider: providers of httpd 2.4 whose
 * answers come from Python.
 *
 * httpd calls a provider without telling it which one it is (its note of the
 * name is that of an <AuthnProviderAlias>, if there is one), so each provider
 * of the configuration has a slot with functions of its own. Whatever goes
 * wrong is a "general error" to httpd: it ends the request with 500. A plain
 * denial would be turned into a grant by "Require not". */
#include "dispatch/hooks.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <ap_expr.h>
#include <ap_provider.h>
#include <http_core.h>
#include <http_main.h>
#include <http_request.h>
#include <mod_auth.h>

#include "core/config.h"
#include "core/directives.h"
#include "core/log.h"
#include "dispatch/handler.h"
#include "objects/request.h"
#include "runtime/error.h"
#include "runtime/interp.h"
#include "runtime/text.h"

/* A call of a provider's object, from begin() to end(). */
typedef struct provider_call {
    const mp_provider_conf *provider;
    const mp_dir_conf *conf;
    mp_state *state;
    PyObject *req;      /* of this interpreter */
    PyObject *callable;
    mp_call call;
    mp_entry entry;
} provider_call;

/* What Require name args... was parsed to. */
typedef struct require_args {
    const mp_provider_conf *provider;
    apr_array_header_t *args; /* of const ap_expr_info_t * */
} require_args;

/* ---- one call ---- */

static void log_exception(provider_call *pc)
{
    mp_handler_log_exception(pc->state, pc->req, pc->provider->directive,
                             pc->provider->handler);
}

static void end(provider_call *pc)
{
    Py_XDECREF(pc->callable);
    Py_XDECREF(pc->req);
    mp_interp_leave(&pc->entry);
}

/* Enters the interpreter of r and finds the request object and the callable.
 * @return 0, or -1 after logging: nothing to end */
static int begin(provider_call *pc, const mp_provider_conf *provider,
                 request_rec *r, mp_phase phase)
{
    const mp_handler *handler = provider->handler;
    const mp_dir_conf *conf = mp_config_of_request(r);
    mp_interp *interp;
    mp_reqctx *ctx;

    memset(pc, 0, sizeof(*pc));
    pc->provider = provider;
    pc->conf = conf;
    pc->call = (mp_call){.r = r, .c = r->connection, .s = r->server,
                         .phase = phase, .handler = handler};
    interp = mp_handler_find_interp(r, conf, handler, provider->directive,
                                    &pc->call.interp_name);
    if (interp == NULL
        || mp_interp_enter(interp, &pc->call, &pc->entry) != 0) {
        return -1;
    }
    pc->state = interp->state;
    pc->req = mp_request_get(pc->state, r);
    if (pc->req == NULL) {
        mp_error_log_exception(MP_LOGNO(0360) "cannot make a request object "
                               "for a provider");
        end(pc);
        return -1;
    }
    ctx = mp_reqctx_get(r);
    if (ctx->reached < phase) {
        ctx->reached = phase; /* add_handler() refuses what is past */
    }
    mp_request_set_running((mp_request *)pc->req, phase,
                           pc->call.interp_name, NULL, NULL, 0);
    if (mp_handler_resolve(pc->state, handler, conf, r->filename, NULL,
                           r->request_time, &pc->callable) <= 0) {
        log_exception(pc);
        end(pc);
        return -1;
    }
    return 0;
}

/* Calls function with what is in args and releases them; args[0] is pc->req
 * and stays. @return new reference, or NULL with an exception */
static PyObject *call(provider_call *pc, PyObject *function, PyObject **args,
                      size_t count)
{
    PyObject *result = NULL;
    size_t made = 1;

    while (made < count && args[made] != NULL) {
        made++;
    }
    if (made == count) {
        result = mp_handler_call_with(pc->state, pc->conf, function, args,
                                      count);
    }
    for (size_t i = 1; i < count; i++) {
        Py_XDECREF(args[i]);
    }
    return result;
}

static void log_result(provider_call *pc, const char *code,
                       const char *wanted, PyObject *result)
{
    PyObject *shown = mp_handler_shown(result);

    mp_handler_log_problem(
        pc->state, pc->req, pc->provider->directive, pc->provider->handler,
        code,
        shown != NULL
            ? PyUnicode_FromFormat("returned %U: return %s", shown, wanted)
            : NULL);
    Py_XDECREF(shown);
}

/* ---- authentication ---- */

static authn_status check_password(const mp_provider_conf *provider,
                                   request_rec *r, const char *user,
                                   const char *password)
{
    authn_status status = AUTH_GENERAL_ERROR;
    provider_call pc;
    PyObject *result;

    if (begin(&pc, provider, r, MP_PHASE_AUTHEN) != 0) {
        return status;
    }
    result = call(&pc, pc.callable,
                  (PyObject *[]){pc.req, mp_text_from_user(user),
                                 mp_text_from_user(password)},
                  3);
    if (result == NULL) {
        log_exception(&pc);
    }
    else if (result == Py_True) {
        status = AUTH_GRANTED;
    }
    else if (result == Py_False) {
        status = AUTH_DENIED;
    }
    else if (result == Py_None) {
        status = AUTH_USER_NOT_FOUND;
    }
    else {
        log_result(&pc, "MP0361", "True (granted), False (denied) or None "
                   "(no such user)", result);
    }
    Py_XDECREF(result);
    end(&pc);
    return status;
}

/* 32 hex digits as mod_auth_digest compares them, in lower case.
 * @return NULL when value is something else */
static char *hash_of(apr_pool_t *p, PyObject *value)
{
    Py_ssize_t size;
    const char *text = PyUnicode_Check(value)
                           ? PyUnicode_AsUTF8AndSize(value, &size)
                           : NULL;
    char *hash;

    PyErr_Clear(); /* a lone surrogate: no hex digit either */
    if (text == NULL || size != 32) {
        return NULL;
    }
    for (int i = 0; i < 32; i++) {
        if (!apr_isxdigit(text[i])) {
            return NULL;
        }
    }
    hash = apr_pstrmemdup(p, text, 32);
    ap_str_tolower(hash);
    return hash;
}

/* The realm_hash of the provider's object. @return NULL after logging */
static PyObject *find_realm_hash(provider_call *pc)
{
    PyObject *function = PyObject_GetAttrString(pc->callable, "realm_hash");

    if (function == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        mp_handler_log_problem(
            pc->state, pc->req, pc->provider->directive,
            pc->provider->handler, "MP0362",
            PyUnicode_FromString("has no function realm_hash(req, user, "
                                 "realm): AuthDigestProvider needs one"));
    }
    else if (function == NULL) {
        log_exception(pc);
    }
    return function;
}

static authn_status realm_hash(const mp_provider_conf *provider,
                               request_rec *r, const char *user,
                               const char *realm, char **hash)
{
    authn_status status = AUTH_GENERAL_ERROR;
    provider_call pc;
    PyObject *function;
    PyObject *result;

    if (begin(&pc, provider, r, MP_PHASE_AUTHEN) != 0) {
        return status;
    }
    function = find_realm_hash(&pc);
    if (function == NULL) {
        end(&pc);
        return status;
    }
    result = call(&pc, function,
                  (PyObject *[]){pc.req, mp_text_from_user(user),
                                 mp_text_from(realm)},
                  3);
    if (result == NULL) {
        log_exception(&pc);
    }
    else if (result == Py_None) {
        status = AUTH_USER_NOT_FOUND;
    }
    else if ((*hash = hash_of(r->pool, result)) != NULL) {
        status = AUTH_USER_FOUND;
    }
    else {
        log_result(&pc, "MP0363", "the MD5 of user:realm:password in 32 hex "
                   "digits, or None (no such user)", result);
    }
    Py_XDECREF(result);
    Py_DECREF(function);
    end(&pc);
    return status;
}

/* ---- authorisation ---- */

/* Each argument is a string expression of its own: what a variable holds is
 * one argument, blanks or not. */
static const char *parse_require(const mp_provider_conf *provider,
                                 cmd_parms *cmd, const char *line,
                                 const void **parsed)
{
    require_args *require = apr_palloc(cmd->pool, sizeof(*require));

    require->provider = provider;
    require->args =
        apr_array_make(cmd->pool, 2, sizeof(const ap_expr_info_t *));
    while (*line != '\0') {
        const char *word = ap_getword_conf(cmd->pool, &line);
        const char *error = NULL;
        const ap_expr_info_t *expr = ap_expr_parse_cmd(
            cmd, word, AP_EXPR_FLAG_STRING_RESULT, &error, NULL);

        if (error != NULL) {
            return apr_psprintf(cmd->pool,
                                "cannot parse the expression \"%s\": %s",
                                word, error);
        }
        APR_ARRAY_PUSH(require->args, const ap_expr_info_t *) = expr;
    }
    *parsed = require;
    return NULL;
}

/* The values of the arguments, detached: expressions may run sub-requests.
 * @return NULL after logging */
static const char **evaluate(request_rec *r, const require_args *require)
{
    const int count = require->args->nelts;
    const char **values =
        apr_palloc(r->pool, (count + 1) * sizeof(const char *));

    for (int i = 0; i < count; i++) {
        const char *error = NULL;

        values[i] = ap_expr_str_exec(
            r, APR_ARRAY_IDX(require->args, i, const ap_expr_info_t *),
            &error);
        if (error != NULL || values[i] == NULL) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                          MP_LOGNO(0364) "Require %s: cannot evaluate "
                          "argument %d: %s", require->provider->name, i + 1,
                          error != NULL ? error : "no value");
            return NULL;
        }
    }
    return values;
}

/* f(req, *args) of a call that has begun; count arguments. */
static PyObject *call_authz(provider_call *pc, const char *const *values,
                            int count)
{
    PyObject **args = PyMem_Calloc(count + 1, sizeof(*args));
    PyObject *result;

    if (args == NULL) {
        return PyErr_NoMemory();
    }
    args[0] = pc->req;
    for (int i = 0; i < count; i++) {
        args[i + 1] = mp_text_from(values[i]);
        if (args[i + 1] == NULL) {
            break;
        }
    }
    result = call(pc, pc->callable, args, count + 1);
    PyMem_Free(args);
    return result;
}

static authz_status check_authorization(request_rec *r, const char *line,
                                        const void *parsed)
{
    const require_args *require = parsed;
    authz_status status = AUTHZ_GENERAL_ERROR;
    const char **values = evaluate(r, require);
    provider_call pc;
    PyObject *result;
    (void)line;

    /* asked first without a user, then after authentication */
    if (values == NULL
        || begin(&pc, require->provider, r,
                 r->user == NULL ? MP_PHASE_ACCESS : MP_PHASE_AUTHZ) != 0) {
        return status;
    }
    result = call_authz(&pc, values, require->args->nelts);
    if (result == NULL) {
        log_exception(&pc);
    }
    else if (result == Py_True) {
        status = AUTHZ_GRANTED;
    }
    else if (result == Py_False) {
        status = r->user == NULL && ap_auth_type(r) != NULL
                     ? AUTHZ_DENIED_NO_USER
                     : AUTHZ_DENIED;
    }
    else {
        log_result(&pc, "MP0365", "True (granted) or False (denied)", result);
    }
    Py_XDECREF(result);
    end(&pc);
    return status;
}

/* ---- the slots ---- */

/* clang-format off */
#define EIGHT(ROW, t) \
    ROW(0##t##0) ROW(0##t##1) ROW(0##t##2) ROW(0##t##3) \
    ROW(0##t##4) ROW(0##t##5) ROW(0##t##6) ROW(0##t##7)
/* octal numbers, in order */
#define ALL_SLOTS(ROW) \
    EIGHT(ROW, 0) EIGHT(ROW, 1) EIGHT(ROW, 2) EIGHT(ROW, 3) \
    EIGHT(ROW, 4) EIGHT(ROW, 5) EIGHT(ROW, 6) EIGHT(ROW, 7) \
    EIGHT(ROW, 10) EIGHT(ROW, 11) EIGHT(ROW, 12) EIGHT(ROW, 13) \
    EIGHT(ROW, 14) EIGHT(ROW, 15) EIGHT(ROW, 16) EIGHT(ROW, 17)
/* clang-format on */

static const mp_provider_conf *provider_at(int slot)
{
    return APR_ARRAY_IDX(mp_config_of_server(ap_server_conf)->providers, slot,
                         const mp_provider_conf *);
}

#define FUNCTIONS(slot)                                                       \
    static authn_status check_password_##slot(                               \
        request_rec *r, const char *user, const char *password)              \
    {                                                                         \
        return check_password(provider_at(slot), r, user, password);         \
    }                                                                         \
    static authn_status realm_hash_##slot(                                   \
        request_rec *r, const char *user, const char *realm, char **hash)    \
    {                                                                         \
        return realm_hash(provider_at(slot), r, user, realm, hash);          \
    }                                                                         \
    static const char *parse_require_##slot(                                 \
        cmd_parms *cmd, const char *line, const void **parsed)               \
    {                                                                         \
        return parse_require(provider_at(slot), cmd, line, parsed);          \
    }
ALL_SLOTS(FUNCTIONS)

#define AUTHN_ROW(slot) {check_password_##slot, realm_hash_##slot},
static const authn_provider authn_slots[] = {ALL_SLOTS(AUTHN_ROW)};

#define AUTHZ_ROW(slot) {check_authorization, parse_require_##slot},
static const authz_provider authz_slots[] = {ALL_SLOTS(AUTHZ_ROW)};

#define SLOT_COUNT ((int)(sizeof(authn_slots) / sizeof(authn_slots[0])))

/* While the directive is read: later lines look the name up. */
static const char *register_provider(cmd_parms *cmd,
                                     const mp_provider_conf *provider)
{
    const int slot =
        mp_config_of_server(ap_server_conf)->providers->nelts - 1;
    const char *group = provider->is_authz ? AUTHZ_PROVIDER_GROUP
                                           : AUTHN_PROVIDER_GROUP;
    const char *version = provider->is_authz ? AUTHZ_PROVIDER_VERSION
                                             : AUTHN_PROVIDER_VERSION;
    const void *functions;

    if (slot >= SLOT_COUNT) {
        return apr_psprintf(cmd->pool, "there are more than %d providers: "
                            "one can serve several purposes by its arguments",
                            SLOT_COUNT);
    }
    functions = provider->is_authz ? (const void *)&authz_slots[slot]
                                   : (const void *)&authn_slots[slot];
    if (ap_lookup_provider(group, provider->name, version) != NULL) {
        return apr_psprintf(cmd->pool, "there is a provider \"%s\" already: "
                            "choose another name", provider->name);
    }
    ap_register_auth_provider(cmd->pool, group, provider->name, version,
                              functions, AP_AUTH_INTERNAL_PER_URI);
    return NULL;
}

void mp_auth_register_hooks(apr_pool_t *p)
{
    (void)p;
    mp_directives_set_provider(register_provider);
}
