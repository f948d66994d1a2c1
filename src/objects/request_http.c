/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Methods of the request that ask httpd to do what it knows about HTTP:
 * conditions, validators, redirects, credentials, host names, TLS, CGI
 * variables, expressions. */
#include "objects/request.h"

#include <math.h>

#include <apr_strings.h>
#include <ap_expr.h>
#include <ap_mmn.h>
#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_script.h>
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 102)
#include <http_ssl.h>
#else
#include <mod_ssl.h>
#endif

#include "core/log.h"
#include "objects/request_io.h"
#include "runtime/text.h"

/* The request_rec of a method's self. @return NULL with ReferenceError */
static request_rec *rec_of(PyObject *op)
{
    const mp_request *self = (mp_request *)op;

    return mp_request_check(self) < 0 ? NULL : self->r;
}

/* ---- length, validators, conditions ---- */

const char mp_request_set_content_length_doc[] = PyDoc_STR(
"set_content_length($self, length, /)\n--\n\n"
"Set the Content-Length header and req.clength to length (int, bytes).\n"
"\n"
"OverflowError for a negative number. Based on ap_set_content_length().");

PyObject *mp_request_set_content_length(PyObject *op, PyObject *arg)
{
    request_rec *r = rec_of(op);
    long length;

    if (r == NULL || mp_text_int(arg, "length", 0, LONG_MAX, &length) < 0) {
        return NULL;
    }
    ap_set_content_length(r, length);
    Py_RETURN_NONE;
}

const char mp_request_set_etag_doc[] = PyDoc_STR(
"set_etag($self, /)\n--\n\n"
"Set the ETag header from req.finfo as the directive FileETag says.\n"
"\n"
"Based on ap_set_etag() (RFC 9110 section 8.8.3).");

PyObject *mp_request_set_etag(PyObject *op, PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);

    if (r == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    ap_set_etag(r); /* FileETag Digest reads the file */
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

const char mp_request_set_last_modified_doc[] = PyDoc_STR(
"set_last_modified($self, /)\n--\n\n"
"Set the Last-Modified header from req.mtime, see update_mtime().\n"
"\n"
"Based on ap_set_last_modified() (RFC 9110 section 8.8.2).");

PyObject *mp_request_set_last_modified(PyObject *op,
                                       PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);

    if (r == NULL) {
        return NULL;
    }
    ap_set_last_modified(r);
    Py_RETURN_NONE;
}

const char mp_request_update_mtime_doc[] = PyDoc_STR(
"update_mtime($self, seconds, /)\n--\n\n"
"Raise req.mtime to seconds (float, since the epoch) if that is later.\n"
"\n"
"ValueError: no such time. Based on ap_update_mtime().");

PyObject *mp_request_update_mtime(PyObject *op, PyObject *arg)
{
    request_rec *r = rec_of(op);
    double seconds;

    if (r == NULL) {
        return NULL;
    }
    seconds = PyFloat_AsDouble(arg);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    if (!isfinite(seconds) || fabs(seconds) > 9.2e12) {
        PyErr_SetString(PyExc_ValueError, "seconds is out of range");
        return NULL;
    }
    ap_update_mtime(r, (apr_time_t)llround(seconds * APR_USEC_PER_SEC));
    Py_RETURN_NONE;
}

const char mp_request_meets_conditions_doc[] = PyDoc_STR(
"meets_conditions($self, /)\n--\n\n"
"Compare If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since and\n"
"If-Range of the request with the ETag and Last-Modified set so far.\n"
"\n"
"Returns apache.OK: send the response; else the status to return from the\n"
"handler (304, 412). Based on ap_meets_conditions() (RFC 9110 section 13).");

PyObject *mp_request_meets_conditions(PyObject *op,
                                      PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);
    int status;

    if (r == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = ap_meets_conditions(r);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(status);
}

/* ---- URLs and redirects ---- */

const char mp_request_internal_redirect_doc[] = PyDoc_STR(
"internal_redirect($self, uri, /)\n--\n\n"
"Run all phases for uri (str or bytes, a path with optional query) in a new\n"
"request whose response becomes the response; this request is its prev.\n"
"\n"
"What was written before goes out first. Afterwards nothing can be written;\n"
"return apache.OK. Raises what write() raises. Based on\n"
"ap_internal_redirect().");

