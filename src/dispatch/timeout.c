/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* One thread for each child watches the calls that have a time limit. It is
 * made with the first of them.
 *
 * The mutex guards the list of calls and is held for a few instructions: a
 * handler's thread takes it with a GIL held, so the watching thread never
 * waits for a GIL while it has it. An exception is set with both, hence never
 * in a call that is over. */
#include "dispatch/timeout.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include <apr_strings.h>
#include <http_main.h>

#include "core/log.h"
#include "core/phase.h"
#include "core/thread.h"
#include "runtime/error.h"
#include "runtime/interp.h"

/* How long after the exception it is said that a call still runs, at least. */
#define PATIENCE apr_time_from_sec(1)

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* on the monotonic clock */
    mp_timed *first;
    unsigned long serial;
    int running;            /* the thread was made */
    int stopping;
} watch = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* What is said about a call, copied: it may end at any moment. */
typedef struct notice {
    server_rec *s;
    mp_interp *interp;
    unsigned long serial;
    unsigned long thread;
    int fired;
    char limit[32]; /* seconds */
    double since;
    char title[256]; /* "PythonHandler module::object" */
    char what[512];  /* "GET /path" */
} notice;

static apr_time_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return apr_time_from_sec(ts.tv_sec) + ts.tv_nsec / 1000;
}

/* The call with the next deadline, NULL: none has one. */
static mp_timed *earliest(void)
{
    mp_timed *found = NULL;

    for (mp_timed *one = watch.first; one != NULL; one = one->next) {
        if (one->deadline != 0
            && (found == NULL || one->deadline < found->deadline)) {
            found = one;
        }
    }
    return found;
}

static mp_timed *find(unsigned long serial)
{
    mp_timed *one = watch.first;

    while (one != NULL && one->serial != serial) {
        one = one->next;
    }
    return one;
}

/* Under the mutex, so that the request is there. */
static void describe(notice *about, const mp_timed *timed)
{
    const mp_call *call = timed->call;

    about->s = call->s != NULL ? call->s : ap_server_conf;
    about->interp = timed->state->interp;
    about->serial = timed->serial;
    about->thread = timed->thread;
    about->fired = timed->fired;
    /* APR's own %g leaves out the 0 of 0.5 */
    snprintf(about->limit, sizeof(about->limit), "%g",
             (double)timed->limit / APR_USEC_PER_SEC);
    about->since = (double)(now() - timed->begin) / APR_USEC_PER_SEC;
    apr_snprintf(about->title, sizeof(about->title), "%s %s",
                 call->phase != MP_PHASE_NONE
                     ? mp_phases[call->phase].directive
                     : "Python",
                 call->handler != NULL ? call->handler->spec : "handler");
    if (call->r != NULL) {
        apr_snprintf(about->what, sizeof(about->what), "%s %s",
                     call->r->method != NULL ? call->r->method : "-",
                     call->r->uri != NULL ? call->r->uri : "-");
    }
    else {
        apr_snprintf(about->what, sizeof(about->what), "a connection from %s",
                     call->c != NULL ? call->c->client_ip : "nobody");
    }
}

/* Where the threads of the interpreter were (NULL: an exception tells why
 * nobody knows), in the log. Attached. */
static void log_stacks(const notice *about, PyObject *stacks)
{
    PyObject *package =
        stacks != NULL ? PyImport_ImportModule("mod_python._stacks") : NULL;
    PyObject *result =
        package != NULL ? PyObject_CallMethod(package, "log", "skO",
                                              about->title, about->thread,
                                              stacks)
                        : NULL;

    if (result == NULL) {
        mp_error_log_exception(MP_LOGNO(0372) "the stacks of the threads "
                               "cannot be shown");
    }
    Py_XDECREF(result);
    Py_XDECREF(package);
}

/* Raises the exception in the call, unless it is over by now. Attached. */
static void raise_in_call(const notice *about)
{
    mp_timed *timed;

    pthread_mutex_lock(&watch.mutex);
    timed = find(about->serial);
    if (timed != NULL && !watch.stopping) {
        timed->fired = 1;
        mp_interp_raise_in(timed->thread, timed->state->handler_timeout);
    }
    pthread_mutex_unlock(&watch.mutex);
}

/* The limit is over. The first line comes before anything that needs the
 * GIL: C code that keeps it stops us too. */
