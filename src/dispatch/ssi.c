/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* <!--#python eval="..." --> and <!--#python exec="..." --> in pages that
 * mod_include parses. Without mod_include nothing is registered. */
#include "dispatch/hooks.h"

#include <Python.h>

#include <string.h>

#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <util_filter.h>
#include <mod_include.h>

#include "core/config.h"
#include "core/log.h"
#include "dispatch/handler.h"
#include "objects/filter.h"
#include "objects/request.h"
#include "objects/request_io.h"
#include "runtime/error.h"
#include "runtime/interp.h"
#include "runtime/text.h"

#define ELEMENT "<!--#python -->"

/* What it is called in reports of errors, where the names of directives
 * stand for other code. */
#define REPORTED_AS "PythonSSI"

/* The globals of a page: this attribute of its request. */
#define GLOBALS "ssi_globals"

/* One element of a page. */
typedef struct element {
    include_ctx_t *ctx;
    const char *code; /* NULL: not given yet */
    int is_eval;
} element;

/* ---- the attributes ---- */

/* Code as Python wants it: lines end in LF, nothing behind the last one;
 * blanks before an expression are no indentation. */
static const char *clean_code(apr_pool_t *p, const char *value, int is_eval)
{
    char *code;
    char *to;
    const char *from;

    if (is_eval) {
        value += strspn(value, " \t\r\n");
    }
    code = apr_pstrdup(p, value);
    for (from = to = code; *from != '\0'; from++) {
        if (from[0] != '\r' || from[1] != '\n') {
            *to++ = *from;
        }
    }
    while (to > code && strchr(" \t\r\n", to[-1]) != NULL) {
        to--;
    }
    *to = '\0';
    return code;
}

/* Reads the attributes. @return NULL, or what is wrong with them */
static const char *parse(element *e)
{
    APR_OPTIONAL_FN_TYPE(ap_ssi_get_tag_and_value) *next_attribute =
        APR_RETRIEVE_OPTIONAL_FN(ap_ssi_get_tag_and_value);

    for (;;) {
        char *name = NULL;
        char *value = NULL;

        next_attribute(e->ctx, &name, &value, SSI_VALUE_DECODED);
        if (name == NULL) {
            return e->code != NULL ? NULL : "write eval or exec";
        }
        e->is_eval = strcmp(name, "eval") == 0;
        if (!e->is_eval && strcmp(name, "exec") != 0) {
            return "unknown attribute: write eval or exec";
        }
        if (e->code != NULL) {
            return "write one of eval and exec, once";
        }
        e->code = value != NULL ? clean_code(e->ctx->dpool, value, e->is_eval)
                                : "";
        if (e->code[0] == '\0') {
            return "the value is empty";
        }
    }
}

/* ---- running it, attached ---- */

/* The dict that code of this page runs in. @return new reference or NULL */
static PyObject *globals_of(PyObject *filter)
{
    PyObject *req = PyObject_GetAttrString(filter, "req");
    PyObject *globals = NULL;

    if (req == NULL) {
        return NULL;
    }
    globals = PyObject_GetAttrString(req, GLOBALS);
    if (globals == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        globals = PyDict_New();
        if (globals != NULL
            && PyObject_SetAttrString(req, GLOBALS, globals) < 0) {
            Py_CLEAR(globals);
        }
    }
    if (globals != NULL && !PyDict_Check(globals)) {
        PyErr_Format(PyExc_TypeError, "req." GLOBALS " must be a dict, not "
                     "%.200s", Py_TYPE(globals)->tp_name);
        Py_CLEAR(globals);
    }
    Py_DECREF(req);
    return globals;
}

/* Puts in what every element finds there. @return 0 or -1 */
static int fill_globals(PyObject *globals, PyObject *filter,
                        const char *filename)
{
    PyObject *file = mp_text_from(filename);
    int rc = -1;

    if (file != NULL) {
        rc = PyDict_SetItemString(globals, "filter", filter) < 0
                     || PyDict_SetItemString(globals, "__file__", file) < 0
                     || PyDict_SetItemString(globals, "__builtins__",
                                             PyEval_GetBuiltins()) < 0
                 ? -1
                 : 0;
        Py_DECREF(file);
    }
    return rc;
}

/* Compiles and runs the code. @return new reference to its value or NULL */
static PyObject *evaluate(const element *e, PyObject *filter,
                          const char *filename)
{
    /* not the name of the file: its first line is not that of the code */
    PyObject *name = mp_text_from(
        apr_pstrcat(e->ctx->dpool, "<#python in ",
                    filename != NULL ? filename : "a page", ">", NULL));
    PyObject *globals = name != NULL ? globals_of(filter) : NULL;
    PyObject *value = NULL;

    if (globals != NULL && fill_globals(globals, filter, filename) == 0) {
        PyObject *code = Py_CompileStringObject(
            e->code, name, e->is_eval ? Py_eval_input : Py_file_input, NULL,
            -1);

        if (code != NULL) {
            value = PyEval_EvalCode(code, globals, globals);
            Py_DECREF(code);
        }
    }
    Py_XDECREF(globals);
    Py_XDECREF(name);
    return value;
}

