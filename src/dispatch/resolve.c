/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Where a handler entry runs and what it calls: the name of its interpreter,
 * its callable (kept for each interpreter, by slot or by value), sys.path. */
#include "dispatch/handler.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "core/known_lines.h"
#include "core/log.h"
#include "core/match.h"
#include "objects/request.h"
#include "runtime/pool.h"
#include "runtime/text.h"

struct mp_cached {
    PyObject *callable;   /* None: skip silently; NULL: not resolved yet */
    unsigned generation;  /* of the state when it was resolved */
    apr_time_t checked;   /* when its files were looked at */
    char *python_path;    /* PythonPath it was resolved under, NULL: none */
};

/* A line of the cache by value: for entries that have no slot, those of
 * .htaccess files, made anew for each request, and of wildcard sections. */
typedef struct named {
    mp_cached cached;
    struct named *next; /* of the same bucket */
    unsigned hash;
    int silent;
    int location;
    const char *texts[5]; /* what key_of() gives, copies in one piece: */
    char space[];
} named;

/* Keeps the way that nearly every call takes short. */
#define NOT_INLINE __attribute__((noinline))

#define BUCKETS 1024
#define TEXTS (sizeof(((named *)NULL)->texts) / sizeof(char *))

struct mp_by_value {
    named *buckets[BUCKETS];
    int count;
};

/* .htaccess files are many and change: start again rather than grow. */
#define MAX_BY_VALUE 4096

/* The name that a directory gives, of r->pool or the configuration. */
static const char *name_by_directory(request_rec *r, const mp_dir_conf *conf,
                                     const mp_handler *handler)
{
    const char *name = NULL;

    if (conf->interp_per_directory == 1) {
        if (r->filename != NULL && r->filename[0] != '\0') {
            const char *dir = r->finfo.filetype == APR_DIR
                                  ? r->filename
                                  : ap_make_dirstr_parent(r->pool,
                                                          r->filename);
            size_t length = strlen(dir);

            name = length > 0 && dir[length - 1] == '/'
                       ? dir
                       : apr_pstrcat(r->pool, dir, "/", NULL);
        }
    }
    else if (handler->directory != NULL) {
        name = handler->directory;
    }
    else {
        name = handler->section->kind == MP_SECTION_LOCATION
                   ? handler->section->path
                   : mp_section_directory(handler->section, r->filename,
                                          r->pool);
    }
    return name != NULL ? name : MP_MAIN_INTERPRETER;
}

mp_interp *mp_handler_interp(request_rec *r, const mp_dir_conf *conf,
                             const mp_handler *handler, const char **name)
{
    const mp_interp_ref *ref = mp_handler_interp_ref(r, conf);

    if (ref != NULL) {
        *name = ref->name;
        return mp_pool_of(ref, mp_reqctx_stays(r));
    }
    *name = name_by_directory(r, conf, handler);
    return mp_pool_get(*name, mp_reqctx_stays(r));
}

mp_interp *mp_handler_find_interp(request_rec *r, const mp_dir_conf *conf,
                                  const mp_handler *handler, const char *what,
                                  const char **name)
{
    mp_interp *interp = mp_handler_interp(r, conf, handler, name);

    if (interp == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      MP_LOGNO(0310) "%s %s: no interpreter %s to run it in",
                      what, handler->spec, *name);
    }
    return interp;
}

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int mp_handler_apply_path(mp_state *state, const mp_dir_conf *conf)
{
    const char *python_path = conf->python_path;
    PyObject *text;
    PyObject *result;
    char *copy;

    if (python_path == NULL
        || same_text(state->python_path, python_path)) {
        return 0;
    }
    text = mp_text_from(python_path);
    if (text == NULL) {
        return -1;
    }
    result = PyObject_CallOneArg(state->set_path, text);
    Py_DECREF(text);
    if (result == NULL) {
        return -1;
    }
    Py_DECREF(result);
    copy = strdup(python_path);
    if (copy == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    free((char *)state->python_path);
    state->python_path = copy;
    return 0;
}

/* ---- the cache by value ---- */

/* What resolve() depends on, and how that hashes. */
typedef struct value_key {
    const char *texts[TEXTS];
    unsigned hash;
} value_key;

static unsigned hash_text(unsigned hash, const char *text)
{
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619u; /* FNV-1a */
    }
    return hash * 31;
}

static value_key key_of(const mp_handler *h, const char *directory,
                        const char *python_path)
{
    value_key key = {{h->module, h->object != NULL ? h->object : "",
                      h->function, directory != NULL ? directory : "",
                      python_path != NULL ? python_path : ""},
                     2166136261u};

    for (size_t i = 0; i < TEXTS; i++) {
        key.hash = hash_text(key.hash, key.texts[i]);
    }
    return key;
}

