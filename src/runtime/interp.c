/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The interpreters of this child, the thread states of its threads and the
 * door between httpd and Python. Which interpreter somebody gets is decided in
 * runtime/pool.c. */
#include "runtime/interp.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/compat.h"

#include "core/log.h"
#include "core/turns.h"
#include "runtime/pool.h"

typedef struct thread_slot {
    mp_interp *interp;
    PyThreadState *tstate;
} thread_slot;

/* What a thread owns: freed by the key's destructor when httpd ends it. */
typedef struct mp_thread {
    mp_call *call;      /* innermost */
    int inside;         /* attachments that were not undone: 0, and it is
                           attached to nothing */
    thread_slot *slots; /* last used first */
    int count;
    int capacity;
    PyThreadState *bound; /* what mp_compat_bind_gilstate() got last */
} mp_thread;

typedef struct deferred_node {
    PyObject *object;
    struct deferred_node *next;
} deferred_node;

static struct {
    pthread_mutex_t table;  /* held for a few instructions */
    pthread_key_t key;      /* I: */
    mp_interp *first;       /* L: */
    mp_interp *main;        /* I: */
    server_rec *server;     /* I: the base server, for the log */
    mp_interp_bootstrap_fn bootstrap; /* I: */
    int stopping;           /* the child exits: threads keep their states */
} interps;

/* The loader of the C library has room for some such variables of modules:
 * reading it is a load, where others call a function. */
#ifdef __GLIBC__
#define STATIC_TLS __attribute__((tls_model("initial-exec")))
#else
#define STATIC_TLS
#endif
static __thread mp_thread *this_thread STATIC_TLS;

#define NEAR_THE_GIL 8
static mp_turns shared_gil = MP_TURNS_INIT(NEAR_THE_GIL);

static mp_thread *get_thread(void)
{
    mp_thread *t = this_thread;

    if (t == NULL) {
        t = calloc(1, sizeof(*t));
        if (t != NULL && pthread_setspecific(interps.key, t) != 0) {
            free(t);
            t = NULL;
        }
        this_thread = t;
    }
    return t;
}

/* Remembers tstate as this thread's for interp. */
static int add_slot(mp_thread *t, mp_interp *interp, PyThreadState *tstate)
{
    if (t->count == t->capacity) {
        int capacity = t->capacity ? 2 * t->capacity : 4;
        thread_slot *slots = realloc(t->slots, capacity * sizeof(*slots));

        if (slots == NULL) {
            return -1;
        }
        t->slots = slots;
        t->capacity = capacity;
    }
    t->slots[t->count].interp = interp;
    t->slots[t->count].tstate = tstate;
    t->count++;
    return 0;
}

static PyThreadState *find_tstate(mp_thread *t, mp_interp *interp)
{
    for (int i = 0; i < t->count; i++) {
        if (t->slots[i].interp == interp) {
            thread_slot found = t->slots[i];

            memmove(t->slots + 1, t->slots, i * sizeof(found));
            t->slots[0] = found;
            return found.tstate;
        }
    }
    return NULL;
}

/* Not that of the last time; made when missing. */
static PyThreadState *another_tstate(mp_thread *t, mp_interp *interp)
{
    PyThreadState *tstate = find_tstate(t, interp);

    if (tstate == NULL) {
        tstate = PyThreadState_New(interp->is);
        if (tstate != NULL && add_slot(t, interp, tstate) != 0) {
            /* cannot be deleted without the GIL: leaks, memory is out */
            return NULL;
        }
        mp_stats_add(&interp->stats->threads, tstate != NULL);
    }
    return tstate;
}

/* This thread's state for interp, made when missing. */
static inline PyThreadState *get_tstate(mp_thread *t, mp_interp *interp)
{
    return t->count > 0 && t->slots[0].interp == interp
               ? t->slots[0].tstate
               : another_tstate(t, interp);
}

/* The thread state that this thread is attached with, NULL when detached.
 * On 3.11 the "current" one may be that of another thread that holds the
 * GIL, so only ours count. */
static PyThreadState *attached_tstate(const mp_thread *t)
{
    PyThreadState *current = t->inside > 0 ? mp_compat_tstate() : NULL;

    if (current != NULL) {
        for (int i = 0; i < t->count; i++) {
            if (t->slots[i].tstate == current) {
                return current;
            }
        }
    }
    return NULL;
}

