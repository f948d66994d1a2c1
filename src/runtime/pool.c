/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Names and their interpreters; the queue of those who wait for one of
 * several.
 *
 * Locks: `making` is held while an interpreter is made and bootstrapped (long,
 * and waited for without a GIL), `table` and each pool's own for a few
 * instructions. */
#include "runtime/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/compat.h"

#include "core/log.h"
#include "runtime/python.h"

/* Nobody tells when a handler gives its GIL away to wait for something: the
 * first of the queue looks, so many times while it waits, with these bounds
 * in microseconds. */
#define LOOKS 8
#define MIN_LOOK 100
#define MAX_LOOK 1000

/* Code at the head of a module may take its time; others then go on. */
#define IMPORT_WAIT_SECONDS 10

struct mp_stay {
    const mp_pool *pool;
    mp_interp *interp;
    mp_stay *next;
};

/* Somebody who waits, on its own stack. */
typedef struct waiter {
    pthread_cond_t turn; /* it is the first now, or something was freed */
    struct waiter *next;
} waiter;

struct mp_pool {
    const char *name;     /* I: */
    mp_pool *next;        /* L: table */
    int own_gil;          /* I: */
    int size;             /* I: instances it may have */
    pthread_mutex_t lock;
    int making;           /* L: lock: somebody makes another instance */
    waiter *first;        /* L: lock */
    int waiting;          /* atomic: whether there is a first */
    mp_interp *instances[]; /* atomic; NULL: not made yet, and perhaps not
                               ready. The first ones are made first */
};

static struct {
    pthread_mutex_t making; /* recursive */
    pthread_mutex_t importing; /* recursive */
    pthread_mutex_t table;
    pthread_condattr_t clock; /* I: conditions by the monotonic clock */
    mp_pool *first;         /* L: table */
    server_rec *server;     /* I: the base server */
    apr_interval_time_t patience; /* I: how long the first waiter waits */
    apr_interval_time_t look; /* I: how often it looks */
} pools;

int mp_pool_start(server_rec *s)
{
    pthread_mutexattr_t attr;
    int rc;

    pools.server = s;
    pools.patience = mp_config_switch_interval(s);
    pools.look = pools.patience / LOOKS;
    pools.look = pools.look < MIN_LOOK   ? MIN_LOOK
                 : pools.look > MAX_LOOK ? MAX_LOOK
                                         : pools.look;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    rc = pthread_mutex_init(&pools.making, &attr) != 0
         || pthread_mutex_init(&pools.importing, &attr) != 0
         || pthread_mutex_init(&pools.table, NULL) != 0
         || pthread_condattr_init(&pools.clock) != 0
         || pthread_condattr_setclock(&pools.clock, CLOCK_MONOTONIC) != 0;
    pthread_mutexattr_destroy(&attr);
    return rc ? -1 : 0;
}

/* ---- names ---- */

static mp_pool *new_pool(const char *name)
{
    const mp_interp_conf *conf = mp_config_interp(pools.server, name);
    int size = conf != NULL ? conf->instances : 1;
    mp_pool *pool =
        calloc(1, sizeof(*pool) + size * sizeof(pool->instances[0]));
    char *copy = strdup(name);

    if (pool == NULL || copy == NULL
        || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        free(copy);
        return NULL;
    }
    pool->name = copy;
    pool->own_gil = conf != NULL && conf->own_gil;
    pool->size = size;
    return pool;
}

/* What name stands for. @return NULL after logging */
static mp_pool *find_pool(const char *name)
{
    mp_pool *pool;

    pthread_mutex_lock(&pools.table);
    pool = pools.first;
    while (pool != NULL && strcmp(pool->name, name) != 0) {
        pool = pool->next;
    }
    if (pool == NULL) {
        pool = new_pool(name);
        if (pool != NULL) {
            pool->next = pools.first;
            pools.first = pool;
        }
    }
    pthread_mutex_unlock(&pools.table);
    if (pool == NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, pools.server,
                     MP_LOGNO(0103) "out of memory for the name of "
                     "interpreter %s", name);
    }
    return pool;
}

/* ---- making ---- */

/* The base server's name is another one for the main interpreter, unless
 * there are options for it. */
static int is_main(const mp_pool *pool)
{
    const char *base = pools.server->server_hostname;

    return strcmp(pool->name, MP_MAIN_INTERPRETER) == 0
           || (base != NULL && strcmp(pool->name, base) == 0
               && mp_config_interp(pools.server, base) == NULL);
}

/* NULL: not yet */
static mp_interp *ready_instance(const mp_pool *pool, int number)
{
    mp_interp *interp =
        __atomic_load_n(&pool->instances[number], __ATOMIC_ACQUIRE);

    return interp != NULL && __atomic_load_n(&interp->ready, __ATOMIC_ACQUIRE)
               ? interp
               : NULL;
}

