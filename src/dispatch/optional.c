/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The optional functions for other httpd modules. */
#include "dispatch/optional.h"

#include <stdlib.h>

#include "dispatch/hooks.h"
#include "objects/connection.h"
#include "objects/request.h"
#include "objects/server.h"
#include "runtime/pool.h"

/* One acquire; a stack for each thread, because calls nest. */
typedef struct acquired {
    mp_entry entry;
    mp_call call;
    struct acquired *outer;
} acquired;

static __thread acquired *innermost;

static PyInterpreterState *mp_acquire_interpreter(const char *name)
{
    mp_call *outer = mp_interp_current_call();
    mp_interp *interp;
    acquired *a;

    if (name == NULL) {
        name = MP_MAIN_INTERPRETER;
    }
    interp = mp_pool_get(name, NULL);
    if (interp == NULL) {
        return NULL;
    }
    a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return NULL;
    }
    if (outer != NULL) {
        a->call = *outer;
    }
    else {
        a->call.phase = MP_PHASE_NONE;
    }
    /* the caller's string may not live as long as the call */
    a->call.interp_name = interp->name;
    if (mp_interp_enter(interp, &a->call, &a->entry) != 0) {
        free(a);
        return NULL;
    }
    a->outer = innermost;
    innermost = a;
    return interp->is;
}

static void mp_release_interpreter(void)
{
    acquired *a = innermost;

    if (a != NULL) {
        innermost = a->outer;
        mp_interp_leave(&a->entry);
        free(a);
    }
}

static mp_state *current_state(void)
{
    mp_interp *interp = mp_interp_current();

    if (interp == NULL || interp->state == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this thread has not acquired an interpreter of "
                        "mod_python");
        return NULL;
    }
    return interp->state;
}

static PyObject *mp_get_request_object(request_rec *r)
{
    mp_state *state = current_state();

    return state != NULL ? mp_request_get(state, r) : NULL;
}

static PyObject *mp_get_server_object(server_rec *s)
{
    mp_state *state = current_state();

    return state != NULL ? mp_server_get(state, s) : NULL;
}

static PyObject *mp_get_connection_object(conn_rec *c)
{
    mp_state *state = current_state();

    return state != NULL ? mp_connection_get(state, c) : NULL;
}

void mp_optional_register_hooks(apr_pool_t *p)
{
    (void)p;
    APR_REGISTER_OPTIONAL_FN(mp_acquire_interpreter);
    APR_REGISTER_OPTIONAL_FN(mp_release_interpreter);
    APR_REGISTER_OPTIONAL_FN(mp_get_request_object);
    APR_REGISTER_OPTIONAL_FN(mp_get_server_object);
    APR_REGISTER_OPTIONAL_FN(mp_get_connection_object);
}
