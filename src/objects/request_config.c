/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Methods of mp_request around configuration: what is in effect, and the
 * handlers, filters and cleanups a handler adds for its request alone. */
#include "objects/request.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>
#include <http_core.h>
#include <util_filter.h>

#include "core/overheard.h"
#include "objects/log_stream.h"
#include "objects/promise.h"
#include "objects/table.h"
#include "runtime/text.h"

/* ---- get_config(), get_options() ---- */

typedef apr_table_t *(*table_maker)(apr_pool_t *p, const mp_dir_conf *conf);

static int same_value(const apr_table_t *table, const apr_table_entry_t *entry)
{
    const char *value = apr_table_get(table, entry->key);

    return value != NULL && strcmp(value, entry->val) == 0;
}

/* Repeats on fresh what Python code has changed since the table was made,
 * which is the difference between old and changed. */
static void carry_over(const apr_table_t *old, const apr_table_t *changed,
                       apr_table_t *fresh)
{
    const apr_array_header_t *rows = apr_table_elts(old);
    const apr_table_entry_t *row = (const apr_table_entry_t *)rows->elts;

    for (int i = 0; i < rows->nelts; i++) {
        if (apr_table_get(changed, row[i].key) == NULL) {
            apr_table_unset(fresh, row[i].key);
        }
    }
    rows = apr_table_elts(changed);
    row = (const apr_table_entry_t *)rows->elts;
    for (int i = 0; i < rows->nelts; i++) {
        if (row[i].val != NULL && !same_value(old, &row[i])) {
            apr_table_set(fresh, row[i].key, row[i].val);
        }
    }
}

/* Makes *table from the configuration in effect. That is another one after
 * httpd has walked the directories: then the table follows. */
static void refresh(request_rec *r, apr_table_t **table,
                    const mp_dir_conf **from, table_maker make)
{
    const mp_dir_conf *conf = mp_config_of_request(r);
    apr_table_t *fresh;

    if (*from == conf) {
        return;
    }
    fresh = make(r->pool, conf);
    if (*from != NULL) {
        carry_over(make(r->pool, *from), *table, fresh);
    }
    *table = fresh;
    *from = conf;
}

static PyObject *table_view(mp_request *self, PyObject **view,
                            apr_table_t **table)
{
    if (*view == NULL) {
        *view = mp_table_view(self->state, table, 0);
    }
    return Py_XNewRef(*view);
}

const char mp_request_get_config_doc[] = PyDoc_STR(
"get_config($self, /)\n--\n\n"
"Table of the mod_python directives in effect for this request, without\n"
"handlers and options; flags as \"1\" and \"0\". The table belongs to the\n"
"request: later handlers see what is changed in it.");

PyObject *mp_request_get_config(PyObject *op, PyObject *unused)
{
    mp_request *self = (mp_request *)op;
    (void)unused;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    refresh(self->r, &self->ctx->config, &self->ctx->config_from,
            mp_config_directives_table);
    return table_view(self, &self->config, &self->ctx->config);
}

const char mp_request_get_options_doc[] = PyDoc_STR(
"get_options($self, /)\n--\n\n"
"Table of the options (PythonOption) in effect for this request. The table\n"
"belongs to the request: later handlers see what is changed in it.");

PyObject *mp_request_get_options(PyObject *op, PyObject *unused)
{
    mp_request *self = (mp_request *)op;
    (void)unused;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    refresh(self->r, &self->ctx->options, &self->ctx->options_from,
            mp_config_options_table);
    return table_view(self, &self->options, &self->ctx->options);
}

/* ---- what other modules are told ---- */

const char mp_request_requires_doc[] = PyDoc_STR(
"requires($self, /)\n--\n\n"
"List of str: the arguments of the Require lines in effect for the method of\n"
"this request, such as ['user joe', 'valid-user']; those inside <RequireAny>\n"
"and the like in their order. [] without mod_authz_core.");

PyObject *mp_request_requires(PyObject *op, PyObject *unused)
{
    const mp_request *self = (mp_request *)op;
    const apr_array_header_t *lines;
    PyObject *list;
    (void)unused;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    lines = mp_overheard_requires(self->r->pool,
                                  mp_config_of_request(self->r)->overheard,
                                  self->r->method_number);
    list = PyList_New(lines->nelts);
    for (int i = 0; list != NULL && i < lines->nelts; i++) {
        PyObject *line = mp_text_from(APR_ARRAY_IDX(lines, i, const char *));

        if (line == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, line);
    }
    return list;
}

const char mp_request_document_root_doc[] = PyDoc_STR(
"document_root($self, /)\n--\n\n"
"Str: the DocumentRoot in effect for this request; see ap_document_root().");

