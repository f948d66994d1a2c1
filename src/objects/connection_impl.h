/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What the files of mp_conn share: connection.c, connection_io.c. */
#ifndef MP_OBJECTS_CONNECTION_IMPL_H
#define MP_OBJECTS_CONNECTION_IMPL_H

#include "objects/connection.h"

typedef struct mp_conn mp_conn;

/* Reading and writing of a connection (connection_io.c). */
typedef struct mp_connio mp_connio;

/* What the module keeps for a connection, whatever the interpreters: in
 * conn_config, from c->pool. */
typedef struct mp_connctx {
    conn_rec *c;
    mp_conn *objects; /* chained by next_object; owns each reference */
    mp_connio *io;    /* NULL until the first use */
    mp_stays stays;
    int ended;
} mp_connctx;

struct mp_conn {
    PyObject_HEAD
    conn_rec *c;          /* NULL once the connection has ended */
    mp_connctx *ctx;      /* NULL together with c */
    mp_state *state;
    mp_conn *next_object; /* see mp_connctx.objects */
    const mp_handler_list *running; /* of a connection handler, else NULL */
    int running_index;
    PyObject *hlist;      /* made on demand for running_index */
    PyObject *notes;      /* view, made on demand, ends with c */
};

/* @return 0, or -1 with ReferenceError when the connection has ended */
int mp_connection_check(const mp_conn *self);

/* Methods of mp_conn, see their docstrings. */
PyObject *mp_connection_read(PyObject *self, PyObject *args);
PyObject *mp_connection_readline(PyObject *self, PyObject *args);
PyObject *mp_connection_write(PyObject *self, PyObject *data);

extern const char mp_connection_read_doc[];
extern const char mp_connection_readline_doc[];
extern const char mp_connection_write_doc[];

#endif
