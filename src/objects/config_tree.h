/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* _apache.config_tree(): a copy of the parsed configuration. */
#ifndef MP_OBJECTS_CONFIG_TREE_H
#define MP_OBJECTS_CONFIG_TREE_H

#include <Python.h>

/* The function, see its docstring. */
PyObject *mp_config_tree(PyObject *module, PyObject *unused);
#define MP_CONFIG_TREE_DOC \
    "config_tree()\n--\n\n" \
    "Copy of the parsed configuration: a list of (directive, args) tuples,\n" \
    "each followed by a nested list if it has children. See ap_conftree."

#endif
