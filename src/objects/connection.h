/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_conn: a conn_rec. */
#ifndef MP_OBJECTS_CONNECTION_H
#define MP_OBJECTS_CONNECTION_H

#include <Python.h>

#include <httpd.h>

#include "core/handler_list.h"
#include "objects/state.h"
#include "runtime/pool.h"

/* The one object for c in this interpreter, kept until the connection ends.
 * @return new reference or NULL */
PyObject *mp_connection_get(mp_state *state, conn_rec *c);

/* The instances of pools that c's own handlers stay in. */
mp_stays *mp_connection_stays(conn_rec *c);

/* The conn_rec of a connection object.
 * @return NULL with TypeError or ReferenceError */
conn_rec *mp_connection_rec(mp_state *state, PyObject *object);

/* conn.hlist for the time of a connection handler; entries NULL: None. */
void mp_connection_set_running(PyObject *object,
                               const mp_handler_list *list, int index);

#endif