PyObject *mp_request_internal_redirect(PyObject *op, PyObject *uri)
{
    const mp_request *self = (mp_request *)op;
    request_rec *r = rec_of(op);
    apr_status_t rv = APR_SUCCESS;
    mp_reqctx *ctx;
    const char *target;

    if (r == NULL) {
        return NULL;
    }
    target = mp_text_dup(r->pool, uri, "uri");
    if (target == NULL || mp_output_begin(self) < 0) {
        return NULL;
    }
    ctx = self->ctx;
    Py_BEGIN_ALLOW_THREADS
    if (ctx->out_length > 0) {
        rv = mp_output_pass(ctx);
    }
    ctx->out_passed = 1; /* no error page of ours after that one's response */
    mp_request_io_end(ctx);
    if (rv == APR_SUCCESS) {
        ap_internal_redirect(target, r);
        ctx->out_ended = 1;
    }
    Py_END_ALLOW_THREADS
    if (rv != APR_SUCCESS) {
        return mp_output_raise(self->state, rv);
    }
    Py_RETURN_NONE;
}

const char mp_request_construct_url_doc[] = PyDoc_STR(
"construct_url($self, uri, /)\n--\n\n"
"The full URL (str) of uri, a path on this server: scheme, server name and\n"
"port as the client should use them (UseCanonicalName); the default port of\n"
"the scheme is left out. Based on ap_construct_url().");

PyObject *mp_request_construct_url(PyObject *op, PyObject *uri)
{
    request_rec *r = rec_of(op);
    const char *url;
    const char *path;
    PyObject *keep;

    if (r == NULL) {
        return NULL;
    }
    path = mp_text_to(uri, "uri", &keep);
    if (path == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    url = ap_construct_url(r->pool, path, r); /* UseCanonicalName DNS */
    Py_END_ALLOW_THREADS
    Py_DECREF(keep);
    return mp_text_from(url);
}

/* ---- methods ---- */

/* The name of one allowed method, of r->pool. @return NULL with an
 * exception */
static const char *method_name(request_rec *r, PyObject *method)
{
    const char *name;
    long number;

    if (PyLong_Check(method)) {
        if (mp_text_int(method, "method", LONG_MIN, LONG_MAX, &number) < 0) {
            return NULL;
        }
        name = number >= 0 && number < METHODS && number != M_INVALID
                   ? ap_method_name_of(r->pool, (int)number)
                   : NULL;
        if (name == NULL) {
            PyErr_Format(PyExc_ValueError, "there is no method %ld", number);
        }
        return name;
    }
    name = mp_text_dup(r->pool, method, "method");
    if (name != NULL && (*name == '\0' || *ap_scan_http_token(name) != '\0')) {
        PyErr_Format(PyExc_ValueError, "%R is no method", method);
        return NULL;
    }
    return name;
}

const char mp_request_allow_methods_doc[] = PyDoc_STR(
"allow_methods($self, methods, reset=False, /)\n--\n\n"
"Add methods to those listed in the Allow header of a 405 or OPTIONS\n"
"response.\n"
"\n"
"methods is a sequence of names (str, 'GET') or numbers (apache.M_GET). If\n"
"reset is true, the list is emptied first. ValueError: no such method. Based\n"
"on ap_method_list_add().");

PyObject *mp_request_allow_methods(PyObject *op, PyObject *args)
{
    request_rec *r = rec_of(op);
    PyObject *methods;
    PyObject *items;
    const char **names;
    Py_ssize_t count;
    int reset = 0;

    if (r == NULL
        || !PyArg_ParseTuple(args, "O|p:allow_methods", &methods, &reset)) {
        return NULL;
    }
    if (PyUnicode_Check(methods) || PyBytes_Check(methods)) {
        PyErr_SetString(PyExc_TypeError,
                        "methods must be a sequence of str or int");
        return NULL;
    }
    items = PySequence_Fast(methods,
                            "methods must be a sequence of str or int");
    if (items == NULL) {
        return NULL;
    }
    count = PySequence_Fast_GET_SIZE(items);
    names = apr_pcalloc(r->pool, (count + 1) * sizeof(*names));
    for (Py_ssize_t i = 0; i < count; i++) {
        names[i] = method_name(r, PySequence_Fast_GET_ITEM(items, i));
        if (names[i] == NULL) {
            Py_DECREF(items);
            return NULL;
        }
    }
    Py_DECREF(items);
    if (reset) {
        ap_clear_method_list(r->allowed_methods);
        r->allowed = 0;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        int number = ap_method_number_of(names[i]);

        ap_method_list_add(r->allowed_methods, names[i]);
        if (number != M_INVALID) {
            r->allowed |= AP_METHOD_BIT << number;
        }
    }
    Py_RETURN_NONE;
}

/* ---- authentication ---- */

const char mp_request_auth_name_doc[] = PyDoc_STR(
"auth_name($self, /)\n--\n\n"
"The realm of the directive AuthName in effect (str), or None. Based on\n"
"ap_auth_name().");

PyObject *mp_request_auth_name(PyObject *op, PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);

    return r == NULL ? NULL : mp_text_from(ap_auth_name(r));
}

