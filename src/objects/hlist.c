/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_hlist: the running handler's entry and those after it, as a copy: the
 * entries may belong to a request that ends before the object does. */
#include "objects/hlist.h"

#include "runtime/text.h"

/* The columns of an entry, in the order in which repr shows the first four. */
enum { HANDLER, DIRECTORY, IS_LOCATION, SILENT, LOCATION, COLUMNS };

static const char *const names[COLUMNS] = {
    "handler", "directory", "is_location", "silent", "location",
};

typedef struct hlist {
    PyObject_HEAD
    PyObject *entries; /* tuple of tuples of COLUMNS; NULL once cleared */
    Py_ssize_t index;  /* past the end: every attribute is None */
} hlist;

/* ---- members ---- */

static PyObject *get_column(const hlist *self, Py_ssize_t column)
{
    if (self->entries == NULL
        || self->index >= PyTuple_GET_SIZE(self->entries)) {
        Py_RETURN_NONE;
    }
    return Py_NewRef(PyTuple_GET_ITEM(
        PyTuple_GET_ITEM(self->entries, self->index), column));
}

static PyObject *get_member(PyObject *op, void *closure)
{
    return get_column((hlist *)op, (const char *const *)closure - names);
}

static int set_member(PyObject *op, PyObject *value, void *closure)
{
    return mp_state_read_only(op, value,
                              (void *)*(const char *const *)closure);
}

#define MEMBER(column, name, doc) \
    {name, get_member, set_member, doc, (void *)&names[column]}

static PyGetSetDef getset[] = {
    MEMBER(HANDLER, "handler", "The handler as configured, a str, or the "
                               "callable given to add_handler()."),
    MEMBER(DIRECTORY, "directory", "Directory of the handler with trailing "
                                   "slash; in a <Location> its path; None."),
    MEMBER(IS_LOCATION, "is_location", "1 in a <Location>, else 0."),
    MEMBER(SILENT, "silent", "1 when a missing function is skipped."),
    MEMBER(LOCATION, "location", "Path of the <Location>, or None."),
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(next_doc,
"next($self, /)\n--\n\n"
"Moves on to the next entry. Past the last one every attribute is None and\n"
"this does nothing.");

static PyObject *next(PyObject *op, PyObject *unused)
{
    hlist *self = (hlist *)op;
    (void)unused;

    if (self->entries != NULL
        && self->index < PyTuple_GET_SIZE(self->entries)) {
        self->index++;
    }
    Py_RETURN_NONE;
}

static PyObject *repr(PyObject *op)
{
    PyObject *dict = PyDict_New();
    PyObject *text = NULL;

    for (Py_ssize_t i = HANDLER; dict != NULL && i <= SILENT; i++) {
        PyObject *value = get_column((hlist *)op, i);

        if (PyDict_SetItemString(dict, names[i], value) != 0) {
            Py_CLEAR(dict);
        }
        Py_DECREF(value);
    }
    if (dict != NULL) {
        text = PyObject_Repr(dict);
        Py_DECREF(dict);
    }
    return text;
}

/* ---- the type ---- */

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((hlist *)op)->entries);
    return 0;
}

static int clear(PyObject *op)
{
    Py_CLEAR(((hlist *)op)->entries);
    return 0;
}

static PyMethodDef methods[] = {
    {"next", next, METH_NOARGS, next_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(type_doc,
"The running handler among those of its phase: req.hlist, conn.hlist.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, mp_state_dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_repr, repr},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_hlist",
    .basicsize = sizeof(hlist),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_hlist_setup_type(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    return mp_state_add_type(op, &spec, &state->hlist_type, "mp_hlist");
}

/* ---- making one ---- */

/* str, or the callable that an entry of add_handler() stands for. */
static PyObject *handler_of(const mp_handler *handler, PyObject *callables)
{
    if (handler->callable >= 0 && callables != NULL
        && handler->callable < PyList_GET_SIZE(callables)) {
        return Py_NewRef(PyList_GET_ITEM(callables, handler->callable));
    }
    return mp_text_from(handler->spec);
}

static PyObject *entry_of(const mp_handler *handler, const char *filename,
                          apr_pool_t *p, PyObject *callables)
{
    const mp_section *section = handler->section;
    int is_location = section->kind == MP_SECTION_LOCATION;
    const char *directory = handler->directory;

    if (directory == NULL) {
        directory = is_location
                        ? section->path
                        : mp_section_directory(section, filename, p);
    }
    /* "N" takes over each reference, also when another one is missing */
    return Py_BuildValue("(NNiiN)", handler_of(handler, callables),
                         mp_text_from(directory), is_location,
                         handler->silent ? 1 : 0,
                         mp_text_from(is_location ? section->path : NULL));
}

PyObject *mp_hlist_new(mp_state *state, const apr_array_header_t *entries,
                       int index, const char *filename, apr_pool_t *p,
                       PyObject *callables)
{
    PyTypeObject *type = state->hlist_type;
    int count = entries->nelts > index ? entries->nelts - index : 0;
    PyObject *tuple = PyTuple_New(count);
    hlist *self;

    if (tuple == NULL) {
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        PyObject *entry =
            entry_of(APR_ARRAY_IDX(entries, index + i, const mp_handler *),
                     filename, p, callables);

        if (entry == NULL) {
            Py_DECREF(tuple);
            return NULL;
        }
        PyTuple_SET_ITEM(tuple, i, entry);
    }
    self = (hlist *)type->tp_alloc(type, 0);
    if (self == NULL) {
        Py_DECREF(tuple);
        return NULL;
    }
    self->entries = tuple;
    return (PyObject *)self;
}