static void expire(const notice *about)
{
    mp_call call = {.s = about->s, .interp_name = about->interp->name,
                    .phase = MP_PHASE_NONE};
    mp_entry entry;

    ap_log_error(APLOG_MARK, APLOG_ERR, 0, about->s,
                 MP_LOGNO(0370) "%s: runs longer than PythonHandlerTimeout "
                 "%s (%s): HandlerTimeout is raised in thread 0x%016lx",
                 about->title, about->limit, about->what, about->thread);
    if (mp_interp_enter(about->interp, &call, &entry) == 0) {
        /* first, as the exception changes the picture at once */
        PyObject *stacks = mp_interp_stacks();

        raise_in_call(about);
        log_stacks(about, stacks);
        Py_XDECREF(stacks);
        mp_interp_leave(&entry);
    }
}

/* The exception has not ended it. */
static void complain(const notice *about)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, about->s,
                 MP_LOGNO(0371) "%s: still runs after %.1f s (%s) in thread "
                 "0x%016lx: it waits or works in C code, or has caught "
                 "HandlerTimeout",
                 about->title, about->since, about->what, about->thread);
}

/* With the mutex; without it while something is done. */
static void handle(mp_timed *timed)
{
    notice about;

    describe(&about, timed);
    if (timed->fired) {
        timed->deadline = 0;
    }
    else {
        timed->deadline = now()
                          + (timed->limit > PATIENCE ? timed->limit
                                                     : PATIENCE);
    }
    pthread_mutex_unlock(&watch.mutex);
    if (about.fired) {
        complain(&about);
    }
    else {
        expire(&about);
    }
    pthread_mutex_lock(&watch.mutex);
}

static void *run(void *data)
{
    (void)data;
    pthread_mutex_lock(&watch.mutex);
    while (!watch.stopping) {
        mp_timed *timed = earliest();

        if (timed == NULL) {
            pthread_cond_wait(&watch.changed, &watch.mutex);
        }
        else if (timed->deadline > now()) {
            const struct timespec until = {
                .tv_sec = apr_time_sec(timed->deadline),
                .tv_nsec = apr_time_usec(timed->deadline) * 1000,
            };
            pthread_cond_timedwait(&watch.changed, &watch.mutex, &until);
        }
        else {
            handle(timed);
        }
    }
    pthread_mutex_unlock(&watch.mutex);
    return NULL;
}

/* With the mutex. @return 0 or -1 */
static int start(void)
{
    if (mp_thread_make_condition(&watch.changed) != 0) {
        return -1;
    }
    if (mp_thread_start(run, NULL) != 0) {
        pthread_cond_destroy(&watch.changed);
        return -1;
    }
    watch.running = 1;
    return 0;
}

void mp_timeout_begin(mp_timed *timed, mp_state *state,
                      apr_interval_time_t limit)
{
    int failed;

    timed->state = state;
    timed->call = mp_interp_current_call();
    timed->thread = PyThread_get_thread_ident();
    timed->limit = limit;
    timed->begin = now();
    timed->deadline = timed->begin + limit;
    timed->fired = 0;
    pthread_mutex_lock(&watch.mutex);
    failed = !watch.running && start() != 0;
    if (!failed) {
        const mp_timed *next = earliest();

        timed->serial = ++watch.serial;
        timed->next = watch.first;
        watch.first = timed;
        if (next == NULL || timed->deadline < next->deadline) {
            pthread_cond_signal(&watch.changed);
        }
    }
    pthread_mutex_unlock(&watch.mutex);
    if (failed) {
        timed->state = NULL;
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, ap_server_conf,
                     MP_LOGNO(0373) "no thread for PythonHandlerTimeout: "
                     "handlers run without a limit");
    }
}

void mp_timeout_end(mp_timed *timed)
{
    mp_timed **place = &watch.first;

    if (timed->state == NULL) {
        return;
    }
    pthread_mutex_lock(&watch.mutex);
    while (*place != timed) {
        place = &(*place)->next;
    }
    *place = timed->next;
    pthread_mutex_unlock(&watch.mutex);
    if (timed->fired) {
        /* not for whatever runs next in this thread */
        mp_interp_raise_in(timed->thread, NULL);
    }
}

void mp_timeout_stop(void)
{
    pthread_mutex_lock(&watch.mutex);
    watch.stopping = 1;
    if (watch.running) {
        pthread_cond_signal(&watch.changed);
    }
    pthread_mutex_unlock(&watch.mutex);
}