/* Detached. One that cannot be bootstrapped stays and is tried again. */
static mp_interp *make_ready(mp_pool *pool, int number)
{
    mp_interp *interp;

    pthread_mutex_lock(&pools.making);
    interp = pool->instances[number];
    if (interp == NULL) {
        interp = is_main(pool)
                     ? mp_interp_main()
                     : mp_interp_make(pool->name, number, pool->own_gil,
                                      pool->size > 1 ? pool : NULL);
        __atomic_store_n(&pool->instances[number], interp, __ATOMIC_RELEASE);
    }
    if (interp != NULL && !interp->ready
        && mp_interp_bootstrap(interp) != 0) {
        interp = NULL;
    }
    pthread_mutex_unlock(&pools.making);
    return interp;
}

/* The same, detached or attached, only if it is not ready. */
static mp_interp *get_instance(mp_pool *pool, int number)
{
    mp_interp *interp = ready_instance(pool, number);

    if (interp == NULL) {
        PyThreadState *outer = mp_interp_detach();

        interp = make_ready(pool, number);
        mp_interp_reattach(outer);
    }
    return interp;
}

/* ---- choosing one of several; the pool's lock is held ---- */

static int is_free(mp_interp *interp)
{
    return __atomic_load_n(&interp->claimant, __ATOMIC_ACQUIRE) == NULL
           && !mp_compat_gil_held(interp->is);
}

/* On a tie the one that this thread was in last: what it needs is near.
 * @param only_free NULL when there is none nobody runs Python in */
static mp_interp *least_loaded(const mp_pool *pool, int only_free)
{
    const mp_interp *last = mp_interp_last_of(pool);
    mp_interp *best = NULL;
    int least = 0;

    for (int i = 0; i < pool->size; i++) {
        mp_interp *interp = ready_instance(pool, i);
        int load;

        if (interp == NULL || (only_free && !is_free(interp))) {
            continue;
        }
        load = __atomic_load_n(&interp->load, __ATOMIC_RELAXED);
        if (best == NULL || load < least
            || (load == least && interp == last)) {
            best = interp;
            least = load;
        }
    }
    return best;
}

