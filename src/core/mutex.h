/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The pool of global mutexes for sessions: number 0 is reserved (dbm files),
 * the others are shared by hash. Made in post_config, opened in each child. */
#ifndef MP_CORE_MUTEX_H
#define MP_CORE_MUTEX_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <httpd.h>

/* Registers the mutex type "mod_python" with httpd's Mutex directive (call in
 * pre_config). */
apr_status_t mp_mutex_register(apr_pool_t *pconf);

/* The value of mod_python.mutex_locks as a number.
 * @return NULL, or what is to be written instead (begins with "must") */
const char *mp_mutex_parse_locks(const char *value, int *locks);

/* Makes the mutexes: mod_python.mutex_locks of them (default 8) and the
 * reserved one, in mod_python.mutex_directory or httpd's own place; logs
 * their number and directory at notice.
 * @return OK, or an HTTP error after logging why */
int mp_mutex_post_config(apr_pool_t *pconf, server_rec *s);

/* Opens them in a child; logs what fails and goes on: locking that one is an
 * error then. */
void mp_mutex_child_init(apr_pool_t *p, server_rec *s);

/* Number of session mutexes, without the reserved one. */
int mp_mutex_count(void);

/* Blocks until this thread holds mutex index (0 .. mp_mutex_count()). Other
 * threads of the process are kept out too. Release any GIL first.
 * @return APR_SUCCESS, APR_EINVAL for an index that is not there, or an error
 *         of the system */
apr_status_t mp_mutex_lock(int index);
/* @return APR_SUCCESS, APR_EBUSY when somebody holds it, or an error */
apr_status_t mp_mutex_trylock(int index);
apr_status_t mp_mutex_unlock(int index);

#endif
