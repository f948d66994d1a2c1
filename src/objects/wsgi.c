/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The WSGI environ of a request. PEP 3333: all text is latin-1 made from the
 * raw bytes.
 *
 * Most variables of a request have the values of the one before: an
 * interpreter keeps a dict of those that every request has, brings it up to
 * date, copies it and adds the rest. See also wsgi_response.c (what
 * start_response() is given), wsgi_send.c (the body) and mod_python/wsgi.py. */
#include "objects/wsgi.h"

#include <string.h>

#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <ap_mpm.h>
#include <http_core.h>
#include <http_protocol.h>

#include "core/config.h"
#include "runtime/text.h"

/* clang-format off */
/* of every request */
#define COMMON_NAMES(X)                            \
    X(SERVER_PROTOCOL, "SERVER_PROTOCOL")          \
    X(REQUEST_METHOD, "REQUEST_METHOD")            \
    X(QUERY_STRING, "QUERY_STRING")                \
    X(REQUEST_URI, "REQUEST_URI")                  \
    X(SCRIPT_NAME, "SCRIPT_NAME")                  \
    X(PATH_INFO, "PATH_INFO")                      \
    X(SERVER_SIGNATURE, "SERVER_SIGNATURE")        \
    X(SERVER_NAME, "SERVER_NAME")                  \
    X(SERVER_ADDR, "SERVER_ADDR")                  \
    X(SERVER_PORT, "SERVER_PORT")                  \
    X(SERVER_ADMIN, "SERVER_ADMIN")                \
    X(REMOTE_ADDR, "REMOTE_ADDR")                  \
    X(REMOTE_PORT, "REMOTE_PORT")                  \
    X(DOCUMENT_ROOT, "DOCUMENT_ROOT")              \
    X(REQUEST_SCHEME, "REQUEST_SCHEME")            \
    X(CONTEXT_PREFIX, "CONTEXT_PREFIX")            \
    X(CONTEXT_DOCUMENT_ROOT, "CONTEXT_DOCUMENT_ROOT") \
    X(SCRIPT_FILENAME, "SCRIPT_FILENAME")          \
    X(HTTP_HOST, "HTTP_HOST")                      \
    X(WSGI_URL_SCHEME, "wsgi.url_scheme")
/* of every request, always with the same value */
#define CONSTANT_NAMES(X)                          \
    X(GATEWAY_INTERFACE, "GATEWAY_INTERFACE")      \
    X(SERVER_SOFTWARE, "SERVER_SOFTWARE")          \
    X(WSGI_VERSION, "wsgi.version")                \
    X(WSGI_MULTITHREAD, "wsgi.multithread")        \
    X(WSGI_MULTIPROCESS, "wsgi.multiprocess")      \
    X(WSGI_RUN_ONCE, "wsgi.run_once")              \
    X(WSGI_INPUT_TERMINATED, "wsgi.input_terminated")
/* of some, or with values that must not outlive the request */
#define OTHER_NAMES(X)                             \
    X(WSGI_INPUT, "wsgi.input")                    \
    X(WSGI_ERRORS, "wsgi.errors")                  \
    X(WSGI_FILE_WRAPPER, "wsgi.file_wrapper")      \
    X(CONTENT_TYPE, "CONTENT_TYPE")                \
    X(CONTENT_LENGTH, "CONTENT_LENGTH")            \
    X(REMOTE_HOST, "REMOTE_HOST")                  \
    X(REMOTE_USER, "REMOTE_USER")                  \
    X(REMOTE_IDENT, "REMOTE_IDENT")                \
    X(AUTH_TYPE, "AUTH_TYPE")                      \
    X(REDIRECT_QUERY_STRING, "REDIRECT_QUERY_STRING") \
    X(REDIRECT_URL, "REDIRECT_URL")                \
    X(STDERR, "stderr") /* no variable, but that of sys */
/* clang-format on */