/* CPython changes the slot for PyGILState only when a thread state that is in
 * it goes, and ours stay. */
static inline void attach(mp_thread *t, PyThreadState *tstate)
{
    PyEval_RestoreThread(tstate);
    if (t->bound != tstate) {
        mp_compat_bind_gilstate(tstate);
        t->bound = tstate;
    }
}

/* Attaches for a new call. A GIL goes to any of those who wait for it, and
 * each of them has it let go every switch interval: while many wait, a few are
 * let near it at a time, in the order in which they came. (One at a time would
 * have every short call wait for a thread to wake up.) A pool has a queue of
 * its own. */
static void attach_in_turn(mp_thread *t, mp_interp *interp,
                           PyThreadState *tstate)
{
    const int others = mp_stats_add(&interp->stats->inside, 1);

    if (others >= NEAR_THE_GIL && !interp->own_gil) {
        mp_turns_take(&shared_gil);
        attach(t, tstate);
        mp_turns_give(&shared_gil);
    }
    else {
        attach(t, tstate);
    }
}

/* In the child of a fork() by Python: who took places is not there. */
static void renew_turns(void)
{
    shared_gil = (mp_turns)MP_TURNS_INIT(NEAR_THE_GIL);
}

/* Runs when a thread ends: gives its thread states back. */
static void thread_end(void *data)
{
    mp_thread *t = data;

    for (int i = 0;
         i < t->count
         && !__atomic_load_n(&interps.stopping, __ATOMIC_RELAXED);
         i++) {
        PyThreadState *tstate = t->slots[i].tstate;

        if (tstate != t->slots[i].interp->anchor) {
            t->inside++;
            attach(t, tstate);
            PyThreadState_Clear(tstate);
            PyThreadState_DeleteCurrent();
            t->inside--;
            mp_stats_add(&t->slots[i].interp->stats->threads, -1);
        }
    }
    this_thread = NULL;
    free(t->slots);
    free(t);
}

static void release_deferred(mp_interp *interp)
{
    deferred_node *node =
        __atomic_exchange_n((deferred_node **)&interp->deferred, NULL,
                            __ATOMIC_ACQUIRE);

    while (node != NULL) {
        deferred_node *next = node->next;

        Py_DECREF(node->object);
        free(node);
        node = next;
    }
}

