/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The compatibility functions that need CPython's private headers, which must
 * be asked for before Python.h is read. */
#define Py_BUILD_CORE 1
#include "runtime/compat.h"

#include <string.h>

#include <internal/pycore_runtime.h>

#if PY_VERSION_HEX < 0x030c0000
void mp_compat_bind_gilstate(PyThreadState *tstate)
{
    Py_tss_t *key = &_PyRuntime.gilstate.autoTSSkey;

    if (PyThread_tss_get(key) != tstate) { /* cheaper than setting it */
        PyThread_tss_set(key, tstate);
    }
}
#endif

#if MP_COMPAT_OWN_GIL

PyThreadState *mp_compat_new_interp(int own_gil)
{
    /* but for the GIL as Py_NewInterpreter() makes them, so that code that
     * forks or starts threads works in either kind */
    const PyInterpreterConfig config = {
        .use_main_obmalloc = 0,
        .allow_fork = 1,
        .allow_exec = 1,
        .allow_threads = 1,
        .allow_daemon_threads = 1,
        .check_multi_interp_extensions = 1,
        .gil = PyInterpreterConfig_OWN_GIL,
    };
    PyThreadState *tstate = NULL;

    if (!own_gil) {
        return Py_NewInterpreter();
    }
    if (PyStatus_Exception(Py_NewInterpreterFromConfig(&tstate, &config))) {
        return NULL;
    }
    return tstate;
}

/* CPython publishes where the flag lies, for profilers that look into other
 * processes: the table is part of the library, so it is right for the one that
 * is loaded. */
int mp_compat_gil_held(PyInterpreterState *is)
{
    const struct _Py_DebugOffsets *offsets = &_PyRuntime.debug_offsets;

    if (memcmp(offsets->cookie, "xdebugpy", 8) != 0
        || offsets->version >> 16 != PY_VERSION_HEX >> 16
        || offsets->free_threaded) {
        return 0;
    }
    return __atomic_load_n(
        (const int *)((const char *)is
                      + offsets->interpreter_state.gil_runtime_state_locked),
        __ATOMIC_RELAXED);
}

#else

PyThreadState *mp_compat_new_interp(int own_gil)
{
    (void)own_gil; /* mp_python_check_config() has refused it */
    return Py_NewInterpreter();
}

int mp_compat_gil_held(PyInterpreterState *is)
{
    (void)is;
    return 0;
}

#endif