#define X(id, text) NAME_##id,
enum {
    COMMON_NAMES(X) COMMON_COUNT,
    BEFORE_CONSTANTS = COMMON_COUNT - 1, /* the numbers go on */
    CONSTANT_NAMES(X) OTHER_NAMES(X) NAME_COUNT
};
#undef X

static const char *const name_texts[] = {
#define X(id, text) text,
    COMMON_NAMES(X) CONSTANT_NAMES(X) OTHER_NAMES(X)
#undef X
};

struct mp_wsgi_environ {
    PyObject *names[NAME_COUNT];
    PyObject *base;                 /* a dict: COMMON and CONSTANT variables,
                                       as of the last request, and a place for
                                       wsgi.input */
    PyObject *values[COMMON_COUNT]; /* str: what is in base, NULL: nothing */
    const char *texts[COMMON_COUNT]; /* of these */
    PyObject *headers[MP_WSGI_NAMES]; /* str: keys of headers met before */
    PyObject *sys;                  /* the dict of the module sys */
    PyObject *errors;               /* sys.stderr, which is in base too */
    PyObject *file_wrapper;         /* the same; NULL: not in base */
    unsigned server_port;           /* the number in base */
    unsigned remote_port;
    const mp_section *location;     /* a <Location>: its path is not looked at
                                       twice */
    size_t location_length;         /* of the path, without slashes at its
                                       end; 0: the root, a pattern */
};

/* What the functions below add to. */
typedef struct builder {
    struct mp_wsgi_environ *kept;
    PyObject *dict; /* the environ, a copy of kept->base */
    int has_host;   /* a Host header was met */
    int failed;     /* an exception is set: the rest does nothing */
} builder;

/* Steals value. */
static void set(builder *env, PyObject *key, PyObject *value)
{
    if (!env->failed
        && (value == NULL || PyDict_SetItem(env->dict, key, value) < 0)) {
        env->failed = 1;
    }
    Py_XDECREF(value);
}

static PyObject *latin1(const char *text)
{
    return PyUnicode_DecodeLatin1(text, (Py_ssize_t)strlen(text), NULL);
}

/* NULL: there is no such variable. */
static void set_text(builder *env, int name, const char *text)
{
    if (text != NULL && !env->failed) {
        set(env, env->kept->names[name], latin1(text));
    }
}

/* ---- the variables of every request ---- */

/* Makes base have the first length bytes of text, or nothing for NULL. */
static void change(builder *env, int name, const char *text, size_t length)
{
    struct mp_wsgi_environ *kept = env->kept;
    PyObject *value = NULL;
    int rc;

    if (env->failed) {
        return;
    }
    if (text == NULL) {
        rc = PyDict_DelItem(kept->base, kept->names[name]);
    }
    else {
        value = PyUnicode_DecodeLatin1(text, (Py_ssize_t)length, NULL);
        rc = value != NULL
                 ? PyDict_SetItem(kept->base, kept->names[name], value)
                 : -1;
    }
    if (rc < 0) {
        Py_XDECREF(value);
        env->failed = 1;
        return;
    }
    kept->texts[name] = text != NULL
                            ? (const char *)PyUnicode_1BYTE_DATA(value)
                            : NULL;
    Py_XSETREF(kept->values[name], value);
}

static inline void update_size(builder *env, int name, const char *text,
                               size_t length)
{
    const char *before = env->kept->texts[name];

    if (before == NULL || strncmp(before, text, length) != 0
        || before[length] != '\0') {
        change(env, name, text, length);
    }
}

/* NULL: there is no such variable. */
static inline void update(builder *env, int name, const char *text)
{
    const char *before = env->kept->texts[name];

    if (text == NULL ? before != NULL
                     : before == NULL || strcmp(before, text) != 0) {
        change(env, name, text, text != NULL ? strlen(text) : 0);
    }
}

/* @param before the number that is in base now */
static void update_port(builder *env, int name, unsigned port,
                        unsigned *before)
{
    char text[12];

    if (env->kept->texts[name] == NULL || *before != port) {
        *before = port;
        change(env, name, text,
               (size_t)apr_snprintf(text, sizeof(text), "%u", port));
    }
}

