/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The state of the builtin module _apache in one interpreter: types,
 * exceptions and what dispatch calls. Reached from methods through
 * mp_state_of(), from dispatch through interp->state. */
#ifndef MP_OBJECTS_STATE_H
#define MP_OBJECTS_STATE_H

#include <Python.h>

#include "runtime/interp.h"

/* One resolved handler entry in this interpreter (dispatch/resolve.c). */
typedef struct mp_cached mp_cached;

typedef struct mp_state {
    mp_interp *interp;

    /* types, each set by its mp_<noun>_setup_type() */
    PyTypeObject *request_type;
    PyTypeObject *server_type;
    PyTypeObject *connection_type;
    PyTypeObject *filter_type;
    PyTypeObject *table_type;
    PyTypeObject *table_iter_type;
    PyTypeObject *finfo_type;
    PyTypeObject *hlist_type;
    PyTypeObject *log_stream_type;

    /* exceptions */
    PyObject *server_return;   /* apache.SERVER_RETURN */
    PyObject *handler_timeout; /* apache.HandlerTimeout */

    /* functions of the Python package, set by the bootstrap */
    PyObject *resolve;  /* _dispatch.resolve */
    PyObject *set_path; /* _dispatch.set_path */
    PyObject *call_pdb; /* _dispatch.call_pdb */
    PyObject *report;   /* _report.report */
    PyObject *problem;  /* _report.problem */

    PyObject *ok; /* the int that most handlers return */

    PyObject *log_streams; /* tuple: those made for sys.stdout, sys.stderr */
    int log_partials;      /* unfinished lines that they hold */

    PyObject *servers;  /* dict: address of a server_rec -> mp_server */
    PyObject *cleanups; /* list of (callable, data, server or None) for child
                           exit */

    struct mp_request *spares; /* see objects/request.c */
    int spare_count;

    struct mp_wsgi_environ *wsgi_environ; /* made on demand by wsgi.c */
    struct mp_wsgi_applications *wsgi_applications; /* wsgi_application.c */
    PyObject *wsgi_start_response; /* functions that wsgi_response.c lends to */
    PyObject *wsgi_write;          /* one request after the other */

    mp_cached *cache;      /* by mp_handler.slot */
    int cache_size;
    struct mp_by_value *by_value; /* those without one (dispatch/resolve.c) */
    unsigned generation;   /* counts reloads; a cached entry of an older one
                              is resolved again */
    const char *python_path; /* PythonPath expression that sys.path holds, a
                                copy of ours (malloc), NULL: none */
} mp_state;

extern struct PyModuleDef mp_module_def;

/* State from an object of one of our types, or of a subclass of one.
 * @return NULL with TypeError */
mp_state *mp_state_of(PyObject *self);

/* State from a module object (in functions of _apache). Cannot fail. */
static inline mp_state *mp_state_of_module(PyObject *op)
{
    return (mp_state *)PyModule_GetState(op);
}

/* Init function of the builtin module, for PyImport_AppendInittab. */
PyObject *mp_module_init(void);

/* Makes type from spec, stores it in *slot (a borrowed view of a reference
 * that the state owns) and, when name is not NULL, adds it to the module.
 * Write spec->name as "builtins.mp_noun": repr then shows <class 'mp_noun'>.
 * @return 0 or -1 with an exception */
int mp_state_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **slot,
                      const char *name);

/* Py_tp_dealloc of a type that owns no more than its Py_tp_clear lets go of and
 * that nobody can derive from. Interpreter held. */
void mp_state_dealloc(PyObject *op);

/* Setter of read-only members: AttributeError, on deletion TypeError. closure
 * is the name of the member. @return -1 always */
int mp_state_read_only(PyObject *self, PyObject *value, void *closure);

/* The first line of a setter. @return 0, or -1 with TypeError when value is
 * NULL: built-in attributes cannot be deleted */
int mp_state_no_delete(PyObject *value, const char *name);

/* Has callable(data) called at child exit; server (or None) gets its errors.
 * @return 0, or -1 with TypeError when callable is none */
int mp_state_add_cleanup(mp_state *state, PyObject *callable, PyObject *data,
                         PyObject *server);

/* One of these for each file of objects/; called in turn by module exec.
 * @return 0 or -1 with an exception */
int mp_constants_setup(PyObject *module);
int mp_table_setup_type(PyObject *module);
int mp_server_setup_type(PyObject *module);
int mp_connection_setup_type(PyObject *module);
int mp_request_setup_type(PyObject *module);
int mp_filter_setup_type(PyObject *module);
int mp_finfo_setup_type(PyObject *module);
int mp_hlist_setup_type(PyObject *module);
int mp_log_stream_setup_type(PyObject *module);

#endif
