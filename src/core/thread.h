/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Threads that work beside those of httpd: the flusher, the watch over time
 * limits, the limit of a child's end. */
#ifndef MP_CORE_THREAD_H
#define MP_CORE_THREAD_H

#include <pthread.h>

/* Runs run(data) in a thread that gets no signals, which are for httpd's
 * threads. Nobody joins it: what it leaves is freed when it ends, data stays
 * the caller's and must live as long. With or without an interpreter held; the
 * new thread holds none.
 * @return 0, or -1: there can be no thread, nothing was started */
int mp_thread_start(void *(*run)(void *), void *data);

/* Makes cond a condition whose deadlines are times of CLOCK_MONOTONIC:
 * waiting must not depend on the clock on the wall. The caller destroys it.
 * With or without an interpreter held.
 * @return 0, or -1: there is no condition to destroy */
int mp_thread_make_condition(pthread_cond_t *cond);

#endif
