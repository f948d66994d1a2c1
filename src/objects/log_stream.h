/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The file objects behind sys.stdout and sys.stderr. */
#ifndef MP_OBJECTS_LOG_STREAM_H
#define MP_OBJECTS_LOG_STREAM_H

#include <Python.h>

#include "objects/log.h"
#include "objects/state.h"

/* Puts log streams in place of sys.stdout and sys.stderr (and sys.__stdout__,
 * sys.__stderr__) of the attached interpreter.
 * @return 0 or -1 with an exception */
int mp_log_stream_install(PyObject *module, int stdout_level,
                          int stderr_level);

/* Logs the lines that this thread's innermost call (or, without one, this
 * thread) has begun and not finished. Interpreter held; a pending exception
 * stays. Dispatch calls it when a call ends. */
void mp_log_stream_flush(mp_state *state);
static inline void mp_log_stream_flush_thread(mp_state *state)
{
    if (state->log_partials > 0) {
        mp_log_stream_flush(state);
    }
}

#endif
