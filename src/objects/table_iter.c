/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Going through a table: lists of keys, values and items, and iterators.
 * Entries are looked up one by one, because making a Python object can run
 * the garbage collector and with it code that changes the table. */
#include "objects/table_impl.h"

#include "runtime/text.h"

PyObject *mp_table_entry(const mp_table *self, int index, mp_table_what what)
{
    const apr_table_t *t = mp_table_require(self);
    const apr_array_header_t *elts;
    const apr_table_entry_t *entry;
    PyObject *key, *value, *pair;

    if (t == NULL) {
        return NULL;
    }
    elts = apr_table_elts(t);
    if (index >= elts->nelts) {
        return NULL;
    }
    entry = &APR_ARRAY_IDX(elts, index, const apr_table_entry_t);
    if (what != MP_TABLE_ITEMS) {
        return mp_text_from(what == MP_TABLE_KEYS ? entry->key : entry->val);
    }
    key = mp_text_from(entry->key);
    if (key == NULL) {
        return NULL;
    }
    value = mp_text_from(entry->val);
    if (value == NULL) {
        Py_DECREF(key);
        return NULL;
    }
    pair = PyTuple_Pack(2, key, value);
    Py_DECREF(key);
    Py_DECREF(value);
    return pair;
}

/* ---- lists ---- */

static PyObject *list_of(PyObject *op, mp_table_what what)
{
    const mp_table *self = (mp_table *)op;
    PyObject *list = PyList_New(0);
    PyObject *item;

    if (list == NULL) {
        return NULL;
    }
    for (int i = 0; (item = mp_table_entry(self, i, what)) != NULL; i++) {
        int rc = PyList_Append(list, item);

        Py_DECREF(item);
        if (rc != 0) {
            break;
        }
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(list);
    }
    return list;
}

const char mp_table_keys_doc[] =
"keys($self, /)\n--\n\n"
"The list of all keys in table order, with duplicates.";

PyObject *mp_table_keys(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, MP_TABLE_KEYS);
}

const char mp_table_values_doc[] =
"values($self, /)\n--\n\n"
"The list of all values in table order.";

PyObject *mp_table_values(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, MP_TABLE_VALUES);
}

const char mp_table_items_doc[] =
"items($self, /)\n--\n\n"
"The list of all (key, value) pairs in table order, with duplicates.";

PyObject *mp_table_items(PyObject *self, PyObject *unused)
{
    (void)unused;
    return list_of(self, MP_TABLE_ITEMS);
}

/* ---- iterators ---- */

typedef struct table_iter {
    PyObject_HEAD
    mp_table *table; /* NULL: exhausted */
    int index;
    int size; /* of the table when the iterator was made */
    mp_table_what what;
} table_iter;

static PyObject *iter_of(PyObject *op, mp_table_what what)
{
    const mp_table *table = (mp_table *)op;
    const apr_table_t *t = mp_table_require(table);
    mp_state *state = t != NULL ? mp_state_of(op) : NULL;
    table_iter *self;

    if (state == NULL) {
        return NULL;
    }
    self = (table_iter *)state->table_iter_type->tp_alloc(
        state->table_iter_type, 0);
    if (self != NULL) {
        self->table = (mp_table *)Py_NewRef(op);
        self->size = apr_table_elts(t)->nelts;
        self->what = what;
    }
    return (PyObject *)self;
}

const char mp_table_iterkeys_doc[] =
"iterkeys($self, /)\n--\n\n"
"Iterator over keys(). RuntimeError when the table's size changes.";

PyObject *mp_table_iterkeys(PyObject *self, PyObject *unused)
{
    (void)unused;
    return iter_of(self, MP_TABLE_KEYS);
}

const char mp_table_itervalues_doc[] =
"itervalues($self, /)\n--\n\n"
"Iterator over values(). RuntimeError when the table's size changes.";

PyObject *mp_table_itervalues(PyObject *self, PyObject *unused)
{
    (void)unused;
    return iter_of(self, MP_TABLE_VALUES);
}

const char mp_table_iteritems_doc[] =
"iteritems($self, /)\n--\n\n"
"Iterator over items(). RuntimeError when the table's size changes.";

PyObject *mp_table_iteritems(PyObject *self, PyObject *unused)
{
    (void)unused;
    return iter_of(self, MP_TABLE_ITEMS);
}

PyObject *mp_table_iter(PyObject *self)
{
    return iter_of(self, MP_TABLE_KEYS);
}

static PyObject *iternext(PyObject *op)
{
    table_iter *self = (table_iter *)op;
    const apr_table_t *t;
    PyObject *item;

    if (self->table == NULL) {
        return NULL;
    }
    t = mp_table_require(self->table);
    if (t == NULL) {
        return NULL;
    }
    if (apr_table_elts(t)->nelts != self->size) {
        self->size = -1; /* stays an error */
        PyErr_SetString(PyExc_RuntimeError,
                        "table changed size during iteration");
        return NULL;
    }
    item = mp_table_entry(self->table, self->index, self->what);
    if (item != NULL) {
        self->index++;
    }
    else if (!PyErr_Occurred()) {
        Py_CLEAR(self->table);
    }
    return item;
}

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((table_iter *)op)->table);
    return 0;
}

static int clear(PyObject *op)
{
    Py_CLEAR(((table_iter *)op)->table);
    return 0;
}

PyDoc_STRVAR(type_doc, "Iterator over a table.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, mp_state_dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iternext},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_table_iterator",
    .basicsize = sizeof(table_iter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_table_iter_setup_type(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    return mp_state_add_type(op, &spec, &state->table_iter_type, NULL);
}
