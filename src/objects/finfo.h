/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_finfo: the result of a stat. */
#ifndef MP_OBJECTS_FINFO_H
#define MP_OBJECTS_FINFO_H

#include <Python.h>

#include <apr_file_info.h>

#include "objects/state.h"

/* A copy of info (names included). @return new reference or NULL */
PyObject *mp_finfo_new(mp_state *state, const apr_finfo_t *info);

/* Copies the record of a finfo object to out, names into p.
 * @return 0, or -1 with TypeError */
int mp_finfo_copy(mp_state *state, PyObject *object, apr_pool_t *p,
                  apr_finfo_t *out);

/* _apache.stat(fname, wanted) */
PyObject *mp_finfo_stat(PyObject *module, PyObject *args);
#define MP_FINFO_STAT_DOC \
    "stat(fname, wanted, /)\n--\n\n" \
    "Status of a file as mp_finfo; wanted is a mask of APR_FINFO_ bits.\n" \
    "A missing file has filetype APR_NOFILE; other failures raise OSError.\n" \
    "See apr_stat()."

#endif