const char mp_request_auth_type_doc[] = PyDoc_STR(
"auth_type($self, /)\n--\n\n"
"The directive AuthType in effect (str, 'Basic'), or None. Based on\n"
"ap_auth_type().");

PyObject *mp_request_auth_type(PyObject *op, PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);

    return r == NULL ? NULL : mp_text_from(ap_auth_type(r));
}

const char mp_request_get_basic_auth_pw_doc[] = PyDoc_STR(
"get_basic_auth_pw($self, /)\n--\n\n"
"The password (str) the client sent with Basic authentication; sets\n"
"req.user to the user's name.\n"
"\n"
"Returns None when it sent no or other credentials; req.user is left alone\n"
"then. Both are decoded as UTF-8, else as latin-1. Needs no directive. Based\n"
"on ap_get_basic_auth_components() (RFC 7617).");

PyObject *mp_request_get_basic_auth_pw(PyObject *op,
                                       PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);
    const char *user;
    const char *password;

    if (r == NULL) {
        return NULL;
    }
    if (ap_get_basic_auth_components(r, &user, &password) != APR_SUCCESS) {
        Py_RETURN_NONE;
    }
    r->user = apr_pstrdup(r->pool, user);
    if (r->ap_auth_type == NULL) {
        r->ap_auth_type = apr_pstrdup(r->pool, "Basic");
    }
    return mp_text_from_user(password);
}

/* ---- the client ---- */

const char mp_request_get_remote_host_doc[] = PyDoc_STR(
"get_remote_host($self, type=REMOTE_NAME, str_is_ip=None, /)\n--\n\n"
"The client's host name or IP address (str), or None.\n"
"\n"
"type is apache.REMOTE_HOST: the name or None; REMOTE_NAME: the name, else\n"
"the address (a name needs HostnameLookups); REMOTE_NOLOOKUP: the same\n"
"without a DNS query; REMOTE_DOUBLE_REV: the name verified by a second\n"
"query, or None. If str_is_ip is not None the result is a pair (str, int),\n"
"the number telling whether it is an address. Based on\n"
"ap_get_useragent_host().");

PyObject *mp_request_get_remote_host(PyObject *op, PyObject *args)
{
    request_rec *r = rec_of(op);
    PyObject *type_arg = NULL;
    PyObject *pair = Py_None;
    PyObject *host_obj;
    long type = REMOTE_NAME;
    int is_ip = 0;
    const char *host;

    if (r == NULL
        || !PyArg_ParseTuple(args, "|OO:get_remote_host", &type_arg, &pair)
        || (type_arg != NULL
            && mp_text_int(type_arg, "type", REMOTE_HOST, REMOTE_DOUBLE_REV,
                           &type) < 0)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 56)
    host = ap_get_useragent_host(r, (int)type, &is_ip);
#else
    host = ap_get_remote_host(r->connection, r->per_dir_config, (int)type,
                              &is_ip);
#endif
    Py_END_ALLOW_THREADS
    host_obj = mp_text_from(host);
    if (host == NULL || pair == Py_None || host_obj == NULL) {
        return host_obj;
    }
    return Py_BuildValue("(Ni)", host_obj, is_ip != 0);
}

const char mp_request_is_https_doc[] = PyDoc_STR(
"is_https($self, /)\n--\n\n"
"1 if the client's connection is encrypted by httpd (mod_ssl or another TLS\n"
"module), else 0. Usable in any phase. Based on ap_ssl_conn_is_ssl().");

PyObject *mp_request_is_https(PyObject *op, PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);
    int yes;

    if (r == NULL) {
        return NULL;
    }
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 102)
    yes = ap_ssl_conn_is_ssl(r->connection);
#else
    APR_OPTIONAL_FN_TYPE(ssl_is_https) *is_ssl =
        APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
    yes = is_ssl != NULL && is_ssl(r->connection);
#endif
    return PyLong_FromLong(yes != 0);
}

const char mp_request_ssl_var_lookup_doc[] = PyDoc_STR(
"ssl_var_lookup($self, name, /)\n--\n\n"
"The value (str) of a variable of mod_ssl, such as SSL_CIPHER or\n"
"SSL_CLIENT_S_DN; '' for one without a value, None without a TLS module.\n"
"Usable in any phase. Based on ap_ssl_var_lookup().");

PyObject *mp_request_ssl_var_lookup(PyObject *op, PyObject *name)
{
    request_rec *r = rec_of(op);
    const char *value = NULL;
    char *variable;

    if (r == NULL) {
        return NULL;
    }
    variable = mp_text_dup(r->pool, name, "name");
    if (variable == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 102)
    value = ap_ssl_var_lookup(r->pool, r->server, r->connection, r, variable);
#else
    APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *lookup =
        APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
    if (lookup != NULL) {
        value = lookup(r->pool, r->server, r->connection, r, variable);
    }
#endif
    Py_END_ALLOW_THREADS
    return mp_text_from(value);
}