/* Writes the value of an expression. @return 0 or -1 with an exception */
static int write_value(PyObject *filter, PyObject *value)
{
    PyObject *text;
    PyObject *result;

    if (value == Py_None) {
        return 0;
    }
    text = PyObject_Str(value);
    if (text == NULL) {
        return -1;
    }
    result = PyObject_CallMethod(filter, "write", "O", text);
    Py_DECREF(text);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* @return OK; DONE when the error is shown already; else show the error
 * text */
static int run_element(mp_state *state, const mp_dir_conf *conf,
                       const element *e, mp_filter_call *call)
{
    PyObject *filter = mp_filter_new(state, call);
    PyObject *value = NULL;
    int status = OK;
    int failed = 0;
    int good;

    if (filter == NULL) {
        mp_error_log_exception(MP_LOGNO(0350) "cannot make a filter object");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (mp_handler_apply_path(state, conf) == 0) {
        value = evaluate(e, filter, call->f->r->filename);
    }
    good = value != NULL && (!e->is_eval || write_value(filter, value) == 0);
    Py_XDECREF(value);
    if (!good) {
        status = mp_handler_result(state, conf, NULL, filter, REPORTED_AS,
                                   call->handler, NULL, &failed);
        if (!failed && status < 300) {
            status = OK; /* SERVER_RETURN(OK): as if the code had ended */
        }
    }
    mp_filter_end(filter);
    Py_DECREF(filter);
    return status;
}

/* ---- the element ---- */

/* Detached. @return as run_element() */
static int enter_and_run(const element *e, ap_filter_t *f,
                         apr_bucket_brigade *bb)
{
    static const mp_section nowhere = {.kind = MP_SECTION_SERVER};
    request_rec *r = f->r;
    const mp_dir_conf *conf = mp_config_of_request(r);
    const mp_handler entry_of_page = {
        .spec = r->filename != NULL ? r->filename : r->uri,
        .module = "",
        .function = "",
        .section = &nowhere,
        .slot = -1,
        .callable = -1,
    };
    mp_filter_call call = {
        .kind = MP_FILTER_IS_SSI,
        .f = f,
        .handler = &entry_of_page,
        .name = f->frec->name,
        .in = apr_brigade_create(e->ctx->dpool, f->c->bucket_alloc),
        .out = bb,
        .eos = 1, /* there is nothing to read */
    };
    mp_call frame = {
        .r = r,
        .c = r->connection,
        .s = r->server,
        .phase = mp_reqctx_phase(r),
        .handler = &entry_of_page,
    };
    mp_interp *interp =
        mp_handler_interp(r, conf, &entry_of_page, &frame.interp_name);
    mp_reqctx *reqctx = mp_reqctx_get(r);
    mp_entry entry;
    int status = HTTP_INTERNAL_SERVER_ERROR;
    int owned;

    if (interp == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MP_LOGNO(0351) "no interpreter %s to run %s of %s in",
                      frame.interp_name, ELEMENT, entry_of_page.spec);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    /* output goes to the filter, not through the request and mod_include */
    owned = mp_request_io_own(reqctx);
    if (mp_interp_enter(interp, &frame, &entry) == 0) {
        status = run_element(interp->state, conf, e, &call);
        mp_interp_leave(&entry);
    }
    mp_request_io_leave(reqctx, owned);
    if (call.flush) {
        e->ctx->flush_now = 1;
    }
    return status;
}

static apr_status_t handle_python(include_ctx_t *ctx, ap_filter_t *f,
                                  apr_bucket_brigade *bb)
{
    element e = {.ctx = ctx};
    const char *problem;
    int status;

    if (!(ctx->flags & SSI_FLAG_PRINTING)) {
        return APR_SUCCESS;
    }
    problem = ctx->flags & SSI_FLAG_NO_EXEC
                  ? "not allowed here (IncludesNOEXEC)"
                  : parse(&e);
    if (problem != NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, f->r,
                      MP_LOGNO(0352) "%s in %s: %s", ELEMENT, f->r->filename,
                      problem);
        SSI_CREATE_ERROR_BUCKET(ctx, f, bb);
        return APR_SUCCESS;
    }
    status = enter_and_run(&e, f, bb);
    if (status != OK && status != DONE) {
        SSI_CREATE_ERROR_BUCKET(ctx, f, bb);
    }
    return APR_SUCCESS;
}

static int post_config_hook(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *s)
{
    static char tag[] = "python";
    APR_OPTIONAL_FN_TYPE(ap_register_include_handler) *register_handler =
        APR_RETRIEVE_OPTIONAL_FN(ap_register_include_handler);

    (void)pconf;
    (void)plog;
    (void)ptemp;
    (void)s;
    if (register_handler != NULL
        && APR_RETRIEVE_OPTIONAL_FN(ap_ssi_get_tag_and_value) != NULL) {
        register_handler(tag, handle_python);
    }
    return OK;
}

void mp_ssi_register_hooks(apr_pool_t *p)
{
    /* mod_include makes its table of elements in this hook */
    static const char *const after[] = {"mod_include.c", NULL};

    (void)p;
    ap_hook_post_config(post_config_hook, after, NULL, APR_HOOK_REALLY_FIRST);
}
