/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_table: the type and its mapping protocol. Copying from other mappings,
 * comparison and repr are in table_update.c, iterators in table_iter.c.
 *
 * Arguments are converted before the apr_table_t is looked up: a conversion
 * can run Python code, which may change the table or end the request. */
#include "objects/table_impl.h"

#include <string.h>

#include <httpd.h>

#include "runtime/error.h"
#include "runtime/text.h"

/* A table of our own is copied to a new pool when so many bytes were written
 * to it, because an apr_table_t frees nothing until its pool goes. */
#define COMPACT_AT 65536

/* ---- the apr_table_t behind the object ---- */

apr_table_t *mp_table_require(const mp_table *self)
{
    if (self->slot == NULL || *self->slot == NULL) {
        mp_error_ended("table's request or connection");
        return NULL;
    }
    return *self->slot;
}

/* Pools have no other way to tell that memory is out. */
static int out_of_memory(int retcode)
{
    (void)retcode;
    ap_abort_on_oom();
}

static int make_own(mp_table *self)
{
    apr_pool_t *p;

    if (apr_pool_create_ex(&p, NULL, out_of_memory, NULL) != APR_SUCCESS) {
        PyErr_NoMemory();
        return -1;
    }
    apr_pool_tag(p, "mp_table");
    self->pool = p;
    self->own = apr_table_make(p, 4);
    self->slot = &self->own;
    self->written = 0;
    self->limit = COMPACT_AT;
    return 0;
}

static int add_size(void *sum, const char *key, const char *value)
{
    *(size_t *)sum += strlen(key) + (value != NULL ? strlen(value) : 0) + 2;
    return 1;
}

/* Moves a table of our own to a new pool if most of the old one is waste. */
static void compact(mp_table *self)
{
    size_t live = 0;
    apr_pool_t *p;

    apr_table_do(add_size, &live, self->own, NULL);
    self->limit = self->written + 4 * live + COMPACT_AT;
    if (self->written < 4 * live
        || apr_pool_create_ex(&p, NULL, out_of_memory, NULL)
               != APR_SUCCESS) {
        return;
    }
    apr_pool_tag(p, "mp_table");
    self->own = apr_table_clone(p, self->own);
    apr_pool_destroy(self->pool);
    self->pool = p;
    self->written = live;
    self->limit = 4 * live + COMPACT_AT;
}

void mp_table_wrote(mp_table *self, size_t size)
{
    if (self->own != NULL && (self->written += size) > self->limit) {
        compact(self);
    }
}

PyObject *mp_table_view(mp_state *state, apr_table_t **slot, int headers)
{
    PyTypeObject *type = state->table_type;
    mp_table *self = (mp_table *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->slot = slot;
        self->headers = headers;
    }
    return (PyObject *)self;
}

void mp_table_end(PyObject *table)
{
    ((mp_table *)table)->slot = NULL;
}

void mp_table_see(PyObject *table, apr_table_t **slot)
{
    ((mp_table *)table)->slot = slot;
}

PyObject *mp_table_new(mp_state *state, const apr_table_t *source)
{
    PyTypeObject *type = state->table_type;
    mp_table *self = (mp_table *)type->tp_alloc(type, 0);

    if (self == NULL || make_own(self) != 0) {
        Py_XDECREF(self);
        return NULL;
    }
    if (source != NULL) {
        self->own = apr_table_clone(self->pool, source);
    }
    return (PyObject *)self;
}

apr_table_t *mp_table_get(mp_state *state, PyObject *object)
{
    if (!PyObject_TypeCheck(object, state->table_type)) {
        PyErr_Format(PyExc_TypeError, "a table is needed, not %.200s",
                     Py_TYPE(object)->tp_name);
        return NULL;
    }
    return mp_table_require((mp_table *)object);
}

/* ---- arguments ---- */

/* Any object as text: str and bytes as they are, others through str(). */
static const char *text_of(PyObject *value, const char *what, PyObject **keep)
{
    PyObject *text;
    const char *s;

    if (PyUnicode_Check(value) || PyBytes_Check(value)) {
        return mp_text_to(value, what, keep);
    }
    text = PyObject_Str(value);
    if (text == NULL) {
        return NULL;
    }
    s = mp_text_to(text, what, keep);
    Py_DECREF(text);
    return s;
}

static const char *key_of(PyObject *key, PyObject **keep)
{
    return text_of(key, "table key", keep);
}

