/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Named interpreters and the one door into Python. Nothing else attaches a
 * thread to an interpreter or detaches it (the Py_BEGIN_ALLOW_THREADS macros
 * excepted). A thread has its own thread state for each interpreter, made
 * once and kept for the life of the thread. */
#ifndef MP_RUNTIME_INTERP_H
#define MP_RUNTIME_INTERP_H

#include <Python.h>

#include <apr_pools.h>
#include <httpd.h>

#include "core/handler_list.h"
#include "core/phase.h"
#include "runtime/stats.h"

/* One interpreter of this child. Never ended before the child is. */
typedef struct mp_interp mp_interp;

struct mp_interp {
    const char *name;        /* I: "main_interpreter" or the selected name */
    int number;              /* I: which instance of that name, from 0 */
    int own_gil;             /* I: */
    struct mp_pool *pool;    /* I: that it is one of several instances of;
                                NULL: the only one of its name */
    PyInterpreterState *is;  /* I: */
    PyThreadState *anchor;   /* I: the thread state it was made with, never
                                deleted: an interpreter without one dies */
    int is_main;             /* I: the process's main interpreter */
    int ready;               /* bootstrap succeeded; set once, under its GIL */
    void *state;             /* I: mp_state of objects/state.h, set by the
                                bootstrap; valid while attached */
    void *deferred;          /* lock-free list of objects to release, see
                                mp_interp_defer_decref() */
    int load;                /* of a pool: threads inside, atomic */
    const void *claimant;    /* of a pool: who has been given it and is about
                                to attach, see runtime/pool.c; atomic */
    mp_stats *stats;         /* I: its counters */
    mp_interp *next;         /* L: list of all */
};

/* What a thread is serving right now; a stack through calls inside calls
 * (a sub-request's phase in a handler). Lives on the C stack of whoever enters
 * Python for httpd. Log attribution, apache.interpreter, allow_methods() and
 * the like look at the innermost one. */
typedef struct mp_call {
    request_rec *r;          /* NULL: not for a request */
    conn_rec *c;             /* NULL: not for a connection */
    server_rec *s;           /* NULL: main server */
    const char *interp_name; /* the selected name */
    mp_phase phase;
    const mp_handler *handler; /* the running entry, NULL between */
    int away;                /* this thread is inside httpd, without the
                                interpreter: it may use r; under the GIL */
    struct mp_call *outer;
} mp_call;

/* In place of Py_BEGIN_ALLOW_THREADS and its end where a thread goes into
 * httpd outside of a method of the request. */
#define MP_BEGIN_AWAY \
    { \
        mp_call *mp_away = mp_interp_current_call(); \
        if (mp_away != NULL) { \
            mp_away->away++; \
        } \
        Py_BEGIN_ALLOW_THREADS
#define MP_END_AWAY \
        Py_END_ALLOW_THREADS \
        if (mp_away != NULL) { \
            mp_away->away--; \
        } \
    }

/* What mp_interp_leave() needs to put things back. */
typedef struct mp_entry {
    mp_interp *interp;
    PyThreadState *tstate; /* attached by this entry, NULL: was attached */
    PyThreadState *outer;  /* attached before in another interpreter */
    struct mp_thread *thread; /* this one */
    uint64_t began;        /* mp_stats_now() when it was attached */
    mp_call *call;
} mp_entry;

/* Makes the table, with the main interpreter that the calling thread is
 * attached to. Once in a child. @return 0 or -1 */
int mp_interp_start(server_rec *s);

/* From here on threads that end keep their thread states: the child exits. */
void mp_interp_stop(void);

/* Called once for each new interpreter, attached to it. Makes its builtin
 * module state and imports what dispatch needs.
 * @return 0, or -1 after logging the cause: the next use tries again */
typedef int (*mp_interp_bootstrap_fn)(mp_interp *interp, server_rec *s);
void mp_interp_set_bootstrap(mp_interp_bootstrap_fn fn);

/* ---- for runtime/pool.c, which knows the names ---- */

/* Makes an interpreter, not bootstrapped yet. Detached on entry and exit.
 * @return NULL after logging */
mp_interp *mp_interp_make(const char *name, int number, int own_gil,
                          struct mp_pool *pool);
/* The process's main interpreter. */
mp_interp *mp_interp_main(void);
/* Runs the bootstrap; interp->ready tells whether it succeeded. Detached on
 * entry and exit. @return 0 or -1 after logging */
int mp_interp_bootstrap(mp_interp *interp);
/* Detaches this thread, if it is attached, to wait for something.
 * @return what mp_interp_reattach() needs */
PyThreadState *mp_interp_detach(void);
void mp_interp_reattach(PyThreadState *outer);
/* The interpreter that this thread is attached to. NULL: none of ours */
mp_interp *mp_interp_attached(void);
/* The one of pool's that this thread was in last, NULL: none. */
mp_interp *mp_interp_last_of(const struct mp_pool *pool);
/* Something that is this thread's alone. NULL: memory is out. */
const void *mp_interp_thread(void);

/* ---- the door ---- */

/* Attaches this thread to interp; call becomes the innermost call (its outer
 * is filled in; NULL: keeps the present one). Works whether the thread is
 * detached, attached to the same or to another interpreter. Releases what was
 * deferred.
 * @return 0, or -1 (nothing attached, logged) when memory is short */
int mp_interp_enter(mp_interp *interp, mp_call *call, mp_entry *entry);
/* Undoes exactly that. No exception may be pending. */
void mp_interp_leave(mp_entry *entry);

/* The innermost call of this thread, or NULL. */
mp_call *mp_interp_current_call(void);

/* The interpreter this thread is attached to (NULL when it is none of ours);
 * an interpreter must be held. */
mp_interp *mp_interp_current(void);

/* Gives a reference of an object of interp away, from any thread, attached or
 * not: it is released by the next enter. Never blocks. */
void mp_interp_defer_decref(mp_interp *interp, PyObject *object);

/* Has exception, a class, raised in a thread (PyThread_get_thread_ident())
 * when it next runs Python code of the interpreter that is held; NULL: takes
 * one back that was not raised yet. */
void mp_interp_raise_in(unsigned long thread, PyObject *exception);

/* Where the threads are that run Python code of the interpreter that is held:
 * a list of (thread, [(file, line, function), ...]), the innermost call first.
 * @return new reference, or NULL with an exception */
PyObject *mp_interp_stacks(void);

/* Calls fn for every interpreter, attached, with no call. For child exit. */
void mp_interp_each(void (*fn)(mp_interp *interp, void *baton), void *baton);

#endif