PyObject *mp_request_document_root(PyObject *op, PyObject *unused)
{
    const mp_request *self = (mp_request *)op;
    (void)unused;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    return mp_text_from(ap_document_root(self->r));
}

const char mp_request_get_addhandler_exts_doc[] = PyDoc_STR(
"get_addhandler_exts($self, /)\n--\n\n"
"Str: the extensions that AddHandler gives to mod_python or python-program\n"
"where this request is, as \"py psp\": lower case, no dots. '' without\n"
"mod_mime.");

PyObject *mp_request_get_addhandler_exts(PyObject *op, PyObject *unused)
{
    const mp_request *self = (mp_request *)op;
    (void)unused;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    return mp_text_from(mp_overheard_extensions(
        self->r->pool, mp_config_of_request(self->r)->overheard));
}

/* ---- handler entries made by Python code ---- */

static const mp_section no_section = {MP_SECTION_SERVER, NULL, NULL, 0};

/* Raises ValueError with a message that may quote anything. */
static void bad_value(const char *message)
{
    PyObject *text = mp_text_from(message);

    if (text != NULL) {
        PyErr_SetObject(PyExc_ValueError, text);
        Py_DECREF(text);
    }
}

static const mp_section *first_section(const apr_array_header_t *entries)
{
    return entries != NULL && entries->nelts > 0
               ? APR_ARRAY_IDX(entries, 0, const mp_handler *)->section
               : NULL;
}

/* Where the handlers that a phase has already are from. */
static const mp_section *phase_section(const mp_request *self, mp_phase phase)
{
    const mp_dir_conf *conf = mp_config_of_request(self->r);
    const char *extension;
    const mp_handler_list *list = mp_handler_list_find(
        conf->handlers[phase], self->r->filename, &extension);
    const mp_section *section =
        list != NULL ? first_section(list->entries) : NULL;

    return section != NULL ? section
                           : first_section(mp_reqctx_added(self->ctx, phase));
}

/* Where the handler or filter that runs now is from. */
static const mp_section *running_section(const mp_request *self)
{
    const mp_call *call = mp_interp_current_call();

    if (call != NULL && call->r == self->r && call->handler != NULL) {
        return call->handler->section;
    }
    if (self->running != NULL && self->running_index < self->running->nelts) {
        return APR_ARRAY_IDX(self->running, self->running_index,
                             const mp_handler *)
            ->section;
    }
    return &no_section;
}

/* The place of a new entry: dir if given, else that of the phase's handlers,
 * else that of the running one.
 * @param phase MP_PHASE_NONE for a filter
 * @return NULL with an exception */
static const mp_section *place_for(const mp_request *self, mp_phase phase,
                                   PyObject *dir)
{
    apr_pool_t *p = self->r->pool;
    const mp_section *section = NULL;
    mp_section *made;
    char *path;

    if (dir == Py_None) {
        if (phase != MP_PHASE_NONE) {
            section = phase_section(self, phase);
        }
        return section != NULL ? section : running_section(self);
    }
    path = mp_text_path_dup(p, dir, "dir");
    if (path == NULL) {
        return NULL;
    }
    made = apr_pcalloc(p, sizeof(*made));
    made->kind = MP_SECTION_DIRECTORY;
    made->path = mp_canonical_dir(p, path);
    if (made->path == NULL) {
        bad_value(apr_psprintf(p, "dir must be an absolute path, not '%s'",
                               path));
        return NULL;
    }
    return made;
}

/* An attribute as text of the pool, NULL when it is missing or no text. */
static const char *attribute_text(apr_pool_t *p, PyObject *object,
                                  const char *name)
{
    PyObject *value = PyObject_GetAttrString(object, name);
    const char *text = NULL;

    if (value != NULL && PyUnicode_Check(value)) {
        text = mp_text_dup(p, value, name);
    }
    Py_XDECREF(value);
    PyErr_Clear();
    return text;
}

/* Puts a callable into self->callables.
 * @return its index (see mp_request_owner()) or -1 with an exception */
static int keep_callable(mp_request *self, PyObject *callable)
{
    mp_reqctx *ctx = self->ctx;
    int index;

    if (self->callables == NULL) {
        self->callables = PyList_New(0);
        if (self->callables == NULL) {
            return -1;
        }
    }
    if (ctx->callable_owners == NULL) {
        ctx->callable_owners =
            apr_array_make(self->r->pool, 2, sizeof(mp_interp *));
    }
    index = ctx->callable_owners->nelts;
    while (PyList_GET_SIZE(self->callables) < index) {
        if (PyList_Append(self->callables, Py_None) != 0) {
            return -1;
        }
    }
    if (PyList_Append(self->callables, callable) != 0) {
        return -1;
    }
    APR_ARRAY_PUSH(ctx->callable_owners, mp_interp *) = self->state->interp;
    return index;
}

