/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The promises to flush of a child, and the thread that keeps them.
 *
 * Why it is safe to send for a request from another thread than its own: a
 * promise is made by a content handler and taken back before it returns, so
 * that thread is inside Python code or inside a call of ours. The flusher holds
 * the interpreter all the time, so nobody runs Python code; calls of ours that
 * have let go of it are told by mp_request.busy, mp_call.away and
 * mp_reqctx.io_owner, and are left alone. Sending with an interpreter held must
 * not block: only filters known not to are in the way, and the socket has room
 * for all that is pending.
 *
 * The lock is held for a few instructions, never while waiting for an
 * interpreter. A tick passes between the promise and its keeping, so
 * promises that end sooner cost no system call; the flusher sleeps when there
 * were none for a while. */
#include "objects/promise.h"

#include <pthread.h>
#include <strings.h>
#include <time.h>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <apr_portable.h>
#include <http_core.h>
#include <util_filter.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "core/thread.h"
#include "objects/request_io.h"

/* Promises are kept in the second tick after they were made. */
#define TICK_NS 2000000L
/* So many ticks without one, and the flusher sleeps until there is one. */
#define IDLE_TICKS 50
/* How long a child that exits waits for the flusher to end. */
#define STOP_NS 200000000L
/* What the headers and TLS add to the data, at most, more or less. */
#define OVERHEAD 4096

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;    /* the flusher's: something to do, or the end */
    pthread_cond_t changed; /* a promise was kept, the flusher has ended */
    mp_promise *first;      /* L: */
    unsigned tick;          /* L: counts */
    unsigned made;          /* L: promises, counts */
    int running;            /* L: the thread */
    int sleeping;           /* L: it waits for the first promise */
    int failed;             /* L: there can be no thread */
    atomic_int stopping;
} flusher = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Filters that neither block by themselves nor run Python code. Those of a
 * plain response come first. */
static const char *const harmless_names[] = {
    "content_length", "byterange", "http_header", "http_outerror", "core",
    "reqtimeout", "log_input_output", "chunk", "ssl/tls filter",
    "ssl/tls coalescing filter", "deflate", "brotli_compress",
    "fixup_headers_out", "fixup_headers_err", "mod_expires",
};
#define HARMLESS (sizeof(harmless_names) / sizeof(harmless_names[0]))

/* mod_filter's name for AddOutputFilterByType, before that of the filter. */
#define BY_TYPE "BYTYPE:"

/* The same as httpd knows them, I: in post_config; NULL: not loaded. */
static const ap_filter_rec_t *harmless[HARMLESS];

void mp_promise_post_config(void)
{
    for (size_t i = 0; i < HARMLESS; i++) {
        harmless[i] = ap_get_output_filter_handle(harmless_names[i]);
    }
}

/* ---- may it be promised? ---- */

