/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The parsed configuration as lists: a copy, so that Python cannot harm the
 * tree that httpd and other modules look at. */
#include "objects/config_tree.h"

#include <httpd.h>
#include <http_config.h>
#include <util_cfgtree.h>

#include "runtime/text.h"

/* Steals item. @return 0 or -1 with an exception (also for item NULL) */
static int append(PyObject *list, PyObject *item)
{
    int rc;

    if (item == NULL) {
        return -1;
    }
    rc = PyList_Append(list, item);
    Py_DECREF(item);
    return rc;
}

/* A directive and those that follow it in its section. As deep as the
 * sections of the configuration are nested. */
static PyObject *list_of(const ap_directive_t *directive)
{
    PyObject *list = PyList_New(0);

    for (; list != NULL && directive != NULL; directive = directive->next) {
        PyObject *row =
            Py_BuildValue("(NN)", mp_text_from(directive->directive),
                          mp_text_from(directive->args));

        if (append(list, row) != 0
            || (directive->first_child != NULL
                && append(list, list_of(directive->first_child)) != 0)) {
            Py_CLEAR(list);
        }
    }
    return list;
}

PyObject *mp_config_tree(PyObject *op, PyObject *unused)
{
    (void)op;
    (void)unused;
    return list_of(ap_conftree);
}
