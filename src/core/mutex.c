/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The global mutexes. The pointers are set in the parent by post_config and
 * come to the children by fork; nothing changes them there but child_init,
 * while the child has one thread. */
#include "core/mutex.h"

#include <errno.h>
#include <stdlib.h>

#include <ap_mpm.h>
#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_global_mutex.h>
#include <apr_portable.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <http_core.h>
#include <unistd.h>
#include <unixd.h>
#include <util_mutex.h>

#include "core/config.h"
#include "core/log.h"

#define MUTEX_TYPE "mod_python"
#define DEFAULT_LOCKS 8
#define MAX_LOCKS 4096

/* A request may end in another thread than it began in, and its lock with it:
 * the kind must not bind a lock to a thread, as pthread (APR's own choice on
 * Linux) does, and it must not outlive a child that dies. */
#if APR_HAS_FCNTL_SERIALIZE
#define DEFAULT_KIND APR_LOCK_FCNTL
#elif APR_HAS_SYSVSEM_SERIALIZE
#define DEFAULT_KIND APR_LOCK_SYSVSEM
#else
#define DEFAULT_KIND APR_LOCK_DEFAULT
#endif

/* How long a lock that reports a deadlock is tried again, see
 * mp_mutex_lock(). */
#define DEADLOCK_PATIENCE apr_time_from_sec(60)
#define DEADLOCK_PAUSE apr_time_from_msec(5)

static apr_global_mutex_t **mutexes; /* count + 1, the reserved one first */
static int count;

apr_status_t mp_mutex_register(apr_pool_t *pconf)
{
    mutexes = NULL; /* those of the last reading went with its pool */
    count = 0;
    return ap_mutex_register(pconf, MUTEX_TYPE, NULL, DEFAULT_KIND, 0);
}

const char *mp_mutex_parse_locks(const char *value, int *locks)
{
    char *end;
    long number = strtol(value, &end, 10);

    if (end == value || *end != '\0' || number < 1 || number > MAX_LOCKS) {
        return "must be a number of locks from 1 to "
               APR_STRINGIFY(MAX_LOCKS) ", such as "
               APR_STRINGIFY(DEFAULT_LOCKS);
    }
    *locks = (int)number;
    return NULL;
}

/* In the place and of the kind that httpd's Mutex directive says; httpd logs
 * what goes wrong. */
static apr_status_t create_in_httpd_place(apr_pool_t *pconf, server_rec *s,
                                          int index)
{
    apr_status_t rv = ap_global_mutex_create(
        &mutexes[index], NULL, MUTEX_TYPE, apr_itoa(pconf, index), s, pconf,
        0);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     MP_LOGNO(0001) "cannot make lock %d: see the Mutex "
                     "directive of httpd, type " MUTEX_TYPE, index);
    }
    return rv;
}

/* In a directory of the administrator's choice: as files, or the directory
 * would mean nothing. */
static apr_status_t create_in_directory(apr_pool_t *pconf, server_rec *s,
                                        const char *directory, int index)
{
    const char *name = apr_psprintf(pconf, "%s/" MUTEX_TYPE "-%d.%ld",
                                    directory, index, (long)getpid());
    apr_status_t rv;

    apr_file_remove(name, pconf); /* of a process that died */
    rv = apr_global_mutex_create(&mutexes[index], name, DEFAULT_KIND, pconf);
    if (rv == APR_SUCCESS) {
        rv = ap_unixd_set_global_mutex_perms(mutexes[index]);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     MP_LOGNO(0002) "cannot make the lock file %s: set "
                     "PythonOption mod_python.mutex_directory to a directory "
                     "that httpd can write to", name);
    }
    return rv;
}

/* Httpd's Mutex directive may ask for a kind that a thread owns. */
static int check_kind(server_rec *s)
{
#if APR_HAS_PROC_PTHREAD_SERIALIZE
    if (apr_global_mutex_mech(mutexes[0]) == APR_LOCK_PROC_PTHREAD) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     MP_LOGNO(0005) "the Mutex directive gives " MUTEX_TYPE
                     " locks of kind pthread, which only the thread that took "
                     "one can release: use another kind, such as fcntl");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