/* Takes interp until this thread has attached to it. @return 0: it is taken */
static int claim(mp_interp *interp)
{
    const void *nobody = NULL;

    return __atomic_compare_exchange_n(&interp->claimant, &nobody,
                                       mp_interp_thread(), 0,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static mp_interp *take_free(const mp_pool *pool)
{
    mp_interp *interp;

    do {
        interp = least_loaded(pool, 1);
    } while (interp != NULL && !claim(interp));
    return interp;
}

static apr_time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return apr_time_from_sec(time.tv_sec) + time.tv_nsec / 1000;
}

/* Sleeps until somebody leaves an instance, for a moment at most. */
static void wait_a_moment(mp_pool *pool, waiter *me)
{
    apr_time_t end = now() + pools.look;
    struct timespec until = {.tv_sec = apr_time_sec(end),
                             .tv_nsec = apr_time_usec(end) * 1000};

    pthread_cond_timedwait(&me->turn, &pool->lock, &until);
}

/* Detached. Joins the end of the queue. */
static mp_interp *wait_for_turn(mp_pool *pool)
{
    waiter me = {.next = NULL};
    waiter **end = &pool->first;
    mp_interp *interp;
    apr_time_t deadline;

    if (pthread_cond_init(&me.turn, &pools.clock) != 0) {
        return least_loaded(pool, 0);
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = &me;
    __atomic_store_n(&pool->waiting, 1, __ATOMIC_SEQ_CST);
    while (pool->first != &me) {
        pthread_cond_wait(&me.turn, &pool->lock);
    }
    deadline = now() + pools.patience;
    while ((interp = take_free(pool)) == NULL) {
        if (now() >= deadline) {
            interp = least_loaded(pool, 0);
            break;
        }
        wait_a_moment(pool, &me);
    }
    pool->first = me.next;
    if (pool->first != NULL) {
        pthread_cond_signal(&pool->first->turn);
    }
    else {
        __atomic_store_n(&pool->waiting, 0, __ATOMIC_SEQ_CST);
    }
    pthread_cond_destroy(&me.turn);
    return interp;
}

/* All that exist are busy: one thread makes another. Detached; the lock is
 * released meanwhile. */
static void make_another(mp_pool *pool)
{
    int number = 0;

    while (number < pool->size && ready_instance(pool, number) != NULL) {
        number++;
    }
    if (number == pool->size || pool->making) {
        return;
    }
    pool->making = 1;
    pthread_mutex_unlock(&pool->lock);
    make_ready(pool, number); /* if not, the others must do */
    pthread_mutex_lock(&pool->lock);
    pool->making = 0;
}

/* What most get: nobody waits, and the instance that this thread was in last
 * is empty, so none has less load. Without the lock. */
static mp_interp *take_last(const mp_pool *pool)
{
    mp_interp *interp = mp_interp_last_of(pool);

    return interp != NULL
                   && !__atomic_load_n(&pool->waiting, __ATOMIC_SEQ_CST)
                   && __atomic_load_n(&interp->load, __ATOMIC_RELAXED) == 0
                   && is_free(interp) && claim(interp)
               ? interp
               : NULL;
}

static mp_interp *choose(mp_pool *pool)
{
    mp_interp *interp = mp_interp_attached();
    PyThreadState *outer = NULL;

    if (interp != NULL && interp->pool == pool) {
        return interp; /* a call inside a call */
    }
    interp = take_last(pool);
    if (interp != NULL) {
        return interp;
    }
    if (get_instance(pool, 0) == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&pool->lock);
    interp = pool->first == NULL ? take_free(pool) : NULL;
    if (interp == NULL) {
        outer = mp_interp_detach();
        make_another(pool);
        interp = wait_for_turn(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    mp_interp_reattach(outer);
    return interp;
}

void mp_pool_entered(mp_interp *interp)
{
    __atomic_fetch_add(&interp->load, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&interp->claimant, __ATOMIC_RELAXED)
        == mp_interp_thread()) {
        __atomic_store_n(&interp->claimant, NULL, __ATOMIC_RELEASE);
    }
}

void mp_pool_left(mp_interp *interp)
{
    mp_pool *pool = interp->pool;

    __atomic_fetch_sub(&interp->load, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&pool->waiting, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&pool->lock);
        if (pool->first != NULL) {
            pthread_cond_signal(&pool->first->turn);
        }
        pthread_mutex_unlock(&pool->lock);
    }
}

/* ---- for the rest of the module ---- */

static mp_interp *instance_of(mp_pool *pool, mp_stays *stays)
{
    mp_stay *stay;
    mp_interp *interp;

    if (pool->size == 1) {
        return get_instance(pool, 0);
    }
    for (stay = stays != NULL ? stays->first : NULL; stay != NULL;
         stay = stay->next) {
        if (stay->pool == pool) {
            return stay->interp;
        }
    }
    interp = choose(pool);
    if (interp != NULL && stays != NULL) {
        stay = apr_palloc(stays->p, sizeof(*stay));
        stay->pool = pool;
        stay->interp = interp;
        stay->next = stays->first;
        stays->first = stay;
    }
    return interp;
}

mp_interp *mp_pool_get(const char *name, mp_stays *stays)
{
    mp_pool *pool;

    if (!mp_python_started()) {
        return NULL; /* logged when it failed to start */
    }
    pool = find_pool(name);
    return pool != NULL ? instance_of(pool, stays) : NULL;
}

mp_interp *mp_pool_of(const mp_interp_ref *ref, mp_stays *stays)
{
    mp_pool *pool = __atomic_load_n(&ref->record, __ATOMIC_ACQUIRE);
    mp_interp *interp;

    if (pool == NULL) {
        if (!mp_python_started() || (pool = find_pool(ref->name)) == NULL) {
            return NULL;
        }
        /* the configuration is this child's own copy by now */
        __atomic_store_n(&((mp_interp_ref *)ref)->record, (void *)pool,
                         __ATOMIC_RELEASE);
    }
    interp = instance_of(pool, stays);
    if (interp != NULL && pool->size == 1) {
        __atomic_store_n(&((mp_interp_ref *)ref)->only, (void *)interp,
                         __ATOMIC_RELEASE);
    }
    return interp;
}

mp_interp *mp_pool_instance(const char *name, int number, int make)
{
    mp_pool *pool = mp_python_started() ? find_pool(name) : NULL;

    if (pool == NULL || number >= pool->size) {
        return NULL;
    }
    return make ? get_instance(pool, number) : ready_instance(pool, number);
}

int mp_pool_size(const mp_interp *interp)
{
    return interp->pool != NULL ? interp->pool->size : 1;
}

int mp_pool_begin_import(const mp_interp *interp)
{
    struct timespec until;
    int rc;

    if (!interp->own_gil) {
        return 0;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += IMPORT_WAIT_SECONDS;
    Py_BEGIN_ALLOW_THREADS
    rc = pthread_mutex_timedlock(&pools.importing, &until);
    Py_END_ALLOW_THREADS
    return rc == 0;
}

void mp_pool_end_import(void)
{
    pthread_mutex_unlock(&pools.importing);
}
