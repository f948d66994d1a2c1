/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Tables and other mappings: construction, update, copy, comparison, repr. */
#include "objects/table_impl.h"

#include <string.h>

#include "runtime/text.h"

/* How pairs go in: mp_table_set() or mp_table_add(). */
typedef int (*put_fn)(mp_table *self, PyObject *name, PyObject *value);

/* ---- from a table ---- */

static int check_entry(void *unused, const char *key, const char *value)
{
    (void)unused;
    return mp_table_check_header(key, value) == 0;
}

static int unset_entry(void *t, const char *key, const char *value)
{
    (void)value;
    apr_table_unset(t, key);
    return 1;
}

typedef struct copying {
    apr_table_t *t;
    size_t size;
} copying;

static int add_entry(void *data, const char *key, const char *value)
{
    copying *to = data;

    apr_table_add(to->t, key, value);
    to->size += strlen(key) + (value != NULL ? strlen(value) : 0) + 2;
    return 1;
}

/* The keys of source lose their values here and get those of source, all of
 * them in their order. */
static int put_table(mp_table *self, const mp_table *source)
{
    copying to = {mp_table_require(self), 0};
    const apr_table_t *from = mp_table_require(source);

    if (to.t == NULL || from == NULL) {
        return -1;
    }
    if (to.t == from) {
        return 0;
    }
    if (self->headers && !apr_table_do(check_entry, NULL, from, NULL)) {
        return -1;
    }
    apr_table_do(unset_entry, to.t, from, NULL);
    apr_table_do(add_entry, &to, from, NULL);
    mp_table_wrote(self, to.size);
    return 0;
}

/* ---- from others ---- */

static int put_mapping(mp_table *self, PyObject *source, PyObject *keys,
                       put_fn put)
{
    PyObject *iterator = PyObject_GetIter(keys);
    PyObject *key;

    if (iterator == NULL) {
        return -1;
    }
    while ((key = PyIter_Next(iterator)) != NULL) {
        PyObject *value = PyObject_GetItem(source, key);
        int rc = value != NULL ? put(self, key, value) : -1;

        Py_XDECREF(value);
        Py_DECREF(key);
        if (rc != 0) {
            break;
        }
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

static int put_pair(mp_table *self, PyObject *item, Py_ssize_t index,
                    put_fn put)
{
    PyObject *pair = PySequence_Fast(item, "");
    int rc = -1;

    if (pair == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError,
                         "element #%zd of the pairs for a table is %.200s, "
                         "not a pair", index, Py_TYPE(item)->tp_name);
        }
        return -1;
    }
    if (PySequence_Fast_GET_SIZE(pair) != 2) {
        PyErr_Format(PyExc_ValueError,
                     "element #%zd of the pairs for a table has length %zd; "
                     "2 is required", index, PySequence_Fast_GET_SIZE(pair));
    }
    else {
        PyObject *key = Py_NewRef(PySequence_Fast_GET_ITEM(pair, 0));
        PyObject *value = Py_NewRef(PySequence_Fast_GET_ITEM(pair, 1));

        rc = put(self, key, value);
        Py_DECREF(value);
        Py_DECREF(key);
    }
    Py_DECREF(pair);
    return rc;
}

