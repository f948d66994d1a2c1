/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Threads of our own: they get no signals, nobody joins them, and they wait
 * by the monotonic clock. */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "core/thread.h"
#include "tap.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;

/* What a thread tells of itself; the mutex guards it. */
typedef struct report {
    int done;
    int detached;
    sigset_t blocked;
} report;

/* @return pthread_cond_timedwait() until so many seconds from now */
static int wait_until(time_t seconds)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    return pthread_cond_timedwait(&changed, &mutex, &until);
}

static void *tell(void *data)
{
    report *found = data;
    pthread_attr_t attr;
    int state = PTHREAD_CREATE_JOINABLE;

    pthread_mutex_lock(&mutex);
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getdetachstate(&attr, &state);
        pthread_attr_destroy(&attr);
    }
    found->detached = state == PTHREAD_CREATE_DETACHED;
    pthread_sigmask(SIG_SETMASK, NULL, &found->blocked);
    found->done = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static int is_blocked(const sigset_t *mask)
{
    return sigismember(mask, SIGTERM) && sigismember(mask, SIGHUP)
           && sigismember(mask, SIGUSR1) && sigismember(mask, SIGCHLD);
}

static void condition(void)
{
    IS_INT(mp_thread_make_condition(&changed), 0, "a condition");
    pthread_mutex_lock(&mutex);
    IS_INT(wait_until(-1), ETIMEDOUT, "a time that is over");
    pthread_mutex_unlock(&mutex);
}

static void thread(void)
{
    report found = {0};
    sigset_t mine;
    int rc = 0;

    pthread_mutex_lock(&mutex);
    IS_INT(mp_thread_start(tell, &found), 0, "a thread");
    /* by the clock on the wall that would be long ago */
    while (!found.done && rc == 0) {
        rc = wait_until(10);
    }
    pthread_mutex_unlock(&mutex);
    IS_INT(rc, 0, "has told in time");
    OK_IF(found.done, "it got its data");
    OK_IF(found.detached, "nobody has to join it");
    OK_IF(is_blocked(&found.blocked), "it gets no signals");
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    OK_IF(!sigismember(&mine, SIGTERM), "the caller still does");
}

/* Where there is no memory for a stack. */
static void failure(void)
{
    pthread_attr_t before;
    pthread_attr_t huge;
    report found = {0};
    sigset_t mine;

    pthread_getattr_default_np(&before);
    pthread_attr_init(&huge);
    IS_INT(pthread_attr_setstacksize(&huge, (size_t)1 << 50), 0, "a petabyte");
    IS_INT(pthread_setattr_default_np(&huge), 0, "for each stack");
    IS_INT(mp_thread_start(tell, &found), -1, "no thread");
    pthread_setattr_default_np(&before);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&before);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    OK_IF(!sigismember(&mine, SIGTERM), "the caller's signals are as before");
}

int main(void)
{
    tap_begin();
    condition();
    thread();
    failure();
    pthread_cond_destroy(&changed);
    return tap_end();
}
