/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What each interpreter of each child has done: counters in memory that all
 * children share, for the status pages. Counting is a few instructions and
 * takes no lock. */
#ifndef MP_RUNTIME_STATS_H
#define MP_RUNTIME_STATS_H

#include <stdint.h>
#include <time.h>
#include <sys/types.h>

#include <apr_pools.h>
#include <httpd.h>

#define MP_STATS_NAME 96

/* One instance of one interpreter in one child. */
typedef struct mp_stats {
    pid_t pid;     /* of the child, 0: free; atomic */
    int number;    /* which instance of the name */
    int own_gil;   /* has a GIL of its own */
    int threads;   /* thread states; atomic, as all below */
    int inside;    /* threads that run in it or wait for its GIL */
    char name[MP_STATS_NAME]; /* cut off if longer */
    apr_time_t started;
    uint64_t requests;
    uint64_t errors;  /* exceptions of handlers, and wrong results */
    uint64_t loads;   /* modules the importer has loaded */
    uint64_t reloads; /* of these, those that replaced an older one */
    uint64_t run_ns;  /* in handlers, also where they let others run */
    uint64_t wait_ns; /* for the GIL, before that */
} mp_stats;

/* In the parent, at each start: makes the shared memory.
 * @return APR_SUCCESS, or what failed: children then count for themselves */
apr_status_t mp_stats_create(apr_pool_t *pconf);

/* In a child, for a new interpreter. @return never NULL; when the memory is
 * full, a row that no page shows */
mp_stats *mp_stats_claim(const char *name, int number, int own_gil);

/* At the end of a child: its rows are free again. */
void mp_stats_release(void);

/* Row i of all; *more is cleared behind the last one.
 * @return 1 with a copy in *row, 0: the row is free */
int mp_stats_read(int i, mp_stats *row, int *more);

/* A clock for run_ns and wait_ns. */
static inline uint64_t mp_stats_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What it was before. */
#define mp_stats_add(where, n) \
    __atomic_fetch_add((where), (n), __ATOMIC_RELAXED)

#endif