static int put_pairs(mp_table *self, PyObject *iterator, put_fn put)
{
    PyObject *item;

    for (Py_ssize_t i = 0; (item = PyIter_Next(iterator)) != NULL; i++) {
        int rc = put_pair(self, item, i, put);

        Py_DECREF(item);
        if (rc != 0) {
            return -1;
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* What attribute keys() returns. @return 1, 0 when there is none, or -1 */
static int keys_of(PyObject *source, PyObject **keys)
{
    PyObject *method = PyObject_GetAttrString(source, "keys");

    if (method == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    *keys = PyObject_CallNoArgs(method);
    Py_DECREF(method);
    return *keys != NULL ? 1 : -1;
}

/* Puts in a table, a mapping or an iterable of pairs. */
static int put_any(mp_table *self, PyObject *source, put_fn put)
{
    const mp_state *state = mp_state_of((PyObject *)self);
    PyObject *part = NULL;
    int has_keys;
    int rc;

    if (state == NULL) {
        return -1;
    }
    if (PyObject_TypeCheck(source, state->table_type)) {
        return put_table(self, (mp_table *)source);
    }
    has_keys = keys_of(source, &part);
    if (has_keys < 0) {
        return -1;
    }
    if (has_keys) {
        rc = put_mapping(self, source, part, put);
    }
    else {
        part = PyObject_GetIter(source);
        if (part == NULL) {
            if (PyErr_ExceptionMatches(PyExc_TypeError)) {
                PyErr_Format(PyExc_AttributeError,
                             "a table takes a mapping or pairs, and '%.200s' "
                             "object has no attribute 'keys'",
                             Py_TYPE(source)->tp_name);
            }
            return -1;
        }
        rc = put_pairs(self, part, put);
    }
    Py_DECREF(part);
    return rc;
}

int mp_table_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"items", NULL};
    PyObject *items = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:table", names,
                                     &items)) {
        return -1;
    }
    /* pairs may be the items() of a table, with duplicates: keep them */
    return items != NULL ? put_any((mp_table *)self, items, mp_table_add) : 0;
}

const char mp_table_update_doc[] =
"update($self, items=(), /, **kwargs)\n--\n\n"
"Sets what a mapping, an iterable of pairs and keyword arguments hold, in\n"
"place of the values that those keys had. All values come over from another\n"
"table; of pairs with the same key the last one counts. AttributeError when\n"
"items is neither.";

