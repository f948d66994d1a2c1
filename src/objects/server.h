/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_server: a server_rec. */
#ifndef MP_OBJECTS_SERVER_H
#define MP_OBJECTS_SERVER_H

#include <Python.h>

#include <httpd.h>

#include "objects/state.h"

/* The one object for s in this interpreter (None for NULL).
 * @return new reference or NULL */
PyObject *mp_server_get(mp_state *state, server_rec *s);

/* The server_rec of a server object. @return NULL with TypeError */
server_rec *mp_server_rec(mp_state *state, PyObject *object);

#endif