#else
    (void)s;
#endif
    return OK;
}

/* Once in a start; the configuration is read twice. */
static void log_notice(apr_pool_t *p, server_rec *s, const char *directory)
{
    const char *lockfile = apr_global_mutex_lockfile(mutexes[0]);

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return;
    }
    if (directory == NULL && lockfile != NULL) {
        directory = ap_make_dirstr_parent(p, lockfile);
    }
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                 "mod_python: %d session %s and a reserved one, of kind %s, "
                 "directory %s",
                 count, count == 1 ? "lock" : "locks",
                 apr_global_mutex_name(mutexes[0]),
                 directory != NULL ? directory : "none");
}

int mp_mutex_post_config(apr_pool_t *pconf, server_rec *s)
{
    const mp_dir_conf *conf = mp_config_of_server_dir(s);
    const char *locks = mp_config_option(conf, "mod_python.mutex_locks");
    const char *directory =
        mp_config_option(conf, "mod_python.mutex_directory");
    const char *error = NULL;
    int wanted = DEFAULT_LOCKS;

    if (locks != NULL) {
        error = mp_mutex_parse_locks(locks, &wanted);
    }
    if (error != NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     MP_LOGNO(0003) "PythonOption mod_python.mutex_locks: "
                     "\"%s\" %s", locks, error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (directory != NULL) {
        directory = ap_server_root_relative(pconf, directory);
    }
    count = wanted;
    mutexes = apr_pcalloc(pconf, ((apr_size_t)count + 1) * sizeof(*mutexes));
    for (int i = 0; i <= count; i++) {
        apr_status_t rv = directory != NULL
                              ? create_in_directory(pconf, s, directory, i)
                              : create_in_httpd_place(pconf, s, i);
        if (rv != APR_SUCCESS) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    if (check_kind(s) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    log_notice(pconf, s, directory);
    return OK;
}

void mp_mutex_child_init(apr_pool_t *p, server_rec *s)
{
    for (int i = 0; mutexes != NULL && i <= count; i++) {
        apr_status_t rv = apr_global_mutex_child_init(
            &mutexes[i], apr_global_mutex_lockfile(mutexes[i]), p);

        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_ERR, rv, s,
                         MP_LOGNO(0004) "cannot open lock %d in this child: "
                         "sessions that need it will fail", i);
            mutexes[i] = NULL;
        }
    }
}

int mp_mutex_count(void)
{
    return count;
}

static apr_global_mutex_t *mutex_of(int index)
{
    return mutexes != NULL && index >= 0 && index <= count ? mutexes[index]
                                                           : NULL;
}

apr_status_t mp_mutex_lock(int index)
{
    apr_global_mutex_t *mutex = mutex_of(index);
    apr_time_t deadline = 0;
    apr_status_t rv;

    if (mutex == NULL) {
        return APR_EINVAL;
    }
    /* fcntl() locks belong to processes: when two threads here and two in
     * another process hold and wait for two locks crosswise, the kernel sees
     * a deadlock although each of the four is on its way. */
    while ((rv = apr_global_mutex_lock(mutex)) == EDEADLK) {
        apr_time_t now = apr_time_now();

        if (deadline == 0) {
            deadline = now + DEADLOCK_PATIENCE;
        }
        if (now >= deadline) {
            break;
        }
        apr_sleep(DEADLOCK_PAUSE);
    }
    return rv;
}

apr_status_t mp_mutex_trylock(int index)
{
    apr_global_mutex_t *mutex = mutex_of(index);
    apr_status_t rv;

    if (mutex == NULL) {
        return APR_EINVAL;
    }
    rv = apr_global_mutex_trylock(mutex);
    return APR_STATUS_IS_EBUSY(rv) ? APR_EBUSY : rv;
}

apr_status_t mp_mutex_unlock(int index)
{
    apr_global_mutex_t *mutex = mutex_of(index);

    return mutex != NULL ? apr_global_mutex_unlock(mutex) : APR_EINVAL;
}