/* An entry for a callable, named "module::qualified.name" in messages. */
static mp_handler *callable_entry(mp_request *self, PyObject *callable,
                                  const char *function,
                                  const mp_section *section)
{
    apr_pool_t *p = self->r->pool;
    const char *module_name = attribute_text(p, callable, "__module__");
    const char *object = attribute_text(p, callable, "__qualname__");
    mp_handler *entry = apr_pcalloc(p, sizeof(*entry));

    entry->callable = keep_callable(self, callable);
    if (entry->callable < 0) {
        return NULL;
    }
    entry->object = object != NULL ? object : Py_TYPE(callable)->tp_name;
    entry->module = module_name != NULL ? module_name : "";
    entry->spec = module_name != NULL
                      ? apr_pstrcat(p, module_name, "::", entry->object, NULL)
                      : apr_pstrdup(p, entry->object);
    entry->function = function;
    entry->section = section;
    if (section->kind == MP_SECTION_DIRECTORY) {
        entry->directory = section->path;
    }
    entry->slot = -1;
    return entry;
}

/* An entry from what Python code gave: text or a callable.
 * @param function default object of text without "::"
 * @return NULL with an exception */
static mp_handler *make_entry(mp_request *self, PyObject *handler,
                              const char *function, const mp_section *section)
{
    apr_pool_t *p = self->r->pool;
    mp_handler *entry;
    const char *error;
    char *text;

    if (!PyUnicode_Check(handler) && !PyBytes_Check(handler)) {
        if (!PyCallable_Check(handler)) {
            PyErr_Format(PyExc_TypeError,
                         "handler must be str or callable, not %.200s",
                         Py_TYPE(handler)->tp_name);
            return NULL;
        }
        return callable_entry(self, handler, function, section);
    }
    text = mp_text_dup(p, handler, "handler");
    if (text == NULL) {
        return NULL;
    }
    entry = mp_handler_make(p, text, function, section, 0, -1, &error);
    if (entry == NULL) {
        bad_value(error);
    }
    return entry;
}

/* ---- add_handler() ---- */

/* The phase of a name, if handlers can still be added to it.
 * @return MP_PHASE_NONE with an exception */
static mp_phase open_phase(const mp_request *self, PyObject *name)
{
    const mp_reqctx *ctx = self->ctx;
    mp_phase phase;
    int past;
    char *text = mp_text_dup(self->r->pool, name, "phase");

    if (text == NULL) {
        return MP_PHASE_NONE;
    }
    phase = mp_phase_of_directive(text);
    /* what comes first in phases.def is before there is a request to add
     * to, and for the end there is register_cleanup() */
    if (phase < MP_PHASE_POST_READ_REQUEST || phase == MP_PHASE_QUICK
        || phase == MP_PHASE_CLEANUP) {
        bad_value(apr_pstrcat(self->r->pool, "'", text,
                              "' is no phase that handlers can be added to",
                              NULL));
        return MP_PHASE_NONE;
    }
    past = phase < ctx->reached || ctx->cleaning;
    if (phase == MP_PHASE_INIT && ctx->init_ran
        && self->phase != MP_PHASE_INIT) {
        past = 1;
    }
    if (past) {
        PyErr_Format(PyExc_ValueError, "%s is past for this request",
                     mp_phases[phase].directive);
        return MP_PHASE_NONE;
    }
    return phase;
}

static void add_to_phase(mp_reqctx *ctx, mp_phase phase, mp_handler *entry)
{
    apr_pool_t *p = ctx->r->pool;

    if (ctx->dynamic == NULL) {
        ctx->dynamic =
            apr_pcalloc(p, MP_PHASE_COUNT * sizeof(ctx->dynamic[0]));
    }
    if (ctx->dynamic[phase] == NULL) {
        ctx->dynamic[phase] = apr_array_make(p, 2, sizeof(mp_handler *));
    }
    APR_ARRAY_PUSH(ctx->dynamic[phase], mp_handler *) = entry;
    ctx->dynamic_mask |= MP_PHASE_BIT(phase);
}

