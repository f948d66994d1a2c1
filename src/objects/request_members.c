/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The members of mp_request. Plain fields of request_rec are rows of a table
 * with one getter and one setter; fields with behaviour have functions of
 * their own. Nothing is computed before somebody asks. */
#include "objects/request.h"

#include <ctype.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include <apr_strings.h>
#include <http_protocol.h>

#include "objects/finfo.h"
#include "objects/hlist.h"
#include "runtime/text.h"

/* ---- plain fields ---- */

typedef enum field_kind {
    TEXT,   /* char *, None for NULL */
    INT,    /* int */
    ON_OFF, /* int: 0 or 1 */
    OFFSET, /* apr_off_t or apr_int64_t */
    TIME    /* apr_time_t: float seconds */
} field_kind;

typedef enum field_access {
    READ_ONLY,
    WRITABLE,
    NULLABLE /* writable, None too */
} field_access;

typedef struct field {
    const char *name;
    field_kind kind;
    field_access access;
    size_t offset; /* in request_rec */
} field;

_Static_assert(sizeof(apr_off_t) == sizeof(apr_int64_t),
               "OFFSET reads both");

enum {
#define MP_FIELD(member, kind, access, doc) FIELD_##member,
#include "objects/request_members.def"
};

static const field fields[] = {
#define MP_FIELD(member, kind, access, doc) \
    {#member, kind, access, offsetof(request_rec, member)},
#include "objects/request_members.def"
};

/* request_rec.expecting_100 is unsigned; ON_OFF reads its bits as an int. */
_Static_assert(sizeof(((request_rec *)NULL)->expecting_100) == sizeof(int),
               "ON_OFF reads expecting_100");

static PyObject *get_field(PyObject *op, void *closure)
{
    const mp_request *self = (mp_request *)op;
    const field *row = closure;
    const char *place;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    place = (const char *)self->r + row->offset;
    switch (row->kind) {
    case TEXT:
        return mp_text_from(*(char *const *)place);
    case INT:
        return PyLong_FromLong(*(const int *)place);
    case ON_OFF:
        return PyLong_FromLong(*(const int *)place != 0);
    case OFFSET:
        return PyLong_FromLongLong(*(const apr_int64_t *)place);
    default:
        return PyFloat_FromDouble((double)*(const apr_time_t *)place
                                  / APR_USEC_PER_SEC);
    }
}

/* Every set begins here. @return 0 when value may be set */
static int check_set(PyObject *op, PyObject *value, const char *name,
                     int writable)
{
    if (value == NULL) {
        PyErr_Format(PyExc_TypeError, "attribute '%s' cannot be deleted",
                     name);
        return -1;
    }
    if (mp_request_check((mp_request *)op) != 0) {
        return -1;
    }
    if (!writable) {
        PyErr_Format(PyExc_AttributeError, "attribute '%s' is read-only",
                     name);
        return -1;
    }
    return 0;
}

static int set_text(request_rec *r, PyObject *value, const field *row,
                    char **place)
{
    char *text;

    if (value == Py_None && row->access == NULLABLE) {
        *place = NULL;
        return 0;
    }
    text = mp_text_dup(r->pool, value, row->name);
    if (text == NULL) {
        return -1;
    }
    *place = text;
    return 0;
}

static int set_field(PyObject *op, PyObject *value, void *closure)
{
    const mp_request *self = (mp_request *)op;
    const field *row = closure;
    char *place;
    long number;

    if (check_set(op, value, row->name, row->access != READ_ONLY) != 0) {
        return -1;
    }
    place = (char *)self->r + row->offset;
    if (row->kind == TEXT) {
        return set_text(self->r, value, row, (char **)place);
    }
    /* the rows that are writable and not TEXT are INT or ON_OFF */
    if (mp_text_int(value, row->name, INT_MIN, INT_MAX, &number) != 0) {
        return -1;
    }
    *(int *)place = row->kind == ON_OFF ? number != 0 : (int)number;
    return 0;
}

/* ---- members with behaviour ---- */

/* A member with functions of its own, called while the request is there. */
typedef struct special {
    const char *name;
    PyObject *(*get)(mp_request *self);
    int (*set)(mp_request *self, PyObject *value, const char *name);
} special;

static PyObject *get_special(PyObject *op, void *closure)
{
    mp_request *self = (mp_request *)op;
    PyObject *value;

    if (mp_request_check(self) != 0) {
        return NULL;
    }
    self->busy++; /* making objects may let other threads run */
    value = ((const special *)closure)->get(self);
    self->busy--;
    return value;
}

static int set_special(PyObject *op, PyObject *value, void *closure)
{
    mp_request *self = (mp_request *)op;
    const special *row = closure;
    int rc;

    if (check_set(op, value, row->name, row->set != NULL) != 0) {
        return -1;
    }
    self->busy++; /* value.__fspath__() is any code */
    rc = row->set(self, value, row->name);
    self->busy--;
    return rc;
}

/* ---- other requests ---- */

static PyObject *get_next(mp_request *self)
{
    return mp_request_get(self->state, self->r->next);
}

static PyObject *get_prev(mp_request *self)
{
    return mp_request_get(self->state, self->r->prev);
}

static PyObject *get_main(mp_request *self)
{
    return mp_request_get(self->state, self->r->main);
}

/* ---- the running handler ---- */

static PyObject *get_interpreter(mp_request *self)
{
    return mp_text_from(self->interp_name != NULL
                            ? self->interp_name
                            : self->state->interp->name);
}

static PyObject *get_phase(mp_request *self)
{
    /* an object that no handler was called with: a filter's, after the
     * handlers */
    mp_phase phase =
        self->phase != MP_PHASE_NONE ? self->phase : self->ctx->reached;

    return mp_text_from(phase != MP_PHASE_NONE ? mp_phases[phase].directive
                                               : NULL);
}

static PyObject *get_extension(mp_request *self)
{
    const char *extension = self->extension;

    if (extension == NULL && self->running != NULL
        && self->r->filename != NULL
        && mp_handler_first_dot(self->r->filename) == NULL) {
        extension = "";
    }
    return mp_text_from(extension);
}

static int has_entry(const apr_array_header_t *entries,
                     const mp_handler *entry)
{
    for (int i = 0; i < entries->nelts; i++) {
        if (APR_ARRAY_IDX(entries, i, const mp_handler *) == entry) {
            return 1;
        }
    }
    return 0;
}

/* The running list and what was added to it since the handler started. */
static const apr_array_header_t *running_entries(const mp_request *self)
{
    const apr_array_header_t *added =
        mp_reqctx_added(self->ctx, self->phase);
    apr_array_header_t *all = NULL;

    for (int i = 0; added != NULL && i < added->nelts; i++) {
        mp_handler *entry = APR_ARRAY_IDX(added, i, mp_handler *);

        if (!has_entry(self->running, entry)) {
            if (all == NULL) {
                all = apr_array_copy(self->r->pool, self->running);
            }
            APR_ARRAY_PUSH(all, mp_handler *) = entry;
        }
    }
    return all != NULL ? all : self->running;
}

static PyObject *get_hlist(mp_request *self)
{
    if (self->running == NULL || self->phase == MP_PHASE_NONE) {
        Py_RETURN_NONE;
    }
    if (self->hlist == NULL) {
        PyObject *made = mp_hlist_new(self->state, running_entries(self),
                                      self->running_index, self->r->filename,
                                      self->r->pool, self->callables);

        if (self->hlist == NULL) {
            self->hlist = made;
        }
        else {
            Py_XDECREF(made); /* making it ran code that needed it too */
        }
    }
    return Py_XNewRef(self->hlist);
}

const mp_handler *mp_request_handler(const mp_request *self)
{
    const mp_call *call = mp_interp_current_call();

    if (call != NULL && call->r == self->r && call->handler != NULL) {
        return call->handler;
    }
    if (self->running != NULL && self->running_index < self->running->nelts) {
        return APR_ARRAY_IDX(self->running, self->running_index,
                             const mp_handler *);
    }
    return NULL;
}

const char *mp_request_directory(const mp_request *self,
                                 const mp_handler *handler)
{
    return handler->directory != NULL
               ? handler->directory
               : mp_section_directory(handler->section, self->r->filename,
                                      self->r->pool);
}

static PyObject *get__directory(mp_request *self)
{
    const mp_handler *handler = mp_request_handler(self);

    if (handler == NULL) {
        Py_RETURN_NONE;
    }
    return mp_text_from(mp_request_directory(self, handler));
}

/* ---- configuration in effect ---- */

static PyObject *get__debug(mp_request *self)
{
    return PyBool_FromLong(mp_config_debug(mp_config_of_request(self->r)));
}

static PyObject *get__auto_reload(mp_request *self)
{
    return PyBool_FromLong(
        mp_config_auto_reload(mp_config_of_request(self->r)));
}

static PyObject *get__python_path(mp_request *self)
{
    return mp_text_from(mp_config_of_request(self->r)->python_path);
}

/* ---- members that are headers: no CR and LF ---- */

/* Text that goes into a header. @return NULL with an exception */
static char *header_text(request_rec *r, PyObject *value, const char *name)
{
    char *text = mp_text_dup(r->pool, value, name);

    if (text != NULL && strpbrk(text, "\r\n") != NULL) {
        PyErr_Format(PyExc_ValueError, "%s must not contain CR or LF", name);
        return NULL;
    }
    return text;
}

static PyObject *get_content_type(mp_request *self)
{
    return mp_text_from(self->r->content_type);
}

static int set_content_type(mp_request *self, PyObject *value,
                            const char *name)
{
    char *text = NULL;

    if (value != Py_None) {
        text = header_text(self->r, value, name);
        if (text == NULL) {
            return -1;
        }
    }
    ap_set_content_type(self->r, text);
    self->ctx->content_type_set = 1;
    return 0;
}

static PyObject *get__content_type_set(mp_request *self)
{
    return PyLong_FromLong(self->ctx->content_type_set);
}

static PyObject *get_status_line(mp_request *self)
{
    return mp_text_from(self->r->status_line);
}

/* httpd would quietly drop a line that does not begin with the status. */
static int begins_with_status(const char *line, int status)
{
    return isdigit((unsigned char)line[0]) && isdigit((unsigned char)line[1])
           && isdigit((unsigned char)line[2])
           && (line[3] == '\0' || line[3] == ' ')
           && apr_atoi64(line) == status;
}

static int set_status_line(mp_request *self, PyObject *value, const char *name)
{
    char *line = NULL;

    if (value != Py_None) {
        line = header_text(self->r, value, name);
        if (line == NULL) {
            return -1;
        }
        if (!begins_with_status(line, self->r->status)) {
            PyErr_Format(PyExc_ValueError,
                         "status_line must begin with the status, %d; set "
                         "req.status first", self->r->status);
            return -1;
        }
    }
    self->r->status_line = line;
    return 0;
}

static PyObject *get_range(mp_request *self)
{
    /* httpd fills in its field only while it sends the response */
    return mp_text_from(self->r->range != NULL
                            ? self->r->range
                            : apr_table_get(self->r->headers_in, "Range"));
}

/* ---- user and files ---- */

static PyObject *get_user(mp_request *self)
{
    return mp_text_from_user(self->r->user);
}

static int set_user(mp_request *self, PyObject *value, const char *name)
{
    char *user = NULL;

    if (value != Py_None) {
        user = mp_text_dup(self->r->pool, value, name);
        if (user == NULL) {
            return -1;
        }
    }
    self->r->user = user;
    return 0;
}

static PyObject *get_filename(mp_request *self)
{
    return mp_text_from(self->r->filename);
}

static int set_filename(mp_request *self, PyObject *value, const char *name)
{
    char *path = mp_text_path_dup(self->r->pool, value, name);

    if (path == NULL) {
        return -1;
    }
    self->r->filename = path;
    return 0;
}

static PyObject *get_canonical_filename(mp_request *self)
{
    return mp_text_from(self->r->canonical_filename);
}

static int set_canonical_filename(mp_request *self, PyObject *value,
                                  const char *name)
{
    char *path = mp_text_path_dup(self->r->pool, value, name);

    if (path == NULL) {
        return -1;
    }
    self->r->canonical_filename = path;
    return 0;
}

static PyObject *get_finfo(mp_request *self)
{
    return mp_finfo_new(self->state, &self->r->finfo);
}

static int set_finfo(mp_request *self, PyObject *value, const char *name)
{
    apr_finfo_t info;
    (void)name;

    if (mp_finfo_copy(self->state, value, self->r->pool, &info) != 0) {
        return -1;
    }
    info.pool = self->r->pool;
    info.filehand = NULL;
    self->r->finfo = info;
    return 0;
}

/* ---- tuples ---- */

/* A tuple of str from an array of char *, which may be NULL. */
static PyObject *text_tuple(const apr_array_header_t *array)
{
    Py_ssize_t count = array != NULL ? array->nelts : 0;
    PyObject *tuple = PyTuple_New(count);

    for (Py_ssize_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *item = mp_text_from(APR_ARRAY_IDX(array, i, const char *));

        if (item == NULL) {
            Py_CLEAR(tuple);
            break;
        }
        PyTuple_SET_ITEM(tuple, i, item);
    }
    return tuple;
}

static PyObject *get_content_languages(mp_request *self)
{
    return text_tuple(self->r->content_languages);
}

static PyObject *get_allowed_methods(mp_request *self)
{
    const ap_method_list_t *list = self->r->allowed_methods;
    apr_array_header_t *names;

    if (list == NULL) {
        return PyTuple_New(0);
    }
    names = apr_array_make(self->r->pool, 8, sizeof(const char *));
    for (int number = 0; number < METHODS; number++) {
        if ((apr_uint64_t)list->method_mask >> number & 1) {
            /* httpd may name this one HEAD, which has the same number */
            const char *name = number == M_GET
                                   ? "GET"
                                   : ap_method_name_of(self->r->pool, number);

            if (name != NULL) {
                APR_ARRAY_PUSH(names, const char *) = name;
            }
        }
    }
    if (list->method_list != NULL) {
        apr_array_cat(names, list->method_list);
    }
    return text_tuple(names);
}

static PyObject *get_allowed_xmethods(mp_request *self)
{
    return text_tuple(self->r->allowed_xmethods);
}

static PyObject *get_parsed_uri(mp_request *self)
{
    const apr_uri_t *uri = &self->r->parsed_uri;
    PyObject *port;

    if (uri->port_str != NULL && uri->port_str[0] != '\0') {
        port = PyLong_FromLong(uri->port);
    }
    else {
        port = Py_NewRef(Py_None);
    }
    /* in the order of URI_*; a NULL among them fails with its exception */
    return Py_BuildValue(
        "(NNNNNNNNN)", mp_text_from(uri->scheme), mp_text_from(uri->hostinfo),
        mp_text_from(uri->user), mp_text_from(uri->password),
        mp_text_from(uri->hostname), port, mp_text_from(uri->path),
        mp_text_from(uri->query), mp_text_from(uri->fragment));
}

static PyObject *get_useragent_addr(mp_request *self)
{
    const apr_sockaddr_t *addr = self->r->useragent_addr;

    return Py_BuildValue("(Ni)", mp_text_from(self->r->useragent_ip),
                         addr != NULL ? (int)addr->port : 0);
}

/* ---- numbers and pointers of ours ---- */

static PyObject *get_read_length(mp_request *self)
{
    return PyLong_FromLongLong(mp_request_read_length(self));
}

static PyObject *get__bytes_queued(mp_request *self)
{
    return PyLong_FromLongLong(self->ctx->out_length);
}

static PyObject *get__request_rec(mp_request *self)
{
    return PyCapsule_New(self->r, NULL, NULL);
}

/* ---- the table ---- */

enum {
#define MP_MEMBER(name, set, doc) SPECIAL_##name,
#include "objects/request_members.def"
};

static const special specials[] = {
#define MP_MEMBER(name, set, doc) {#name, get_##name, set},
#include "objects/request_members.def"
};

PyGetSetDef mp_request_getset[] = {
#define MP_FIELD(name, kind, access, doc) \
    {#name, get_field, set_field, PyDoc_STR(doc), \
     (void *)&fields[FIELD_##name]},
#include "objects/request_members.def"
#define MP_MEMBER(name, set, doc) \
    {#name, get_special, set_special, PyDoc_STR(doc), \
     (void *)&specials[SPECIAL_##name]},
#include "objects/request_members.def"
    {"__dict__", PyObject_GenericGetDict, NULL,
     PyDoc_STR("dict: attributes that handlers have set."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
