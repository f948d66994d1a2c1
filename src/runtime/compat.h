/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Differences between the CPythons from 3.11 to 3.15: the only place that
 * looks at PY_VERSION_HEX. */
#ifndef MP_RUNTIME_COMPAT_H
#define MP_RUNTIME_COMPAT_H

#include <Python.h>

#if PY_VERSION_HEX < 0x030b0000
#error "mod_python needs CPython 3.11 or newer"
#endif

/* The attached thread state, NULL when there is none; never aborts. */
#if PY_VERSION_HEX >= 0x030d0000
#define mp_compat_tstate() PyThreadState_GetUnchecked()
#else
#define mp_compat_tstate() _PyThreadState_UncheckedGet()
#endif

/* The pending exception as one object. */
#if PY_VERSION_HEX >= 0x030c0000
#define mp_compat_get_raised() PyErr_GetRaisedException()
#define mp_compat_set_raised(exc) PyErr_SetRaisedException(exc)
#else
static inline PyObject *mp_compat_get_raised(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
        Py_DECREF(traceback);
    }
    Py_DECREF(type);
    return value;
}

/* Steals the reference. */
static inline void mp_compat_set_raised(PyObject *exc)
{
    if (exc == NULL) {
        PyErr_Clear();
        return;
    }
    PyObject *type = Py_NewRef((PyObject *)Py_TYPE(exc));
    PyErr_Restore(type, exc, PyException_GetTraceback(exc));
}
#endif

/* Slots of a module that runs in any interpreter. */
#if PY_VERSION_HEX >= 0x030c0000
#define MP_COMPAT_MODULE_SLOTS \
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#else
#define MP_COMPAT_MODULE_SLOTS
#endif

/* Interpreters with a GIL of their own: 3.12's corrupt the heap with many
 * modules of the standard library. */
#if PY_VERSION_HEX >= 0x030d0000
#define MP_COMPAT_OWN_GIL 1
#else
#define MP_COMPAT_OWN_GIL 0
#endif

/* Makes an interpreter, attached to the main one before and to it afterwards.
 * @return its thread state, or NULL: nothing has changed */
PyThreadState *mp_compat_new_interp(int own_gil);

/* Does somebody hold the GIL of this own-GIL interpreter just now? For those
 * who do not. 0 also when CPython does not tell. */
int mp_compat_gil_held(PyInterpreterState *is);

/* On 3.11 the PyGILState functions of extension modules find the thread state
 * in a slot that CPython fills only for the main interpreter; this puts the
 * attached one there. Later versions do it themselves. */
#if PY_VERSION_HEX >= 0x030c0000
#define mp_compat_bind_gilstate(tstate) ((void)(tstate))
#else
void mp_compat_bind_gilstate(PyThreadState *tstate);
#endif

#endif
