/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The locks: how many, where, and that they keep processes and threads
 * apart. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <http_core.h>

#include "core/mutex.h"
#include "stubs.h"
#include "tap.h"

static apr_pool_t *p;

/* A configuration read anew. */
static server_rec *configured(const char *locks, const char *directory)
{
    server_rec *s = stub_server(p, NULL, "localhost");
    mp_dir_conf *conf = stub_in_server(p, s).conf;

    if (locks != NULL) {
        mp_config_set_option(p, conf, "mod_python.mutex_locks", locks);
    }
    if (directory != NULL) {
        mp_config_set_option(p, conf, "mod_python.mutex_directory", directory);
    }
    IS_INT(mp_mutex_register(p), APR_SUCCESS, "registered");
    stub_logged();
    return s;
}

static void numbers(void)
{
    int locks = 0;

    IS_STR(mp_mutex_parse_locks("12", &locks), NULL, "a number");
    IS_INT(locks, 12, "its value");
    LIKE(mp_mutex_parse_locks("0", &locks), "from 1 to", "0");
    LIKE(mp_mutex_parse_locks("-1", &locks), "from 1 to", "-1");
    LIKE(mp_mutex_parse_locks("8x", &locks), "from 1 to", "8x");
    LIKE(mp_mutex_parse_locks("", &locks), "from 1 to", "empty");
    LIKE(mp_mutex_parse_locks("99999999999999999999", &locks), "from 1 to",
         "too large");
    IS_INT(locks, 12, "unchanged");
}

static void before(void)
{
    IS_INT(mp_mutex_register(p), APR_SUCCESS, "registered");
    IS_INT(mp_mutex_count(), 0, "no locks yet");
    IS_INT(mp_mutex_lock(0), APR_EINVAL, "lock");
    IS_INT(mp_mutex_trylock(0), APR_EINVAL, "trylock");
    IS_INT(mp_mutex_unlock(0), APR_EINVAL, "unlock");
}

static void counts(void)
{
    server_rec *s = configured(NULL, NULL);

    stub_main_state = AP_SQ_MS_CREATE_PRE_CONFIG;
    IS_INT(mp_mutex_post_config(p, s), OK, "first reading");
    IS_STR(stub_logged(), "", "says nothing");
    stub_main_state = AP_SQ_MS_CREATE_CONFIG;
    IS_INT(mp_mutex_post_config(p, s), OK, "second reading");
    LIKE(stub_logged(), "8 session locks and a reserved one", "notice");
    IS_INT(mp_mutex_count(), 8, "default");
    IS_INT(mp_mutex_lock(8), APR_SUCCESS, "the last one");
    IS_INT(mp_mutex_unlock(8), APR_SUCCESS, "is there");
    IS_INT(mp_mutex_lock(9), APR_EINVAL, "no more");
    IS_INT(mp_mutex_lock(-1), APR_EINVAL, "none below 0");

    s = configured("1", NULL);
    IS_INT(mp_mutex_post_config(p, s), OK, "one");
    LIKE(stub_logged(), "1 session lock and a reserved one", "notice");
    IS_INT(mp_mutex_lock(0), APR_SUCCESS, "the reserved one");
    IS_INT(mp_mutex_lock(1), APR_SUCCESS, "and the session one");
    IS_INT(mp_mutex_unlock(1), APR_SUCCESS, "released");
    IS_INT(mp_mutex_unlock(0), APR_SUCCESS, "released");
}

static void failures(void)
{
    server_rec *s = configured("none", NULL);

    IS_INT(mp_mutex_post_config(p, s), HTTP_INTERNAL_SERVER_ERROR,
           "a bad number");
    LIKE(stub_logged(), "MP0003", "is logged");
    s = configured(NULL, NULL);
    stub_mutex_status = APR_EACCES;
    IS_INT(mp_mutex_post_config(p, s), HTTP_INTERNAL_SERVER_ERROR,
           "httpd cannot make one");
    LIKE(stub_logged(), "MP0001", "is logged");
    stub_mutex_status = APR_SUCCESS;
#if APR_HAS_PROC_PTHREAD_SERIALIZE
    {
        apr_lockmech_e kind = stub_mutex_kind;

        stub_mutex_kind = APR_LOCK_PROC_PTHREAD; /* Mutex pthread */
        IS_INT(mp_mutex_post_config(p, s), HTTP_INTERNAL_SERVER_ERROR,
               "a kind that a thread owns");
        LIKE(stub_logged(), "MP0005", "is logged");
        stub_mutex_kind = kind;
    }
#endif
    s = configured(NULL, "/nowhere/at/all");
    IS_INT(mp_mutex_post_config(p, s), HTTP_INTERNAL_SERVER_ERROR,
           "no such directory");
    LIKE(stub_logged(), "MP0002", "is logged");
}

/* trylock in a child process. */
static apr_status_t in_child(server_rec *s, int index)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        mp_mutex_child_init(p, s);
        _Exit(mp_mutex_trylock(index) == APR_EBUSY ? 1 : 0);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? APR_EBUSY
                                                         : APR_SUCCESS;
}

