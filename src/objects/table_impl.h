/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What the files of mp_table share: table.c, table_iter.c, table_update.c. */
#ifndef MP_OBJECTS_TABLE_IMPL_H
#define MP_OBJECTS_TABLE_IMPL_H

#include "objects/table.h"

typedef struct mp_table {
    PyObject_HEAD
    apr_table_t **slot; /* where the table is now; NULL: it has ended */
    apr_table_t *own;   /* slot points here; NULL: a view */
    apr_pool_t *pool;   /* of own */
    size_t written;     /* bytes that went into pool */
    size_t limit;       /* value of written at which waste is looked for */
    int headers;        /* a header table: CR, LF, empty names refused */
} mp_table;

/* The table as it is now.
 * @return NULL with ReferenceError when what it belongs to has ended */
apr_table_t *mp_table_require(const mp_table *self);

/* Size bytes were put into the table; no pointer into it is good after. */
void mp_table_wrote(mp_table *self, size_t size);

/* @return 0, or -1 with ValueError when that cannot be a header */
int mp_table_check_header(const char *key, const char *value);

/* t[name] = value and t.add(name, value). @return 0 or -1 */
int mp_table_set(mp_table *self, PyObject *name, PyObject *value);
int mp_table_add(mp_table *self, PyObject *name, PyObject *value);

typedef enum mp_table_what {
    MP_TABLE_KEYS,
    MP_TABLE_VALUES,
    MP_TABLE_ITEMS
} mp_table_what;

/* ---- table_iter.c ---- */

/* Key, value or pair of the entry at index.
 * @return new reference; NULL past the end, or with an exception */
PyObject *mp_table_entry(const mp_table *self, int index, mp_table_what what);

/* Methods of the same names, and tp_iter: see their docstrings. */
PyObject *mp_table_keys(PyObject *self, PyObject *unused);
PyObject *mp_table_values(PyObject *self, PyObject *unused);
PyObject *mp_table_items(PyObject *self, PyObject *unused);
PyObject *mp_table_iterkeys(PyObject *self, PyObject *unused);
PyObject *mp_table_itervalues(PyObject *self, PyObject *unused);
PyObject *mp_table_iteritems(PyObject *self, PyObject *unused);
PyObject *mp_table_iter(PyObject *self);

int mp_table_iter_setup_type(PyObject *module);

extern const char mp_table_keys_doc[];
extern const char mp_table_values_doc[];
extern const char mp_table_items_doc[];
extern const char mp_table_iterkeys_doc[];
extern const char mp_table_itervalues_doc[];
extern const char mp_table_iteritems_doc[];

/* ---- table_update.c ---- */

/* Slots and methods of the same names. */
int mp_table_init(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *mp_table_update(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *mp_table_copy(PyObject *self, PyObject *unused);
PyObject *mp_table_repr(PyObject *self);
PyObject *mp_table_richcompare(PyObject *self, PyObject *other, int how);

extern const char mp_table_update_doc[];
extern const char mp_table_copy_doc[];

#endif
