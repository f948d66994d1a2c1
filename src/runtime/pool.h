/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The interpreters behind a name: one, or several with a GIL each
 * (PythonInterpreterOptions). The only place that chooses which of them
 * somebody gets. */
#ifndef MP_RUNTIME_POOL_H
#define MP_RUNTIME_POOL_H

#include <apr_pools.h>
#include <httpd.h>

#include "core/config.h"
#include "runtime/interp.h"

/* What a name stands for in this child. */
typedef struct mp_pool mp_pool;

/* The instances that a request or a connection was given: it stays in them.
 * Kept by its owner; used by one thread at a time. */
typedef struct mp_stay mp_stay;
typedef struct mp_stays {
    apr_pool_t *p; /* that lives as long as the owner */
    mp_stay *first;
} mp_stays;

/* Once in a child, after mp_interp_start(). @return 0 or -1 */
int mp_pool_start(server_rec *s);

/* The interpreter of that name, made on first use. Of several instances the
 * one that stays has already, else a free one, which stays then remembers.
 * While none is free callers wait, in order, for the next one; but at most for
 * a switch interval each, then the first of them joins the least loaded one.
 * Enter it at once, it counts as taken. Call detached or attached; may block,
 * then without a GIL.
 * @param stays NULL: for this call only
 * @return NULL after logging when it cannot be made or bootstrapped */
mp_interp *mp_pool_get(const char *name, mp_stays *stays);
/* The same; remembers what the name stands for in ref. */
mp_interp *mp_pool_of(const mp_interp_ref *ref, mp_stays *stays);
/* What mp_pool_of() gives everybody for a name of one instance, once it was
 * asked. @return NULL: ask it */
static inline mp_interp *mp_pool_only(const mp_interp_ref *ref)
{
    return __atomic_load_n(&ref->only, __ATOMIC_ACQUIRE);
}

/* Instance number 0 ... of a name: for what runs in each of them.
 * @param make makes it when it is missing
 * @return NULL after the last one, or after logging */
mp_interp *mp_pool_instance(const char *name, int number, int make);

/* How many instances interp's name has. */
int mp_pool_size(const mp_interp *interp);

/* For the door: this thread has attached to an instance or could not; it has
 * detached from it. */
void mp_pool_entered(mp_interp *interp);
void mp_pool_left(mp_interp *interp);

/* Around what may be an interpreter's first imports: those with a GIL of their
 * own do not import at the same time, which has crashed 3.13.0. Attached.
 * @return 1 if mp_pool_end_import() is due */
int mp_pool_begin_import(const mp_interp *interp);
void mp_pool_end_import(void);

#endif