const char mp_request_add_handler_doc[] = PyDoc_STR(
"add_handler($self, /, phase, handler, dir=None)\n--\n\n"
"Adds a handler for this request alone; it runs after the others of its\n"
"phase.\n\n"
"phase: directive name of a phase of the request that is not past, such as\n"
"'PythonHandler'; not PythonCleanupHandler (see register_cleanup).\n"
"handler: 'module' or 'module::object' as in the directive, or a callable.\n"
"dir: absolute directory the module is looked for in; None: that of the\n"
"handlers the phase has, else that of the running handler.\n\n"
"ValueError: no such phase, past phase, empty or malformed handler, relative\n"
"dir. TypeError: neither str nor callable.");

PyObject *mp_request_add_handler(PyObject *op, PyObject *args,
                                 PyObject *kwargs)
{
    static char *names[] = {"phase", "handler", "dir", NULL};
    mp_request *self = (mp_request *)op;
    PyObject *name, *handler, *dir = Py_None;
    const mp_section *section;
    mp_handler *entry;
    mp_phase phase;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|O:add_handler", names,
                                     &name, &handler, &dir)
        || mp_request_check(self) != 0) {
        return NULL;
    }
    phase = open_phase(self, name);
    if (phase == MP_PHASE_NONE
        || (section = place_for(self, phase, dir)) == NULL) {
        return NULL;
    }
    entry = make_entry(self, handler, mp_phases[phase].function, section);
    if (entry == NULL) {
        return NULL;
    }
    add_to_phase(self->ctx, phase, entry);
    if (phase == self->phase) {
        Py_CLEAR(self->hlist); /* the next one shows the new entry */
    }
    Py_RETURN_NONE;
}

/* ---- filters ---- */

/* Both register_*_filter() methods. */
static PyObject *register_filter(PyObject *op, PyObject *args,
                                 PyObject *kwargs, int is_input)
{
    static char *names[] = {"name", "handler", "dir", NULL};
    mp_request *self = (mp_request *)op;
    PyObject *name, *handler, *dir = Py_None;
    const mp_section *section;
    mp_dynamic_filter *filter;
    char *text;

    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs,
            is_input ? "OO|O:register_input_filter"
                     : "OO|O:register_output_filter",
            names, &name, &handler, &dir)
        || mp_request_check(self) != 0) {
        return NULL;
    }
    text = mp_text_dup(self->r->pool, name, "name");
    if (text == NULL) {
        return NULL;
    }
    if (*text == '\0') {
        bad_value("name must not be empty");
        return NULL;
    }
    section = place_for(self, MP_PHASE_NONE, dir);
    if (section == NULL) {
        return NULL;
    }
    filter = apr_pcalloc(self->r->pool, sizeof(*filter));
    filter->handler = make_entry(self, handler,
                                 is_input ? "inputfilter" : "outputfilter",
                                 section);
    if (filter->handler == NULL) {
        return NULL;
    }
    ap_str_tolower(text);
    filter->name = text;
    filter->is_input = is_input;
    filter->interp = self->state->interp;
    filter->next = self->ctx->filters;
    self->ctx->filters = filter;
    Py_RETURN_NONE;
}

const char mp_request_register_input_filter_doc[] = PyDoc_STR(
"register_input_filter($self, /, name, handler, dir=None)\n--\n\n"
"Registers a filter of the request body under a name for\n"
"add_input_filter(), for this request alone.\n\n"
"name: str. handler: 'module' or 'module::object' (default object\n"
"inputfilter), or a callable. dir: absolute directory the module is looked\n"
"for in; None: that of the running handler.\n\n"
"ValueError: empty name, empty or malformed handler, relative dir.\n"
"TypeError: neither str nor callable.");

PyObject *mp_request_register_input_filter(PyObject *self, PyObject *args,
                                           PyObject *kwargs)
{
    return register_filter(self, args, kwargs, 1);
}

const char mp_request_register_output_filter_doc[] = PyDoc_STR(
"register_output_filter($self, /, name, handler, dir=None)\n--\n\n"
"Registers a filter of the response under a name for\n"
"add_output_filter(), for this request alone.\n\n"
"name: str. handler: 'module' or 'module::object' (default object\n"
"outputfilter), or a callable. dir: absolute directory the module is looked\n"
"for in; None: that of the running handler.\n\n"
"ValueError: empty name, empty or malformed handler, relative dir.\n"
"TypeError: neither str nor callable.");

PyObject *mp_request_register_output_filter(PyObject *self, PyObject *args,
                                            PyObject *kwargs)
{
    return register_filter(self, args, kwargs, 0);
}

static mp_dynamic_filter *find_filter(const mp_reqctx *ctx, const char *name,
                                      int is_input)
{
    mp_dynamic_filter *filter = ctx->filters;

    while (filter != NULL
           && (filter->is_input != is_input
               || strcasecmp(filter->name, name) != 0)) {
        filter = filter->next;
    }
    return filter;
}

