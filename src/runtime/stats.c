/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The counters of all interpreters of all children. */
#include "runtime/stats.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <ap_mpm.h>
#include <apr_shm.h>
#include <apr_strings.h>

/* Rows for each child httpd may have; more are for those that have not yet
 * ended while others take their place. */
#define ROWS_PER_CHILD 8
#define LEAST_ROWS 64
#define MOST_ROWS 8192

static struct {
    mp_stats *rows; /* I: in the parent; NULL: no memory */
    int count;      /* I: */
} stats;

static mp_stats unseen; /* counts of interpreters without a row */

static apr_status_t forget(void *data)
{
    (void)data;
    stats.rows = NULL; /* the memory goes with the pool */
    stats.count = 0;
    return APR_SUCCESS;
}

apr_status_t mp_stats_create(apr_pool_t *pconf)
{
    apr_shm_t *shm;
    apr_status_t rv;
    int children = 0;
    int count;

    if (ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &children) != APR_SUCCESS) {
        children = 0;
    }
    count = children * ROWS_PER_CHILD;
    count = count < LEAST_ROWS ? LEAST_ROWS : count;
    count = count > MOST_ROWS ? MOST_ROWS : count;
    rv = apr_shm_create(&shm, count * sizeof(mp_stats), NULL, pconf);
    if (rv == APR_SUCCESS) {
        stats.rows = apr_shm_baseaddr_get(shm);
        stats.count = count;
        memset(stats.rows, 0, count * sizeof(mp_stats));
        apr_pool_cleanup_register(pconf, NULL, forget,
                                  apr_pool_cleanup_null);
    }
    return rv;
}

static int is_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

/* Takes the row if it is free, or of a child that crashed. */
static int take(mp_stats *row, pid_t pid, int crashed_too)
{
    pid_t found = __atomic_load_n(&row->pid, __ATOMIC_RELAXED);

    if (found != 0 && !(crashed_too && is_gone(found))) {
        return 0;
    }
    return __atomic_compare_exchange_n(&row->pid, &found, pid, 0,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

mp_stats *mp_stats_claim(const char *name, int number, int own_gil)
{
    const pid_t pid = getpid();

    for (int crashed_too = 0; crashed_too < 2; crashed_too++) {
        for (int i = 0; i < stats.count; i++) {
            mp_stats *row = &stats.rows[i];

            if (take(row, pid, crashed_too)) {
                memset(&row->number, 0,
                       sizeof(*row) - offsetof(mp_stats, number));
                apr_cpystrn(row->name, name, sizeof(row->name));
                row->number = number;
                row->own_gil = own_gil;
                row->started = apr_time_now();
                return row;
            }
        }
    }
    return &unseen;
}

void mp_stats_release(void)
{
    const pid_t pid = getpid();

    for (int i = 0; i < stats.count; i++) {
        if (__atomic_load_n(&stats.rows[i].pid, __ATOMIC_RELAXED) == pid) {
            __atomic_store_n(&stats.rows[i].pid, 0, __ATOMIC_RELEASE);
        }
    }
}

int mp_stats_read(int i, mp_stats *row, int *more)
{
    pid_t pid;

    *more = i < stats.count;
    if (!*more) {
        return 0;
    }
    pid = __atomic_load_n(&stats.rows[i].pid, __ATOMIC_ACQUIRE);
    if (pid == 0 || is_gone(pid)) {
        return 0;
    }
    *row = stats.rows[i];
    row->pid = pid;
    row->name[sizeof(row->name) - 1] = '\0';
    return 1;
}