static int is_location(const mp_handler *h)
{
    return h->section->kind == MP_SECTION_LOCATION;
}

static int is_for(const named *line, const value_key *key,
                  const mp_handler *h)
{
    if (line->hash != key->hash || line->silent != h->silent
        || line->location != is_location(h)) {
        return 0;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        if (strcmp(line->texts[i], key->texts[i]) != 0) {
            return 0;
        }
    }
    return 1;
}

static mp_cached *by_value(const mp_state *state, const value_key *key,
                           const mp_handler *h)
{
    named *line = state->by_value->buckets[key->hash % BUCKETS];

    while (line != NULL && !is_for(line, key, h)) {
        line = line->next;
    }
    return line != NULL ? &line->cached : NULL;
}

/* Takes the lines out first: letting go of a callable can run any code. */
static void forget_all(struct mp_by_value *cache)
{
    struct mp_by_value old = *cache;

    memset(cache, 0, sizeof(*cache));
    for (size_t i = 0; i < BUCKETS; i++) {
        while (old.buckets[i] != NULL) {
            named *line = old.buckets[i];

            old.buckets[i] = line->next;
            Py_XDECREF(line->cached.callable);
            free(line->cached.python_path);
            free(line);
        }
    }
}

static named *make_line(const value_key *key, const mp_handler *h)
{
    size_t size = 0;
    named *line;
    char *end;

    for (size_t i = 0; i < TEXTS; i++) {
        size += strlen(key->texts[i]) + 1;
    }
    line = calloc(1, sizeof(*line) + size);
    if (line == NULL) {
        return NULL;
    }
    line->hash = key->hash;
    line->silent = h->silent;
    line->location = is_location(h);
    end = line->space;
    for (size_t i = 0; i < TEXTS; i++) {
        size = strlen(key->texts[i]) + 1;
        line->texts[i] = memcpy(end, key->texts[i], size);
        end += size;
    }
    return line;
}

/* The same as by_value(), made when missing.
 * @return NULL, without an exception, when memory is out */
static mp_cached *make_by_value(mp_state *state, const value_key *key,
                                const mp_handler *h)
{
    mp_cached *cached = by_value(state, key, h);
    named **bucket;
    named *line;

    if (cached != NULL) {
        return cached;
    }
    if (state->by_value->count >= MAX_BY_VALUE) {
        forget_all(state->by_value);
    }
    line = make_line(key, h);
    if (line == NULL) {
        return NULL;
    }
    bucket = &state->by_value->buckets[key->hash % BUCKETS];
    line->next = *bucket;
    *bucket = line;
    state->by_value->count++;
    return &line->cached;
}

/* ---- resolving ---- */

/* The dearest case first: nothing to look at, nothing changed. */
static inline int is_fresh(const mp_state *state, const mp_cached *cached,
                           const char *python_path, int auto_reload,
                           apr_time_t now)
{
    if (cached == NULL || cached->callable == NULL
        || cached->generation != state->generation
        || !same_text(cached->python_path, python_path)) {
        return 0;
    }
    /* times of two threads may be a little out of order; a clock that was
     * set back must not stop the looking */
    return !auto_reload
           || (now - cached->checked < APR_USEC_PER_SEC
               && cached->checked - now < APR_USEC_PER_SEC);
}

/* Keeps a result of resolve(). Not being able to is no error. */
static void remember(mp_cached *cached, PyObject *callable,
                     unsigned generation, const char *python_path,
                     apr_time_t now)
{
    char *copy = NULL;

    if (cached == NULL
        || (python_path != NULL && (copy = strdup(python_path)) == NULL)) {
        return;
    }
    free(cached->python_path);
    cached->python_path = copy;
    cached->generation = generation;
    cached->checked = now;
    Py_XSETREF(cached->callable, Py_NewRef(callable));
}

/* @param first perhaps nothing was called for it in this interpreter yet */
static PyObject *resolve(mp_state *state, const mp_handler *h,
                         const mp_dir_conf *conf, const char *directory,
                         int first)
{
    PyObject *args[10] = {NULL};
    PyObject *callable = NULL;
    const size_t count = sizeof(args) / sizeof(args[0]);
    size_t i;

    args[0] = mp_text_from(h->module);
    args[1] = mp_text_from(h->object);
    args[2] = mp_text_from(h->function);
    args[3] = mp_text_from(directory);
    args[4] = PyBool_FromLong(is_location(h));
    args[5] = PyBool_FromLong(h->silent);
    args[6] = mp_text_from(conf->python_path);
    args[7] = PyBool_FromLong(mp_config_auto_reload(conf));
    args[8] = PyBool_FromLong(mp_config_debug(conf));
    args[9] = mp_text_from(h->spec);
    for (i = 0; i < count && args[i] != NULL; i++) {
    }
    if (i == count) {
        int alone = first && mp_pool_begin_import(state->interp);

        callable = PyObject_Vectorcall(state->resolve, args, count, NULL);
        if (alone) {
            mp_pool_end_import();
        }
    }
    for (i = 0; i < count; i++) {
        Py_XDECREF(args[i]);
    }
    return callable;
}