/* httpd's record of a filter; ours for registered ones are not for use by
 * name: they need an mp_dynamic_filter. */
static ap_filter_rec_t *httpd_filter(const char *name, int is_input)
{
    if (strcasecmp(name, MP_FILTER_INPUT) == 0
        || strcasecmp(name, MP_FILTER_OUTPUT) == 0) {
        return NULL;
    }
    return is_input ? ap_get_input_filter_handle(name)
                    : ap_get_output_filter_handle(name);
}

/* Both add_*_filter() methods. */
static PyObject *add_filter(mp_request *self, PyObject *name, int is_input)
{
    request_rec *r = self->r;
    mp_dynamic_filter *filter;
    ap_filter_rec_t *record;
    char *text;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    text = mp_text_dup(r->pool, name, "name");
    if (text == NULL) {
        return NULL;
    }
    filter = find_filter(self->ctx, text, is_input);
    if (filter != NULL) {
        record = is_input ? ap_get_input_filter_handle(MP_FILTER_INPUT)
                          : ap_get_output_filter_handle(MP_FILTER_OUTPUT);
    }
    else {
        record = httpd_filter(text, is_input);
    }
    if (record == NULL) {
        bad_value(apr_psprintf(r->pool, "there is no %s filter '%s'",
                               is_input ? "input" : "output", text));
        return NULL;
    }
    if (is_input) {
        ap_add_input_filter_handle(record, filter, r, r->connection);
    }
    else {
        mp_promise_settle(self->ctx); /* that was written before */
        ap_add_output_filter_handle(record, filter, r, r->connection);
        mp_promise_look_again(self->ctx);
    }
    Py_RETURN_NONE;
}

const char mp_request_add_input_filter_doc[] = PyDoc_STR(
"add_input_filter($self, name, /)\n--\n\n"
"Adds a filter of the request body: one that register_input_filter() knows\n"
"by this name, else one of httpd. Names are compared without case.\n"
"ValueError: there is none. See ap_add_input_filter_handle().");

PyObject *mp_request_add_input_filter(PyObject *self, PyObject *name)
{
    return add_filter((mp_request *)self, name, 1);
}

const char mp_request_add_output_filter_doc[] = PyDoc_STR(
"add_output_filter($self, name, /)\n--\n\n"
"Adds a filter of the response: one that register_output_filter() knows by\n"
"this name, else one of httpd. Names are compared without case. ValueError:\n"
"there is none. See ap_add_output_filter_handle().");

PyObject *mp_request_add_output_filter(PyObject *self, PyObject *name)
{
    return add_filter((mp_request *)self, name, 0);
}

/* ---- log and cleanup ---- */

const char mp_request_log_error_doc[] = PyDoc_STR(MP_LOG_METHOD_DOC
"Writes to the error log, with the client's address, one line for each line\n"
"of message (str or bytes; None is ignored). level: apache.APLOG_*, default\n"
"APLOG_ERR. See ap_log_rerror().");

PyObject *mp_request_log_error(PyObject *op, PyObject *args, PyObject *kwargs)
{
    const mp_request *self = (mp_request *)op;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    return mp_log_method(args, kwargs, self->r, NULL, NULL);
}

const char mp_request_register_cleanup_doc[] = PyDoc_STR(
"register_cleanup($self, /, callable, data=None)\n--\n\n"
"Calls callable(data) at the end of this request, in this interpreter; the\n"
"last registered first. Errors are logged. No effect when called from a\n"
"cleanup. TypeError: not callable.");

PyObject *mp_request_register_cleanup(PyObject *op, PyObject *args,
                                      PyObject *kwargs)
{
    static char *names[] = {"callable", "data", NULL};
    mp_request *self = (mp_request *)op;
    PyObject *callable, *data = Py_None;
    PyObject *pair;
    int rc;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:register_cleanup",
                                     names, &callable, &data)
        || mp_request_check(self) != 0) {
        return NULL;
    }
    if (!PyCallable_Check(callable)) {
        PyErr_Format(PyExc_TypeError, "callable must be callable, not %.200s",
                     Py_TYPE(callable)->tp_name);
        return NULL;
    }
    if (self->ctx->cleaning) {
        Py_RETURN_NONE;
    }
    if (self->cleanups == NULL && (self->cleanups = PyList_New(0)) == NULL) {
        return NULL;
    }
    pair = PyTuple_Pack(2, callable, data);
    if (pair == NULL) {
        return NULL;
    }
    rc = PyList_Append(self->cleanups, pair);
    Py_DECREF(pair);
    if (rc != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}