/* ---- where the application stands ---- */

/* @return the length of a <Location>'s path without slashes at its end, 0 for
 * a pattern */
static size_t path_length(const char *path)
{
    size_t length;

    if (path[0] != '/' || strpbrk(path, "^$()|+") != NULL
        || apr_fnmatch_test(path)) {
        return 0;
    }
    length = strlen(path);
    while (length > 0 && path[length - 1] == '/') {
        length--;
    }
    return length;
}

/* The path of the <Location> of the running handler; "" for other sections.
 * These live as long as the configuration of the process. */
static const char *location_base(const mp_request *self,
                                 struct mp_wsgi_environ *kept, size_t *length)
{
    const mp_handler *handler = mp_request_handler(self);

    *length = 0;
    if (handler == NULL || handler->section->kind != MP_SECTION_LOCATION) {
        return "";
    }
    if (kept->location != handler->section) {
        kept->location = handler->section;
        kept->location_length = path_length(handler->section->path);
    }
    *length = kept->location_length;
    return handler->section->path;
}

/* @return the URI below which the application stands, not terminated; NULL
 * with ValueError */
static const char *base_uri(const mp_request *self,
                            struct mp_wsgi_environ *kept, size_t *length)
{
    const char *base = mp_config_option(mp_config_of_request(self->r),
                                        "mod_python.wsgi.base_uri");

    if (base == NULL) {
        return location_base(self, kept, length);
    }
    *length = strlen(base);
    if (*length > 0 && base[*length - 1] == '/') {
        PyErr_Format(PyExc_ValueError,
                     "PythonOption mod_python.wsgi.base_uri must not end "
                     "with a slash: %s", base);
        return NULL;
    }
    return base;
}

/* ---- headers and the environment ---- */

/* A header that occurs again joins the one before it (RFC 9110 5.3). */
static void join(builder *env, PyObject *name, PyObject *before,
                 PyObject *value)
{
    set(env, name, PyUnicode_FromFormat("%U, %U", before, value));
}

static int is_header(const char *header, const char *name)
{
    return (header[0] | 0x20) == (name[0] | 0x20)
           && ap_cstr_casecmp(header, name) == 0;
}

static void add_header(builder *env, const char *header, const char *value)
{
    PyObject *name;
    PyObject *text;
    PyObject *present; /* borrowed */

    if (is_header(header, "Content-Type")) {
        set_text(env, NAME_CONTENT_TYPE, value);
        return;
    }
    if (is_header(header, "Content-Length")) {
        set_text(env, NAME_CONTENT_LENGTH, value);
        return;
    }
    if (is_header(header, "Proxy")
        || is_header(header, "Proxy-Authorization")) {
        return; /* HTTP_PROXY means something else; not for us */
    }
    if (!env->has_host && is_header(header, "Host")) {
        env->has_host = 1;
        return; /* the first is a variable of every request */
    }
    name = mp_wsgi_name(env->kept->headers, header); /* borrowed */
    if (name == NULL) {
        env->failed = PyErr_Occurred() != NULL;
        return;
    }
    text = latin1(value);
    present = text != NULL ? PyDict_SetDefault(env->dict, name, text) : NULL;
    if (present == NULL) {
        env->failed = 1;
    }
    else if (present != text) {
        join(env, name, present, text);
    }
    Py_XDECREF(text);
}

static void add_headers(builder *env, const request_rec *r)
{
    const apr_array_header_t *rows = apr_table_elts(r->headers_in);
    const apr_table_entry_t *row = (const apr_table_entry_t *)rows->elts;

    for (int i = 0; i < rows->nelts && !env->failed; i++) {
        if (row[i].key != NULL && row[i].val != NULL) {
            add_header(env, row[i].key, row[i].val);
        }
    }
}

/* SetEnv, RewriteRule [E=...], mod_ssl and others, with names of any kind.
 * What is there already wins: add_common_vars() may have put the same
 * variables into this table. */