void mp_interp_defer_decref(mp_interp *interp, PyObject *object)
{
    deferred_node *node = malloc(sizeof(*node));
    deferred_node **head = (deferred_node **)&interp->deferred;

    if (node == NULL) {
        return; /* leaks the object: memory is out, and we must not block */
    }
    node->object = object;
    node->next = __atomic_load_n(head, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(head, &node->next, node, 1,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

int mp_interp_enter(mp_interp *interp, mp_call *call, mp_entry *entry)
{
    mp_thread *t = get_thread();
    PyThreadState *tstate = t != NULL ? get_tstate(t, interp) : NULL;
    PyThreadState *current;

    if (tstate == NULL) {
        if (interp->pool != NULL) {
            mp_pool_entered(interp);
            mp_pool_left(interp);
        }
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, interps.server,
                     MP_LOGNO(0101) "out of memory for a thread state of "
                     "interpreter %s", interp->name);
        return -1;
    }
    current = attached_tstate(t);
    entry->interp = interp;
    entry->thread = t;
    entry->call = call;
    entry->outer = NULL;
    entry->tstate = NULL;
    if (current != tstate) {
        const uint64_t asked = mp_stats_now();

        if (current != NULL) {
            entry->outer = PyEval_SaveThread();
        }
        attach_in_turn(t, interp, tstate);
        t->inside++;
        entry->tstate = tstate;
        entry->began = mp_stats_now();
        mp_stats_add(&interp->stats->wait_ns, entry->began - asked);
        if (interp->pool != NULL) {
            mp_pool_entered(interp);
        }
    }
    if (call != NULL) {
        call->outer = t->call;
        t->call = call;
    }
    if (entry->tstate != NULL
        && __atomic_load_n(&interp->deferred, __ATOMIC_RELAXED) != NULL) {
        release_deferred(interp);
    }
    return 0;
}

void mp_interp_leave(mp_entry *entry)
{
    if (entry->call != NULL) {
        entry->thread->call = entry->call->outer;
    }
    if (entry->tstate != NULL) {
        mp_stats *stats = entry->interp->stats;

        mp_stats_add(&stats->run_ns, mp_stats_now() - entry->began);
        mp_stats_add(&stats->inside, -1);
        entry->thread->inside--;
        PyEval_SaveThread();
        if (entry->interp->pool != NULL) {
            mp_pool_left(entry->interp);
        }
        if (entry->outer != NULL) {
            attach(entry->thread, entry->outer);
        }
    }
}

PyThreadState *mp_interp_detach(void)
{
    const mp_thread *t = get_thread();

    return t != NULL && attached_tstate(t) != NULL ? PyEval_SaveThread()
                                                   : NULL;
}

void mp_interp_reattach(PyThreadState *outer)
{
    if (outer != NULL) {
        attach(this_thread, outer); /* it was there to detach */
    }
}

mp_interp *mp_interp_attached(void)
{
    const mp_thread *t = this_thread;
    const PyThreadState *tstate = t != NULL ? attached_tstate(t) : NULL;

    for (int i = 0; tstate != NULL && i < t->count; i++) {
        if (t->slots[i].tstate == tstate) {
            return t->slots[i].interp;
        }
    }
    return NULL;
}

mp_interp *mp_interp_last_of(const mp_pool *pool)
{
    const mp_thread *t = this_thread;

    for (int i = 0; t != NULL && i < t->count; i++) {
        if (t->slots[i].interp->pool == pool) {
            return t->slots[i].interp;
        }
    }
    return NULL;
}

const void *mp_interp_thread(void)
{
    return get_thread();
}

mp_interp *mp_interp_main(void)
{
    return interps.main;
}

mp_call *mp_interp_current_call(void)
{
    return this_thread != NULL ? this_thread->call : NULL;
}

mp_interp *mp_interp_current(void)
{
    PyInterpreterState *is = PyInterpreterState_Get();
    mp_interp *interp;

    if (this_thread != NULL && this_thread->count > 0
        && this_thread->slots[0].interp->is == is) {
        return this_thread->slots[0].interp;
    }
    pthread_mutex_lock(&interps.table);
    interp = interps.first;
    while (interp != NULL && interp->is != is) {
        interp = interp->next;
    }
    pthread_mutex_unlock(&interps.table);
    return interp;
}

void mp_interp_raise_in(unsigned long thread, PyObject *exception)
{
    PyThreadState_SetAsyncExc(thread, exception);
}

/* The calls of a thread, the innermost first; releases frame. */
static PyObject *calls_of(PyFrameObject *frame)
{
    PyObject *calls = PyList_New(0);

    while (frame != NULL && calls != NULL) {
        PyFrameObject *back = PyFrame_GetBack(frame);
        PyCodeObject *code = PyFrame_GetCode(frame);
        PyObject *one =
            Py_BuildValue("(OiO)", code->co_filename,
                          PyFrame_GetLineNumber(frame), code->co_qualname);

        if (one == NULL || PyList_Append(calls, one) != 0) {
            Py_CLEAR(calls);
        }
        Py_XDECREF(one);
        Py_DECREF(code);
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    return calls;
}

/* The threads stand still: they need the GIL that we hold. (faulthandler does
 * not load in interpreters with a GIL of their own, sys._current_frames()
 * looks into other interpreters, whose threads do not stand still.) */
PyObject *mp_interp_stacks(void)
{
    PyInterpreterState *is = PyInterpreterState_Get();
    PyObject *stacks = PyList_New(0);

    for (PyThreadState *tstate = PyInterpreterState_ThreadHead(is);
         tstate != NULL && stacks != NULL;
         tstate = PyThreadState_Next(tstate)) {
        PyFrameObject *frame = PyThreadState_GetFrame(tstate);
        PyObject *one;

        if (frame == NULL) {
            continue;
        }
        one = Py_BuildValue("(kN)", tstate->thread_id, calls_of(frame));
        if (one == NULL || PyList_Append(stacks, one) != 0) {
            Py_CLEAR(stacks);
        }
        Py_XDECREF(one);
    }
    return stacks;
}

void mp_interp_set_bootstrap(mp_interp_bootstrap_fn fn)
{
    interps.bootstrap = fn;
}

/* Adds an interpreter made with the thread state that is attached now. */
static mp_interp *add_interp(const char *name)
{
    mp_thread *t = get_thread();
    mp_interp *interp = calloc(1, sizeof(*interp));
    char *copy = strdup(name);

    if (t == NULL || interp == NULL || copy == NULL) {
        free(interp);
        free(copy);
        return NULL;
    }
    interp->name = copy;
    interp->anchor = PyThreadState_Get();
    interp->is = PyThreadState_GetInterpreter(interp->anchor);
    if (add_slot(t, interp, interp->anchor) != 0) {
        free(interp);
        free(copy);
        return NULL;
    }
    return interp;
}

static void publish(mp_interp *interp)
{
    pthread_mutex_lock(&interps.table);
    interp->next = interps.first;
    interps.first = interp;
    pthread_mutex_unlock(&interps.table);
}

int mp_interp_start(server_rec *s)
{
    if (pthread_mutex_init(&interps.table, NULL) != 0
        || pthread_key_create(&interps.key, thread_end) != 0
        || pthread_atfork(NULL, NULL, renew_turns) != 0) {
        return -1;
    }
    interps.server = s;
    interps.main = add_interp(MP_MAIN_INTERPRETER);
    if (interps.main == NULL) {
        return -1;
    }
    interps.main->is_main = 1;
    interps.main->stats = mp_stats_claim(MP_MAIN_INTERPRETER, 0, 0);
    interps.main->stats->threads = 1;
    publish(interps.main);
    return 0;
}

void mp_interp_stop(void)
{
    __atomic_store_n(&interps.stopping, 1, __ATOMIC_RELAXED);
}

mp_interp *mp_interp_make(const char *name, int number, int own_gil,
                          mp_pool *pool)
{
    mp_thread *t = get_thread();
    PyThreadState *main = t != NULL ? get_tstate(t, interps.main) : NULL;
    mp_interp *interp = NULL;

    if (main != NULL) {
        t->inside++;
        attach(t, main);
        if (mp_compat_new_interp(own_gil) != NULL) {
            t->bound = PyThreadState_Get();
            mp_compat_bind_gilstate(t->bound);
            interp = add_interp(name);
        }
        t->inside--;
        PyEval_SaveThread();
    }
    if (interp == NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, interps.server,
                     MP_LOGNO(0102) "cannot make interpreter %s", name);
        return NULL;
    }
    interp->number = number;
    interp->own_gil = own_gil;
    interp->pool = pool;
    interp->stats = mp_stats_claim(name, number, own_gil);
    interp->stats->threads = 1;
    publish(interp);
    return interp;
}

int mp_interp_bootstrap(mp_interp *interp)
{
    mp_call call = {.s = interps.server,
                    .interp_name = interp->name,
                    .phase = MP_PHASE_NONE};
    mp_entry entry;

    if (mp_interp_enter(interp, &call, &entry) != 0) {
        return -1;
    }
    if (interps.bootstrap(interp, interps.server) == 0) {
        __atomic_store_n(&interp->ready, 1, __ATOMIC_RELEASE);
    }
    mp_interp_leave(&entry);
    return interp->ready ? 0 : -1;
}

void mp_interp_each(void (*fn)(mp_interp *interp, void *baton), void *baton)
{
    mp_interp *interp;

    pthread_mutex_lock(&interps.table);
    interp = interps.first; /* only ever prepended to */
    pthread_mutex_unlock(&interps.table);
    for (; interp != NULL; interp = interp->next) {
        mp_call call = {.s = interps.server,
                        .interp_name = interp->name,
                        .phase = MP_PHASE_NONE};
        mp_entry entry;

        if (__atomic_load_n(&interp->ready, __ATOMIC_ACQUIRE)
            && mp_interp_enter(interp, &call, &entry) == 0) {
            fn(interp, baton);
            mp_interp_leave(&entry);
        }
    }
}