int mp_table_check_header(const char *key, const char *value)
{
    if (*key == '\0') {
        PyErr_SetString(PyExc_ValueError, "empty header name");
        return -1;
    }
    if (strchr(key, '\n') != NULL || strchr(key, '\r') != NULL) {
        PyErr_SetString(PyExc_ValueError, "CR or LF in a header name");
        return -1;
    }
    if (value != NULL
        && (strchr(value, '\n') != NULL || strchr(value, '\r') != NULL)) {
        PyErr_SetString(PyExc_ValueError, "CR or LF in a header value");
        return -1;
    }
    return 0;
}

/* ---- looking up ---- */

typedef struct hit {
    const char *first;
    int count; /* stops at 2 */
} hit;

static int count_hit(void *data, const char *key, const char *value)
{
    hit *found = data;
    (void)key;

    if (found->count++ == 0) {
        found->first = value;
    }
    return found->count < 2;
}

static hit look_up(const apr_table_t *t, const char *key)
{
    hit found = {NULL, 0};

    apr_table_do(count_hit, &found, t, key, NULL);
    return found;
}

/* Strings and list items do not start the garbage collector, so nobody can
 * change the table meanwhile. */
static int append_value(void *list, const char *key, const char *value)
{
    PyObject *text = mp_text_from(value);
    int rc;
    (void)key;

    if (text == NULL) {
        return 0;
    }
    rc = PyList_Append(list, text);
    Py_DECREF(text);
    return rc == 0;
}

static PyObject *all_values(const mp_table *self, const char *key)
{
    PyObject *list = PyList_New(0);
    const apr_table_t *t = list != NULL ? mp_table_require(self) : NULL;

    if (t == NULL) {
        Py_XDECREF(list);
        return NULL;
    }
    if (!apr_table_do(append_value, list, t, key, NULL)) {
        Py_DECREF(list);
        return NULL;
    }
    return list;
}

static PyObject *subscript(PyObject *op, PyObject *name)
{
    const mp_table *self = (mp_table *)op;
    PyObject *keep;
    PyObject *result = NULL;
    const char *key = key_of(name, &keep);
    const apr_table_t *t;
    hit found;

    if (key == NULL) {
        return NULL;
    }
    t = mp_table_require(self);
    if (t != NULL) {
        found = look_up(t, key);
        if (found.count == 1) {
            result = mp_text_from(found.first);
        }
        else if (found.count > 1) {
            result = all_values(self, key);
        }
        else {
            PyErr_SetObject(PyExc_KeyError, name);
        }
    }
    Py_DECREF(keep);
    return result;
}

static int contains(PyObject *op, PyObject *name)
{
    PyObject *keep;
    const char *key = key_of(name, &keep);
    const apr_table_t *t;
    int result = -1;

    if (key == NULL) {
        return -1;
    }
    t = mp_table_require((mp_table *)op);
    if (t != NULL) {
        result = look_up(t, key).count > 0;
    }
    Py_DECREF(keep);
    return result;
}

static Py_ssize_t length(PyObject *op)
{
    const apr_table_t *t = mp_table_require((mp_table *)op);

    return t != NULL ? apr_table_elts(t)->nelts : -1;
}

/* ---- changing ---- */

/* apr_table_set() and apr_table_add(). */
typedef void (*store_fn)(apr_table_t *t, const char *key, const char *value);

static int store(mp_table *self, PyObject *name, PyObject *object,
                 store_fn put)
{
    PyObject *keep_key, *keep_value;
    const char *key, *value;
    apr_table_t *t;
    int rc = -1;

    key = key_of(name, &keep_key);
    if (key == NULL) {
        return -1;
    }
    value = text_of(object, "table value", &keep_value);
    if (value == NULL) {
        Py_DECREF(keep_key);
        return -1;
    }
    if (!self->headers || mp_table_check_header(key, value) == 0) {
        t = mp_table_require(self);
        if (t != NULL) {
            put(t, key, value);
            mp_table_wrote(self, strlen(key) + strlen(value) + 2);
            rc = 0;
        }
    }
    Py_DECREF(keep_value);
    Py_DECREF(keep_key);
    return rc;
}