static void *APR_THREAD_FUNC try_in_thread(apr_thread_t *thread, void *data)
{
    int *index = data;
    apr_status_t rv = mp_mutex_trylock(*index);

    if (rv == APR_SUCCESS) {
        mp_mutex_unlock(*index);
    }
    apr_thread_exit(thread, rv);
    return NULL;
}

static apr_status_t in_thread(int index)
{
    apr_thread_t *thread;
    apr_status_t rv = APR_EGENERAL;

    if (apr_thread_create(&thread, NULL, try_in_thread, &index, p)
        == APR_SUCCESS) {
        apr_thread_join(&rv, thread);
    }
    return rv;
}

static void *APR_THREAD_FUNC unlock_in_thread(apr_thread_t *thread,
                                              void *data)
{
    int *index = data;

    apr_thread_exit(thread, mp_mutex_unlock(*index));
    return NULL;
}

/* As a request does that ends in another thread. */
static apr_status_t unlocked_elsewhere(int index)
{
    apr_thread_t *thread;
    apr_status_t rv = APR_EGENERAL;

    if (apr_thread_create(&thread, NULL, unlock_in_thread, &index, p)
        == APR_SUCCESS) {
        apr_thread_join(&rv, thread);
    }
    return rv;
}

static void exclusion(const char *directory)
{
    server_rec *s = configured("2", directory);

    IS_INT(mp_mutex_post_config(p, s), OK, "made");
    mp_mutex_child_init(p, s);
    IS_INT(mp_mutex_lock(1), APR_SUCCESS, "locked");
    IS_INT(in_child(s, 1), APR_EBUSY, "keeps a process out");
    IS_INT(in_child(s, 2), APR_SUCCESS, "another lock does not");
    IS_INT(in_thread(1), APR_EBUSY, "keeps a thread out");
    IS_INT(in_thread(2), APR_SUCCESS, "another lock does not");
    IS_INT(mp_mutex_unlock(1), APR_SUCCESS, "unlocked");
    IS_INT(in_child(s, 1), APR_SUCCESS, "free for a process");
    IS_INT(in_thread(1), APR_SUCCESS, "free for a thread");
    IS_INT(mp_mutex_lock(1), APR_SUCCESS, "locked");
    IS_INT(unlocked_elsewhere(1), APR_SUCCESS, "unlocked by another thread");
    IS_INT(in_child(s, 1), APR_SUCCESS, "free for a process");
    IS_INT(in_thread(1), APR_SUCCESS, "free for a thread");
}

typedef struct locker {
    int index;
    apr_time_t hold;
} locker;

static void *APR_THREAD_FUNC lock_in_thread(apr_thread_t *thread, void *data)
{
    const locker *what = data;
    apr_status_t rv = mp_mutex_lock(what->index);

    if (rv == APR_SUCCESS) {
        apr_sleep(what->hold);
        rv = mp_mutex_unlock(what->index);
    }
    apr_thread_exit(thread, rv);
    return NULL;
}

/* Holds one lock while another thread of this process takes the other one,
 * in step with a second process that does it the other way round. No thread
 * waits for itself, but an fcntl() lock knows processes only. */
static apr_status_t crosswise(int mine, int other, int ready, int go)
{
    locker what = {other, 0};
    apr_thread_t *thread;
    apr_status_t rv = APR_EGENERAL;
    char byte = 0;

    if (mp_mutex_lock(mine) != APR_SUCCESS || write(ready, &byte, 1) != 1
        || read(go, &byte, 1) != 1
        || apr_thread_create(&thread, NULL, lock_in_thread, &what, p)
               != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    apr_sleep(apr_time_from_msec(200)); /* both wait now */
    mp_mutex_unlock(mine);
    apr_thread_join(&rv, thread);
    return rv;
}

static void no_false_deadlock(const char *directory)
{
    server_rec *s = configured("2", directory);
    int up[2], down[2];
    int status = -1;
    pid_t pid;

    IS_INT(mp_mutex_post_config(p, s), OK, "made");
    if (pipe(up) != 0 || pipe(down) != 0) {
        OK_IF(0, "pipes");
        return;
    }
    pid = fork();
    if (pid == 0) {
        mp_mutex_child_init(p, s);
        _Exit(crosswise(2, 1, up[1], down[0]) == APR_SUCCESS ? 0 : 1);
    }
    mp_mutex_child_init(p, s);
    IS_INT(crosswise(1, 2, down[1], up[0]), APR_SUCCESS,
           "two locks taken crosswise");
    waitpid(pid, &status, 0);
    IS_INT(status, 0, "by threads of two processes");
}

int main(void)
{
    const char *temp;
    char *directory;

    p = tap_begin();
    numbers();
    before();
    counts();
    failures();
    exclusion(NULL);

    apr_temp_dir_get(&temp, p);
    directory = apr_pstrcat(p, temp, "/mp-locks-XXXXXX", NULL);
    OK_IF(mkdtemp(directory) != NULL, "a directory for the files");
    exclusion(directory);
    LIKE(stub_logged(), directory, "the notice tells it");
    no_false_deadlock(directory);
    OK_IF(apr_dir_remove(directory, p) == APR_SUCCESS,
          "no files are left in it");
    return tap_end();
}