PyObject *mp_table_update(PyObject *op, PyObject *args, PyObject *kwargs)
{
    mp_table *self = (mp_table *)op;
    PyObject *items = NULL;

    if (!PyArg_UnpackTuple(args, "update", 0, 1, &items)
        || mp_table_require(self) == NULL
        || (items != NULL && put_any(self, items, mp_table_set) != 0)
        || (kwargs != NULL && put_any(self, kwargs, mp_table_set) != 0)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

const char mp_table_copy_doc[] =
"copy($self, /)\n--\n\n"
"A new table of its own with the same entries.";

PyObject *mp_table_copy(PyObject *op, PyObject *unused)
{
    const apr_table_t *t = mp_table_require((mp_table *)op);
    mp_state *state = t != NULL ? mp_state_of(op) : NULL;
    PyObject *copy;
    (void)unused;

    if (state == NULL) {
        return NULL;
    }
    copy = mp_table_new(state, NULL);
    if (copy != NULL && put_table((mp_table *)copy, (mp_table *)op) != 0) {
        Py_CLEAR(copy);
    }
    return copy;
}

/* ---- comparison ---- */

/* A key as comparison sees it: bytes with ASCII letters in lower case. */
static PyObject *folded(const char *key)
{
    PyObject *bytes = PyBytes_FromString(key);

    if (bytes != NULL) {
        for (char *c = PyBytes_AS_STRING(bytes); *c != '\0'; c++) {
            *c = Py_TOLOWER(*c);
        }
    }
    return bytes;
}

/* Adds a value to dict[key]: alone, or to a list as the second one.
 * @return 0 or -1 with an exception */
static int add_to_dict(PyObject *dict, PyObject *key, PyObject *value)
{
    PyObject *old = PyDict_GetItemWithError(dict, key);
    PyObject *list;
    int rc;

    if (old == NULL) {
        return PyErr_Occurred() ? -1 : PyDict_SetItem(dict, key, value);
    }
    if (PyList_Check(old)) {
        return PyList_Append(old, value);
    }
    list = PyList_New(2);
    if (list == NULL) {
        return -1;
    }
    PyList_SET_ITEM(list, 0, Py_NewRef(old));
    PyList_SET_ITEM(list, 1, Py_NewRef(value));
    rc = PyDict_SetItem(dict, key, list);
    Py_DECREF(list);
    return rc;
}

/* Folded key -> value or list of values. */
static PyObject *dict_of_table(const mp_table *self)
{
    PyObject *dict = PyDict_New();
    PyObject *pair;
    int rc = dict != NULL ? 0 : -1;

    for (int i = 0;
         rc == 0
         && (pair = mp_table_entry(self, i, MP_TABLE_ITEMS)) != NULL;
         i++) {
        PyObject *keep;
        const char *text =
            mp_text_to(PyTuple_GET_ITEM(pair, 0), "table key", &keep);
        PyObject *key = NULL;

        rc = -1;
        if (text != NULL) {
            key = folded(text);
            Py_DECREF(keep);
        }
        if (key != NULL) {
            rc = add_to_dict(dict, key, PyTuple_GET_ITEM(pair, 1));
            Py_DECREF(key);
        }
        Py_DECREF(pair);
    }
    if (rc != 0 || PyErr_Occurred()) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* A copy of source with folded keys.
 * @return 1; 0 when no table can be equal to it; -1 with an exception */
static int fold_dict(PyObject *source, PyObject **out)
{
    PyObject *dict = PyDict_New();
    PyObject *name, *value;
    Py_ssize_t position = 0;

    if (dict == NULL) {
        return -1;
    }
    while (PyDict_Next(source, &position, &name, &value)) {
        PyObject *keep;
        PyObject *key;
        const char *text = NULL;
        int rc;

        if (PyUnicode_Check(name) || PyBytes_Check(name)) {
            text = mp_text_to(name, "key", &keep);
        }
        if (text == NULL) {
            PyErr_Clear();
            Py_DECREF(dict);
            return 0;
        }
        key = folded(text);
        Py_DECREF(keep);
        rc = key != NULL ? PyDict_SetItem(dict, key, value) : -1;
        Py_XDECREF(key);
        if (rc != 0) {
            Py_DECREF(dict);
            return -1;
        }
    }
    *out = dict;
    /* keys that differ in case only: a table has one of them */
    if (PyDict_GET_SIZE(dict) != PyDict_GET_SIZE(source)) {
        Py_DECREF(dict);
        return 0;
    }
    return 1;
}

/* @return 1 and a dict to compare, 0: cannot be equal, -1: exception */
static int comparable(const mp_state *state, PyObject *other, PyObject **out)
{
    if (PyObject_TypeCheck(other, state->table_type)) {
        *out = dict_of_table((mp_table *)other);
        return *out != NULL ? 1 : -1;
    }
    return fold_dict(other, out);
}

PyObject *mp_table_richcompare(PyObject *op, PyObject *other, int how)
{
    const mp_state *state = mp_state_of(op);
    PyObject *mine, *theirs;
    PyObject *result = NULL;
    int possible;

    if (state == NULL) {
        return NULL;
    }
    if ((how != Py_EQ && how != Py_NE)
        || (!PyDict_Check(other)
            && !PyObject_TypeCheck(other, state->table_type))) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    mine = dict_of_table((mp_table *)op);
    if (mine == NULL) {
        return NULL;
    }
    possible = comparable(state, other, &theirs);
    if (possible > 0) {
        result = PyObject_RichCompare(mine, theirs, how);
        Py_DECREF(theirs);
    }
    else if (possible == 0) {
        result = PyBool_FromLong(how == Py_NE);
    }
    Py_DECREF(mine);
    return result;
}

/* ---- repr ---- */

/* "key: value" of each entry. */
static PyObject *list_of_reprs(const mp_table *self)
{
    PyObject *list = PyList_New(0);
    PyObject *pair;

    if (list == NULL) {
        return NULL;
    }
    for (int i = 0;
         (pair = mp_table_entry(self, i, MP_TABLE_ITEMS)) != NULL; i++) {
        PyObject *text = PyUnicode_FromFormat(
            "%R: %R", PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        int rc = text != NULL ? PyList_Append(list, text) : -1;

        Py_XDECREF(text);
        Py_DECREF(pair);
        if (rc != 0) {
            break;
        }
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(list);
    }
    return list;
}

PyObject *mp_table_repr(PyObject *op)
{
    PyObject *list = list_of_reprs((mp_table *)op);
    PyObject *comma = NULL, *inner = NULL, *result = NULL;

    if (list != NULL && (comma = PyUnicode_FromString(", ")) != NULL) {
        inner = PyUnicode_Join(comma, list);
    }
    if (inner != NULL) {
        result = PyUnicode_FromFormat("{%U}", inner);
    }
    Py_XDECREF(inner);
    Py_XDECREF(comma);
    Py_XDECREF(list);
    return result;
}