static int delete(mp_table *self, PyObject *name)
{
    PyObject *keep;
    const char *key = key_of(name, &keep);
    apr_table_t *t;

    if (key == NULL) {
        return -1;
    }
    t = mp_table_require(self);
    if (t != NULL) {
        apr_table_unset(t, key);
    }
    Py_DECREF(keep);
    return t != NULL ? 0 : -1;
}

int mp_table_set(mp_table *self, PyObject *name, PyObject *value)
{
    return store(self, name, value, apr_table_set);
}

int mp_table_add(mp_table *self, PyObject *name, PyObject *value)
{
    return store(self, name, value, apr_table_add);
}

static int ass_subscript(PyObject *op, PyObject *name, PyObject *value)
{
    mp_table *self = (mp_table *)op;

    return value != NULL ? mp_table_set(self, name, value)
                         : delete(self, name);
}

/* ---- methods ---- */

static int check_count(const char *name, Py_ssize_t nargs, Py_ssize_t min,
                       Py_ssize_t max)
{
    if (nargs < min || nargs > max) {
        PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd arguments, not "
                     "%zd", name, min, max, nargs);
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(add_doc,
"add($self, key, value, /)\n--\n\n"
"Adds a value beside those that key has. See apr_table_add().");

static PyObject *add(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    if (check_count("add", nargs, 2, 2) != 0
        || mp_table_add((mp_table *)op, args[0], args[1]) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The first value of a key.
 * @return 1 and a new reference, 0 when missing, -1 with an exception */
static int first_value(PyObject *op, PyObject *name, PyObject **value)
{
    PyObject *keep;
    const char *key = key_of(name, &keep);
    const apr_table_t *t;
    int result = -1;

    if (key == NULL) {
        return -1;
    }
    t = mp_table_require((mp_table *)op);
    if (t != NULL) {
        hit found = look_up(t, key);

        result = found.count > 0;
        if (result && (*value = mp_text_from(found.first)) == NULL) {
            result = -1;
        }
    }
    Py_DECREF(keep);
    return result;
}

PyDoc_STRVAR(get_doc,
"get($self, key, default=None, /)\n--\n\n"
"The first value of key, a str (None for httpd's NULL); default when key is\n"
"missing. See apr_table_get().");

static PyObject *get(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *value = NULL;
    int found;

    if (check_count("get", nargs, 1, 2) != 0) {
        return NULL;
    }
    found = first_value(op, args[0], &value);
    if (found == 0) {
        value = Py_NewRef(nargs > 1 ? args[1] : Py_None);
    }
    return value;
}

PyDoc_STRVAR(getlist_doc,
"getlist($self, key, /)\n--\n\n"
"The list of all values of key, [] when it is missing.");

static PyObject *getlist(PyObject *op, PyObject *name)
{
    PyObject *keep;
    PyObject *list;
    const char *key = key_of(name, &keep);

    if (key == NULL) {
        return NULL;
    }
    list = all_values((mp_table *)op, key);
    Py_DECREF(keep);
    return list;
}

PyDoc_STRVAR(setdefault_doc,
"setdefault($self, key, value='', /)\n--\n\n"
"The first value of key, after storing value when it is missing.");

static PyObject *setdefault(PyObject *op, PyObject *const *args,
                            Py_ssize_t nargs)
{
    PyObject *value = NULL;
    PyObject *fresh;
    int found;

    if (check_count("setdefault", nargs, 1, 2) != 0) {
        return NULL;
    }
    found = first_value(op, args[0], &value);
    if (found != 0) {
        return value;
    }
    fresh = nargs > 1 ? Py_NewRef(args[1]) : PyUnicode_New(0, 0);
    if (fresh != NULL && mp_table_set((mp_table *)op, args[0], fresh) == 0) {
        found = first_value(op, args[0], &value);
        if (found == 0) { /* somebody was quicker to remove it */
            value = Py_NewRef(fresh);
        }
    }
    Py_XDECREF(fresh);
    return value;
}

PyDoc_STRVAR(has_key_doc,
"has_key($self, key, /)\n--\n\n"
"1 if key is there, else 0.");

static PyObject *has_key(PyObject *op, PyObject *name)
{
    int found = contains(op, name);

    return found >= 0 ? PyLong_FromLong(found) : NULL;
}

PyDoc_STRVAR(clear_doc,
"clear($self, /)\n--\n\n"
"Removes everything.");

static PyObject *clear_method(PyObject *op, PyObject *unused)
{
    mp_table *self = (mp_table *)op;
    apr_table_t *t = mp_table_require(self);
    (void)unused;

    if (t == NULL) {
        return NULL;
    }
    apr_table_clear(t);
    mp_table_wrote(self, 0);
    Py_RETURN_NONE;
}

/* Removes the first entry. The strings stay where they are. */
static void remove_first(apr_table_t *t)
{
    const apr_array_header_t *elts = apr_table_elts(t);
    const apr_table_entry_t *entry = (const apr_table_entry_t *)elts->elts;
    int count = elts->nelts;

    /* adding writes entry i - 1 after entry i was read */
    apr_table_clear(t);
    for (int i = 1; i < count; i++) {
        apr_table_addn(t, entry[i].key, entry[i].val);
    }
}

PyDoc_STRVAR(popitem_doc,
"popitem($self, /)\n--\n\n"
"Removes the first entry and returns it, a pair (key, value). KeyError when\n"
"the table is empty.");

static PyObject *popitem(PyObject *op, PyObject *unused)
{
    mp_table *self = (mp_table *)op;
    PyObject *pair;
    apr_table_t *t;
    (void)unused;

    pair = mp_table_entry(self, 0, MP_TABLE_ITEMS);
    if (pair == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_KeyError,
                            "popitem(): the table is empty");
        }
        return NULL;
    }
    t = mp_table_require(self);
    if (t == NULL) {
        Py_DECREF(pair);
        return NULL;
    }
    remove_first(t);
    return pair;
}

static PyMethodDef methods[] = {
    {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, add_doc},
    {"get", (PyCFunction)(void (*)(void))get, METH_FASTCALL, get_doc},
    {"getlist", getlist, METH_O, getlist_doc},
    {"setdefault", (PyCFunction)(void (*)(void))setdefault, METH_FASTCALL,
     setdefault_doc},
    {"has_key", has_key, METH_O, has_key_doc},
    {"clear", clear_method, METH_NOARGS, clear_doc},
    {"popitem", popitem, METH_NOARGS, popitem_doc},
    /* table_iter.c */
    {"keys", mp_table_keys, METH_NOARGS, mp_table_keys_doc},
    {"values", mp_table_values, METH_NOARGS, mp_table_values_doc},
    {"items", mp_table_items, METH_NOARGS, mp_table_items_doc},
    {"iterkeys", mp_table_iterkeys, METH_NOARGS, mp_table_iterkeys_doc},
    {"itervalues", mp_table_itervalues, METH_NOARGS,
     mp_table_itervalues_doc},
    {"iteritems", mp_table_iteritems, METH_NOARGS, mp_table_iteritems_doc},
    /* table_update.c */
    {"update", (PyCFunction)(void (*)(void))mp_table_update,
     METH_VARARGS | METH_KEYWORDS, mp_table_update_doc},
    {"copy", mp_table_copy, METH_NOARGS, mp_table_copy_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- the type ---- */

static PyObject *new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    mp_table *self = (mp_table *)type->tp_alloc(type, 0);
    (void)args;
    (void)kwargs;

    if (self != NULL && make_own(self) != 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

static void dealloc(PyObject *op)
{
    mp_table *self = (mp_table *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->pool != NULL) {
        apr_pool_destroy(self->pool);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(type_doc,
"table(items=(), /)\n--\n\n"
"A multi-map over httpd's tables. Keys are compared without ASCII case; keys\n"
"and values are taken as str or bytes (anything else through str()) and come\n"
"back as str. t[key] is a str, or a list of them when key occurs more than\n"
"once. Header tables refuse CR, LF and empty names with ValueError, every\n"
"table refuses NUL. The tables of a request or connection are live views\n"
"that raise ReferenceError once it has ended.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_new, new},
    {Py_tp_init, mp_table_init},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_methods, methods},
    {Py_tp_iter, mp_table_iter},
    {Py_tp_repr, mp_table_repr},
    {Py_tp_richcompare, mp_table_richcompare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_mp_subscript, subscript},
    {Py_mp_ass_subscript, ass_subscript},
    {Py_mp_length, length},
    {Py_sq_contains, contains},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_table",
    .basicsize = sizeof(mp_table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE
             | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_MAPPING,
    .slots = slots,
};

int mp_table_setup_type(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    if (mp_state_add_type(op, &spec, &state->table_type, "table") != 0) {
        return -1;
    }
    return mp_table_iter_setup_type(op);
}