static int is_harmless(const ap_filter_t *f)
{
    for (size_t i = 0; i < HARMLESS; i++) {
        if (f->frec == harmless[i]) {
            return 1;
        }
    }
    if (strncasecmp(f->frec->name, BY_TYPE, sizeof(BY_TYPE) - 1) == 0) {
        const char *name = f->frec->name + sizeof(BY_TYPE) - 1;

        for (size_t i = 0; i < HARMLESS; i++) {
            if (strcasecmp(name, harmless_names[i]) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static int socket_of(const conn_rec *c)
{
    apr_socket_t *s = ap_get_conn_socket((conn_rec *)c);
    apr_os_sock_t fd = -1;

    return s != NULL && apr_os_sock_get(&fd, s) == APR_SUCCESS ? fd : -1;
}

/* Is it for a content handler of a request of its own that runs in this very
 * thread, straight to the client? What stays the same for the request. */
static int is_possible(const mp_request *self)
{
    const request_rec *r = self->r;
    const ap_filter_t *f = r->output_filters;
    mp_promise *promise = &self->ctx->promise;

    if (r->main != NULL || r->prev != NULL || r->connection->master != NULL) {
        return 0;
    }
    while (f != NULL && is_harmless(f)) {
        f = f->next;
    }
    promise->fd = f == NULL ? socket_of(r->connection) : -1;
    return promise->fd >= 0;
}

/* Will the kernel take it all now? */
static int has_room(const mp_promise *promise)
{
#ifdef SIOCOUTQ
    int size = 0;
    int queued = 0;
    socklen_t length = sizeof(size);

    if (getsockopt(promise->fd, SOL_SOCKET, SO_SNDBUF, &size, &length) != 0
        || ioctl(promise->fd, SIOCOUTQ, &queued) != 0) {
        return 0;
    }
    return queued == 0
           || queued + atomic_load(&promise->size) + OVERHEAD < size / 2;
#else
    (void)promise;
    return 0;
#endif
}

/* ---- the list, with the lock held ---- */

static void enlist(mp_promise *promise)
{
    promise->previous = NULL;
    promise->next = flusher.first;
    if (flusher.first != NULL) {
        flusher.first->previous = promise;
    }
    flusher.first = promise;
    promise->tick = flusher.tick;
    promise->tried = flusher.tick;
    flusher.made++;
    atomic_store(&promise->state, MP_PROMISE_MADE);
}

static void strike(mp_promise *promise)
{
    if (promise->previous != NULL) {
        promise->previous->next = promise->next;
    }
    else {
        flusher.first = promise->next;
    }
    if (promise->next != NULL) {
        promise->next->previous = promise->previous;
    }
    atomic_store(&promise->state, MP_PROMISE_NONE);
}

/* ---- the thread ---- */

/* The next one to keep in this tick, of this interpreter or (NULL) any. */
static mp_promise *next_due(const mp_interp *interp)
{
    mp_promise *promise = flusher.first;

    while (promise != NULL
           && (promise->tried == flusher.tick
               || flusher.tick - promise->tick < 2
               || (interp != NULL && promise->interp != interp)
               || !has_room(promise))) {
        promise = promise->next;
    }
    return promise;
}

/* Keeps those of one interpreter; the lock is held before and after.
 * @return 0, or -1: there is no way in now */
static int keep_for(mp_interp *interp)
{
    mp_promise *promise;
    mp_entry entry;
    int rc;

    pthread_mutex_unlock(&flusher.lock);
    rc = mp_interp_enter(interp, NULL, &entry);
    pthread_mutex_lock(&flusher.lock);
    if (rc != 0) {
        return -1;
    }
    while (!atomic_load(&flusher.stopping)
           && (promise = next_due(interp)) != NULL) {
        int kept;

        promise->tried = flusher.tick;
        atomic_store(&promise->state, MP_PROMISE_KEEPING);
        pthread_mutex_unlock(&flusher.lock);
        kept = mp_output_keep_promise(promise->ctx);
        pthread_mutex_lock(&flusher.lock);
        if (kept) {
            strike(promise);
        }
        else {
            atomic_store(&promise->state, MP_PROMISE_MADE);
        }
        pthread_cond_broadcast(&flusher.changed);
    }
    pthread_mutex_unlock(&flusher.lock);
    mp_interp_leave(&entry);
    pthread_mutex_lock(&flusher.lock);
    return 0;
}

/* Keeps all that are due. Some may be made and others taken back while it
 * waits for an interpreter. */
static void keep_all(void)
{
    mp_promise *promise;

    flusher.tick++;
    while (!atomic_load(&flusher.stopping)
           && (promise = next_due(NULL)) != NULL
           && keep_for(promise->interp) == 0) {
    }
}

static void wait_at_most(pthread_cond_t *cond, long ns)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ns;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(cond, &flusher.lock, &until);
}

/* Until the next tick, or until there is something to do. */
static void rest(int idle_ticks)
{
    if (idle_ticks < IDLE_TICKS) {
        wait_at_most(&flusher.wake, TICK_NS);
        return;
    }
    flusher.sleeping = 1;
    while (flusher.first == NULL && !atomic_load(&flusher.stopping)) {
        pthread_cond_wait(&flusher.wake, &flusher.lock);
    }
    flusher.sleeping = 0;
}

static void *run(void *unused)
{
    int idle_ticks = 0;
    unsigned seen = 0;
    (void)unused;

    pthread_mutex_lock(&flusher.lock);
    while (!atomic_load(&flusher.stopping)) {
        rest(idle_ticks);
        keep_all();
        if (flusher.made == seen && flusher.first == NULL) {
            idle_ticks++;
        }
        else {
            idle_ticks = 0;
        }
        seen = flusher.made;
    }
    flusher.running = 0;
    pthread_cond_broadcast(&flusher.changed);
    pthread_mutex_unlock(&flusher.lock);
    return NULL;
}

/* On first need, with the lock held. @return 0 or -1 */
static int start(void)
{
    if (flusher.running) {
        return 0;
    }
    if (flusher.failed || atomic_load(&flusher.stopping)) {
        return -1;
    }
    flusher.failed = mp_thread_make_condition(&flusher.wake) != 0
                     || mp_thread_make_condition(&flusher.changed) != 0
                     || mp_thread_start(run, NULL) != 0;
    flusher.running = !flusher.failed;
    return flusher.failed ? -1 : 0;
}

/* ---- for handlers' threads ---- */

int mp_promise_make(const mp_request *self, apr_size_t size)
{
#ifdef Py_GIL_DISABLED /* holding an interpreter keeps nobody out there */
    (void)self;
    (void)size;
    return 0;
#else
    mp_promise *promise = &self->ctx->promise;
    const mp_call *call = mp_interp_current_call();
    int rc;

    if (self->r->connection->data_in_output_filters) {
        return 0; /* of which nobody knows how much */
    }
    atomic_store(&promise->size, (long)(self->ctx->out_length + size));
    if (atomic_load(&promise->state) == MP_PROMISE_MADE) {
        return 1;
    }
    /* busy: a method that goes on after this one would keep the flusher out */
    if (call == NULL || call->r != self->r || self->busy != 1
        || call->phase != MP_PHASE_HANDLER) {
        return 0;
    }
    if (promise->verdict == 0) {
        promise->verdict = is_possible(self) ? 1 : -1;
    }
    if (promise->verdict < 0) {
        return 0;
    }
    promise->ctx = self->ctx;
    promise->call = call;
    promise->interp = self->state->interp;
    pthread_mutex_lock(&flusher.lock);
    rc = start();
    if (rc == 0) {
        enlist(promise);
        if (flusher.sleeping) {
            pthread_cond_signal(&flusher.wake);
        }
    }
    pthread_mutex_unlock(&flusher.lock);
    return rc == 0;
#endif
}

int mp_promise_cancel(mp_reqctx *ctx)
{
    mp_promise *promise = &ctx->promise;
    int made;

    if (atomic_load(&promise->state) == MP_PROMISE_NONE) {
        return 0;
    }
    pthread_mutex_lock(&flusher.lock);
    while (atomic_load(&promise->state) == MP_PROMISE_KEEPING) {
        /* of an interpreter of its own, whose handler has let go of it */
        pthread_cond_wait(&flusher.changed, &flusher.lock);
    }
    made = atomic_load(&promise->state) == MP_PROMISE_MADE;
    if (made) {
        strike(promise);
    }
    pthread_mutex_unlock(&flusher.lock);
    return made;
}

void mp_promise_settle(mp_reqctx *ctx)
{
    if (mp_promise_cancel(ctx)) {
        Py_BEGIN_ALLOW_THREADS
        mp_request_pass(ctx->r, 1);
        Py_END_ALLOW_THREADS
    }
}

void mp_promise_look_again(mp_reqctx *ctx)
{
    ctx->promise.verdict = 0;
}

void mp_promise_stop(void)
{
    atomic_store(&flusher.stopping, 1);
    /* prefork may come here by a signal, in the middle of anything */
    if (pthread_mutex_trylock(&flusher.lock) != 0) {
        return;
    }
    if (flusher.running) {
        pthread_cond_signal(&flusher.wake);
        wait_at_most(&flusher.changed, STOP_NS);
    }
    pthread_mutex_unlock(&flusher.lock);
}