static void add_environment(builder *env, const request_rec *r)
{
    const apr_array_header_t *rows = apr_table_elts(r->subprocess_env);
    const apr_table_entry_t *row = (const apr_table_entry_t *)rows->elts;

    for (int i = 0; i < rows->nelts && !env->failed; i++) {
        PyObject *name;
        PyObject *text;

        if (row[i].key == NULL) {
            continue;
        }
        name = latin1(row[i].key);
        text = latin1(row[i].val != NULL ? row[i].val : "");
        if (name == NULL || text == NULL
            || PyDict_SetDefault(env->dict, name, text) == NULL) {
            env->failed = 1;
        }
        Py_XDECREF(name);
        Py_XDECREF(text);
    }
}

/* ---- what httpd knows ---- */

/* The target of the request line: what the client asked for, also after
 * redirects inside the server. */
static void update_request_uri(builder *env, const request_rec *r)
{
    const char *start = r->the_request;
    const char *end;

    if (start == NULL) {
        update(env, NAME_REQUEST_URI, r->unparsed_uri);
        return;
    }
    while (*start != '\0' && !apr_isspace(*start)) {
        start++;
    }
    while (apr_isspace(*start)) {
        start++;
    }
    for (end = start; *end != '\0' && !apr_isspace(*end); end++) {
    }
    update_size(env, NAME_REQUEST_URI, start, (size_t)(end - start));
}

/* The client's host name, when the configuration asks for a look-up. */
static const char *remote_host(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *host;

    if (core->hostname_lookups == HOSTNAME_LOOKUP_OFF
        || core->hostname_lookups == HOSTNAME_LOOKUP_UNSET) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    host = ap_get_useragent_host(r, REMOTE_HOST, NULL);
    Py_END_ALLOW_THREADS
    return host;
}

static void update_server(builder *env, request_rec *r)
{
    const char *scheme = ap_http_scheme(r);

    update(env, NAME_SERVER_SIGNATURE, ap_psignature("", r));
    update(env, NAME_SERVER_NAME, ap_get_server_name_for_url(r));
    update(env, NAME_SERVER_ADDR, r->connection->local_ip);
    update_port(env, NAME_SERVER_PORT, ap_get_server_port(r),
                &env->kept->server_port);
    update(env, NAME_SERVER_ADMIN, r->server->server_admin);
    update(env, NAME_DOCUMENT_ROOT, ap_document_root(r));
    update(env, NAME_REQUEST_SCHEME, scheme);
    update(env, NAME_WSGI_URL_SCHEME, scheme);
    update(env, NAME_CONTEXT_PREFIX, ap_context_prefix(r));
    update(env, NAME_CONTEXT_DOCUMENT_ROOT, ap_context_document_root(r));
}

static void update_request(builder *env, const request_rec *r,
                           const char *base, size_t base_length)
{
    update(env, NAME_SERVER_PROTOCOL, r->protocol);
    update(env, NAME_REQUEST_METHOD, r->method);
    update(env, NAME_QUERY_STRING, r->args != NULL ? r->args : "");
    update_request_uri(env, r);
    update(env, NAME_SCRIPT_FILENAME, r->filename);
    update_size(env, NAME_SCRIPT_NAME, base, base_length);
    update(env, NAME_PATH_INFO, r->uri + base_length);
    update(env, NAME_REMOTE_ADDR, r->useragent_ip);
    update_port(env, NAME_REMOTE_PORT, r->connection->client_addr->port,
                &env->kept->remote_port);
    update(env, NAME_HTTP_HOST, apr_table_get(r->headers_in, "Host"));
}

static void add_request(builder *env, const request_rec *r, const char *host)
{
    set_text(env, NAME_REMOTE_HOST, host);
    set_text(env, NAME_REMOTE_USER, r->user);
    set_text(env, NAME_REMOTE_IDENT, r->connection->remote_logname);
    set_text(env, NAME_AUTH_TYPE, r->ap_auth_type);
    if (r->prev != NULL) {
        set_text(env, NAME_REDIRECT_QUERY_STRING, r->prev->args);
        set_text(env, NAME_REDIRECT_URL, r->prev->uri);
    }
}