static int given_callable(PyObject *callables, int index, PyObject **callable)
{
    PyObject *item = callables != NULL ? PyList_GetItem(callables, index)
                                       : NULL;

    if (item == NULL) {
        if (!PyErr_Occurred()) {
            /* added in another interpreter: objects do not travel */
            PyErr_SetString(PyExc_RuntimeError,
                            "a callable given to add_handler() can only run "
                            "in the interpreter that gave it");
        }
        return -1;
    }
    *callable = Py_NewRef(item);
    return 1;
}

/* Hands a callable out. */
static int found_one(PyObject *found, PyObject **callable)
{
    if (found == Py_None) {
        return 0;
    }
    *callable = Py_NewRef(found);
    return 1;
}

/* Asks the importer and remembers. The line by value may go while it is asked,
 * so it is looked for again. */
static int resolve_anew(mp_state *state, const mp_handler *handler,
                        const mp_dir_conf *conf, const char *directory,
                        mp_cached *slot, const value_key *key, apr_time_t now,
                        PyObject **callable)
{
    const unsigned generation = state->generation;
    PyObject *found = resolve(state, handler, conf, directory,
                              slot == NULL || slot->callable == NULL);
    int rc;

    if (found == NULL) {
        return -1;
    }
    remember(slot != NULL ? slot : make_by_value(state, key, handler), found,
             generation, conf->python_path, now);
    rc = found_one(found, callable);
    Py_DECREF(found);
    return rc;
}

static int resolve_by_value(mp_state *state, const mp_handler *handler,
                            const mp_dir_conf *conf, const char *filename,
                            apr_time_t now, PyObject **callable)
{
    const char *directory = handler->directory;
    const mp_cached *cached;
    value_key key;

    if (directory == NULL && filename != NULL) {
        mp_call *call = mp_interp_current_call();

        if (call != NULL && call->r != NULL) {
            directory = mp_section_directory(handler->section, filename,
                                             call->r->pool);
        }
    }
    key = key_of(handler, directory, conf->python_path);
    cached = by_value(state, &key, handler);
    if (is_fresh(state, cached, conf->python_path,
                 mp_config_auto_reload(conf), now)) {
        return found_one(cached->callable, callable);
    }
    return resolve_anew(state, handler, conf, directory, NULL, &key, now,
                        callable);
}

/* The line of a handler of httpd.conf, NULL: it is looked up by value. */
static inline mp_cached *by_slot(const mp_state *state,
                                 const mp_handler *handler)
{
    return handler->slot >= 0 && handler->slot < state->cache_size
               ? &state->cache[handler->slot]
               : NULL;
}

/* What mp_handler_resolve() does when there is anything to do. */
static NOT_INLINE int find_callable(mp_state *state,
                                    const mp_handler *handler,
                                    const mp_dir_conf *conf,
                                    const char *filename,
                                    PyObject *callables, apr_time_t now,
                                    PyObject **callable)
{
    mp_cached *cached = by_slot(state, handler);

    if (mp_handler_apply_path(state, conf) != 0) {
        return -1;
    }
    if (handler->callable >= 0) {
        return given_callable(callables, handler->callable, callable);
    }
    if (cached == NULL) {
        return resolve_by_value(state, handler, conf, filename, now,
                                callable);
    }
    if (is_fresh(state, cached, conf->python_path,
                 mp_config_auto_reload(conf), now)) {
        return found_one(cached->callable, callable);
    }
    return resolve_anew(state, handler, conf, handler->directory, cached,
                        NULL, now, callable);
}

int mp_handler_resolve(mp_state *state, const mp_handler *handler,
                       const mp_dir_conf *conf, const char *filename,
                       PyObject *callables, apr_time_t now,
                       PyObject **callable)
{
    const mp_cached *cached = by_slot(state, handler);

    if (conf->python_path == NULL
        && is_fresh(state, cached, NULL, mp_config_auto_reload(conf), now)) {
        return found_one(cached->callable, callable);
    }
    return find_callable(state, handler, conf, filename, callables, now,
                         callable);
}

/* ---- called by the bootstrap and when the state goes ---- */

int mp_handler_cache_setup(mp_state *state)
{
    /* the memory of slots that nobody uses is never touched */
    state->cache_size = mp_handler_slot_count() + MP_KNOWN_MAX;
    state->by_value = calloc(1, sizeof(*state->by_value));
    if (state->by_value != NULL) {
        state->cache = calloc(state->cache_size + 1, sizeof(mp_cached));
    }
    return state->cache != NULL ? 0 : -1;
}