/* ---- CGI variables, headers, expressions ---- */

const char mp_request_add_common_vars_doc[] = PyDoc_STR(
"add_common_vars($self, /)\n--\n\n"
"Put the variables that CGI scripts and included pages share into\n"
"req.subprocess_env: HTTP_*, SERVER_*, REMOTE_*, DOCUMENT_ROOT and so on.\n"
"\n"
"Based on ap_add_common_vars().");

PyObject *mp_request_add_common_vars(PyObject *op,
                                     PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);

    if (r == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    ap_add_common_vars(r); /* REMOTE_HOST may ask the DNS */
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

const char mp_request_add_cgi_vars_doc[] = PyDoc_STR(
"add_cgi_vars($self, /)\n--\n\n"
"Put the variables of a CGI script into req.subprocess_env: those of\n"
"add_common_vars() and GATEWAY_INTERFACE, SERVER_PROTOCOL, REQUEST_METHOD,\n"
"QUERY_STRING, REQUEST_URI, SCRIPT_NAME, PATH_INFO. PATH_TRANSLATED is left\n"
"out: it would take a sub-request.\n"
"\n"
"Based on ap_add_common_vars() and ap_add_cgi_vars() (RFC 3875).");

PyObject *mp_request_add_cgi_vars(PyObject *op, PyObject *Py_UNUSED(unused))
{
    request_rec *r = rec_of(op);
    char *path_info;

    if (r == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    ap_add_common_vars(r);
    /* with a path_info httpd would make a sub-request for it */
    path_info = r->path_info;
    r->path_info = NULL;
    ap_add_cgi_vars(r);
    r->path_info = path_info;
    if (path_info != NULL && path_info[0] != '\0') {
        apr_table_t *env = r->subprocess_env;

        apr_table_setn(env, "PATH_INFO", path_info);
        if (strcmp(r->protocol, "INCLUDED") != 0) {
            int length = ap_find_path_info(r->uri, path_info);

            apr_table_setn(env, "SCRIPT_NAME",
                           apr_pstrndup(r->pool, r->uri, length));
        }
    }
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

const char mp_request_send_http_header_doc[] = PyDoc_STR(
"send_http_header($self, /)\n--\n\n"
"Does nothing: the first output sends the headers. Kept for old handlers.");

PyObject *mp_request_send_http_header(PyObject *op,
                                      PyObject *Py_UNUSED(unused))
{
    if (rec_of(op) == NULL) {
        return NULL;
    }
    Py_RETURN_NONE;
}

const char mp_request_expr_doc[] = PyDoc_STR(
"expr($self, string, /)\n--\n\n"
"The value (str) of an httpd expression for this request: the string syntax\n"
"of ap_expr, as in '%{REQUEST_URI} from %{REMOTE_ADDR}'. Headers it looks at\n"
"join the Vary header.\n"
"\n"
"ValueError: syntax error. RuntimeError: it cannot be evaluated. Never make\n"
"an expression of what a client sent: it can read files. Based on\n"
"ap_expr_str_exec().");

PyObject *mp_request_expr(PyObject *op, PyObject *string)
{
    request_rec *r = rec_of(op);
    ap_expr_info_t info = {
        .filename = "req.expr()",
        .flags = AP_EXPR_FLAG_STRING_RESULT,
        .module_index = APLOG_MODULE_INDEX,
    };
    const char *source;
    const char *error;
    const char *value = NULL;
    int parsed = 0;
    apr_pool_t *p;
    PyObject *result = NULL;
    PyObject *keep;

    if (r == NULL) {
        return NULL;
    }
    source = mp_text_to(string, "string", &keep);
    if (source == NULL) {
        return NULL;
    }
    apr_pool_create(&p, r->pool);
    apr_pool_tag(p, "mod_python expr");
    Py_BEGIN_ALLOW_THREADS
    error = ap_expr_parse(p, p, &info, source, NULL);
    if (error == NULL) {
        parsed = 1;
        value = ap_expr_str_exec(r, &info, &error);
    }
    Py_END_ALLOW_THREADS
    if (error != NULL || value == NULL) {
        PyErr_Format(parsed ? PyExc_RuntimeError : PyExc_ValueError,
                     "%s in expression %R",
                     error != NULL ? error : "no value", string);
    }
    else {
        result = mp_text_from(value);
    }
    apr_pool_destroy(p);
    Py_DECREF(keep);
    return result;
}