/* Whatever sys.stderr is now. Run before the others: the one before may run
 * code when it goes. */
static void update_errors(builder *env)
{
    struct mp_wsgi_environ *kept = env->kept;
    PyObject *errors = PyDict_GetItemWithError(kept->sys,
                                               kept->names[NAME_STDERR]);

    if (errors != NULL && errors == kept->errors) {
        return;
    }
    if (errors == NULL) {
        errors = Py_None; /* somebody has deleted it */
    }
    if (PyErr_Occurred()
        || PyDict_SetItem(kept->base, kept->names[NAME_WSGI_ERRORS],
                          errors) < 0) {
        env->failed = 1;
        return;
    }
    Py_XSETREF(kept->errors, Py_NewRef(errors));
}

/* It is nearly always the same one. NULL: there is none. */
static void update_file_wrapper(builder *env, PyObject *file_wrapper)
{
    struct mp_wsgi_environ *kept = env->kept;
    PyObject *name = kept->names[NAME_WSGI_FILE_WRAPPER];

    if (env->failed || file_wrapper == kept->file_wrapper) {
        return;
    }
    if ((file_wrapper != NULL
             ? PyDict_SetItem(kept->base, name, file_wrapper)
             : PyDict_DelItem(kept->base, name)) < 0) {
        env->failed = 1;
        return;
    }
    Py_XSETREF(kept->file_wrapper, Py_XNewRef(file_wrapper));
}

/* ---- what an interpreter keeps ---- */

static int mpm_has(int query)
{
    int value;

    return ap_mpm_query(query, &value) == APR_SUCCESS
           && value != AP_MPMQ_NOT_SUPPORTED;
}

/* Can another process run the application at the same time? */
static int is_multiprocess(void)
{
    int most;

    return mpm_has(AP_MPMQ_IS_FORKED)
           && (ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &most) != APR_SUCCESS
               || most > 1);
}

/* @return a dict of the CONSTANT variables, with the place of wsgi.input */
static PyObject *constants(void)
{
    return Py_BuildValue(
        "{s:s,s:s,s:(ii),s:O,s:O,s:O,s:O,s:O}", /* by CONSTANT_NAMES */
        name_texts[NAME_GATEWAY_INTERFACE], "CGI/1.1",
        name_texts[NAME_SERVER_SOFTWARE], ap_get_server_banner(),
        name_texts[NAME_WSGI_VERSION], 1, 0,
        name_texts[NAME_WSGI_MULTITHREAD],
        mpm_has(AP_MPMQ_IS_THREADED) ? Py_True : Py_False,
        name_texts[NAME_WSGI_MULTIPROCESS],
        is_multiprocess() ? Py_True : Py_False,
        name_texts[NAME_WSGI_RUN_ONCE], Py_False,
        /* httpd marks the end of the body, also of a chunked one */
        name_texts[NAME_WSGI_INPUT_TERMINATED], Py_True,
        name_texts[NAME_WSGI_INPUT], Py_None);
}

static int fill(struct mp_wsgi_environ *kept)
{
    PyObject *sys;

    for (int i = 0; i < NAME_COUNT; i++) {
        kept->names[i] = PyUnicode_InternFromString(name_texts[i]);
        if (kept->names[i] == NULL) {
            return -1;
        }
    }
    sys = PyImport_ImportModule("sys");
    if (sys == NULL) {
        return -1;
    }
    kept->sys = Py_NewRef(PyModule_GetDict(sys));
    Py_DECREF(sys);
    kept->base = constants();
    return kept->base != NULL ? 0 : -1;
}

/* @return what this interpreter keeps, or NULL with an exception */
static struct mp_wsgi_environ *kept_in(mp_state *state)
{
    if (state->wsgi_environ == NULL) {
        state->wsgi_environ = PyMem_Calloc(1, sizeof(*state->wsgi_environ));
        if (state->wsgi_environ == NULL) {
            PyErr_NoMemory();
        }
        else if (fill(state->wsgi_environ) < 0) {
            mp_wsgi_environ_clear(state);
        }
    }
    return state->wsgi_environ;
}

