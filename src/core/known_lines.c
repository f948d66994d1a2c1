/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The table of known lines. Lines are added under the lock, and only at the
 * head of a bucket, so that looking them up needs none. */
#include "core/known_lines.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <apr_strings.h>

#define BUCKETS 1024

/* What is longer is rare, and would fill the memory. */
#define TEXT_MAX 1024

typedef struct known_line {
    uint64_t hash;
    const char *directory;
    const char *text;
    const mp_handler_list *lists;
    const struct known_line *next; /* of the same bucket */
} known_line;

static struct {
    pthread_mutex_t lock;
    const known_line *buckets[BUCKETS]; /* atomic */
    apr_pool_t *pool; /* L: of all lines; NULL: there is none yet */
    int lines;        /* L: */
    int slots;        /* L: given to their handlers */
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Eight bytes at a time: a directory's name is long. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    size_t left = strlen(text);
    uint64_t word;

    for (; left >= sizeof(word); left -= sizeof(word)) {
        memcpy(&word, text, sizeof(word));
        text += sizeof(word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    for (word = left; left > 0; left--) {
        word = word << 8 | (unsigned char)*text++;
    }
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* Different phases differ in it, so is_line() need not look at them. */
static uint64_t hash_line(mp_phase phase, const char *directory,
                          const char *text)
{
    const uint64_t hash = hash_text(hash_text(0, text), directory);

    return hash * MP_PHASE_COUNT + (unsigned)phase;
}

static const known_line *find(uint64_t hash, const char *directory,
                              const char *text)
{
    const known_line *line =
        __atomic_load_n(&known.buckets[hash % BUCKETS], __ATOMIC_ACQUIRE);

    while (line != NULL
           && (line->hash != hash || strcmp(line->text, text) != 0
               || strcmp(line->directory, directory) != 0)) {
        line = line->next;
    }
    return line;
}

const mp_handler_list *mp_known_lines_find(mp_phase phase,
                                           const char *directory,
                                           const char *text)
{
    const known_line *line =
        find(hash_line(phase, directory, text), directory, text);

    return line != NULL ? line->lists : NULL;
}

/* An entry stands in the list of each extension of its line. */
static void give_slots(const mp_handler_list *lists)
{
    for (; lists != NULL; lists = lists->next) {
        for (int i = 0; i < lists->entries->nelts; i++) {
            mp_handler *entry =
                APR_ARRAY_IDX(lists->entries, i, mp_handler *);

            if (entry->slot < 0) {
                entry->slot = mp_handler_slot_count() + known.slots++;
            }
        }
    }
}

/* Is there room for a line, however many handlers it has? */
static int has_room(const char *directory, const char *text)
{
    return strlen(directory) + strlen(text) < TEXT_MAX
           && known.lines < MP_KNOWN_MAX
           && known.slots < MP_KNOWN_MAX - TEXT_MAX
           && (known.pool != NULL
               || apr_pool_create(&known.pool, NULL) == APR_SUCCESS);
}

void mp_known_lines_add(mp_phase phase, const char *directory,
                        const char *text, mp_known_lines_fn make, void *baton)
{
    const uint64_t hash = hash_line(phase, directory, text);
    const known_line **bucket = &known.buckets[hash % BUCKETS];
    const mp_handler_list *lists;
    known_line *line;

    pthread_mutex_lock(&known.lock);
    lists = find(hash, directory, text) == NULL && has_room(directory, text)
                ? make(known.pool, baton)
                : NULL;
    if (lists != NULL) {
        give_slots(lists);
        known.lines++;
        line = apr_palloc(known.pool, sizeof(*line));
        line->hash = hash;
        line->directory = apr_pstrdup(known.pool, directory);
        line->text = apr_pstrdup(known.pool, text);
        line->lists = lists;
        line->next = *bucket;
        __atomic_store_n(bucket, line, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&known.lock);
}

void mp_known_lines_reset(void)
{
    if (known.pool != NULL) {
        memset(known.buckets, 0, sizeof(known.buckets));
        apr_pool_destroy(known.pool);
        known.pool = NULL;
        known.lines = 0;
        known.slots = 0;
    }
}