int mp_wsgi_environ_traverse(mp_state *state, visitproc visit, void *arg)
{
    if (state->wsgi_environ != NULL) { /* the rest is str */
        Py_VISIT(state->wsgi_environ->base);
        Py_VISIT(state->wsgi_environ->sys);
        Py_VISIT(state->wsgi_environ->errors);
        Py_VISIT(state->wsgi_environ->file_wrapper);
    }
    return 0;
}

void mp_wsgi_environ_clear(mp_state *state)
{
    struct mp_wsgi_environ *kept = state->wsgi_environ;

    if (kept == NULL) {
        return;
    }
    state->wsgi_environ = NULL;
    for (size_t i = 0; i < NAME_COUNT; i++) {
        Py_XDECREF(kept->names[i]);
    }
    for (size_t i = 0; i < COMMON_COUNT; i++) {
        Py_XDECREF(kept->values[i]);
    }
    for (size_t i = 0; i < MP_WSGI_NAMES; i++) {
        Py_XDECREF(kept->headers[i]);
    }
    Py_XDECREF(kept->base);
    Py_XDECREF(kept->sys);
    Py_XDECREF(kept->errors);
    Py_XDECREF(kept->file_wrapper);
    PyMem_Free(kept);
}

const char mp_request_build_wsgi_env_doc[] = PyDoc_STR(
"build_wsgi_env($self, /)\n--\n\n"
"The environ (a new dict) of this request for a WSGI application.\n"
"\n"
"Everything PEP 3333 asks for but wsgi.file_wrapper: CGI variables, headers\n"
"(Authorization too), SetEnv variables, wsgi.*; text is latin-1. SCRIPT_NAME\n"
"is the option mod_python.wsgi.base_uri, else the path of the <Location> the\n"
"handler stands in, else ''; PATH_INFO is what follows it in req.uri.\n"
"Returns None for a URI that is not below that. ValueError: base_uri ends\n"
"with a slash.");

/* @return new reference, or NULL with an exception */
static PyObject *build(mp_request *self, struct mp_wsgi_environ *kept,
                       const char *base, size_t base_length,
                       PyObject *file_wrapper)
{
    builder env = {.kept = kept};
    request_rec *r = self->r;
    const char *host = remote_host(r); /* may let other threads in */

    update_errors(&env);
    update_file_wrapper(&env, file_wrapper);
    /* nothing from here on runs Python code: the copy is of this request */
    update_server(&env, r);
    update_request(&env, r, base, base_length);
    env.dict = env.failed ? NULL : PyDict_Copy(kept->base);
    if (env.dict == NULL) {
        return NULL;
    }
    add_headers(&env, r);
    add_environment(&env, r);
    add_request(&env, r, host);
    set(&env, kept->names[NAME_WSGI_INPUT], Py_NewRef(self));
    if (env.failed) {
        Py_CLEAR(env.dict);
    }
    return env.dict;
}

PyObject *mp_wsgi_environ(mp_request *self, PyObject *file_wrapper)
{
    struct mp_wsgi_environ *kept;
    const char *base;
    const char *uri;
    size_t length;

    if (mp_request_check(self) < 0) {
        return NULL;
    }
    kept = kept_in(self->state);
    base = kept != NULL ? base_uri(self, kept, &length) : NULL;
    if (base == NULL) {
        return NULL;
    }
    uri = self->r->uri;
    if (strncmp(uri, base, length) != 0
        || (length > 0 && uri[length] != '/' && uri[length] != '\0')) {
        Py_RETURN_NONE;
    }
    return build(self, kept, base, length, file_wrapper);
}

PyObject *mp_request_build_wsgi_env(PyObject *op, PyObject *Py_UNUSED(unused))
{
    return mp_wsgi_environ((mp_request *)op, NULL);
}
