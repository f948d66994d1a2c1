/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Places that threads take in the order in which they came. A mutex, or a
 * GIL, goes to whoever is there first: under load one thread in a hundred then
 * waits many times as long as the others. */
#ifndef MP_CORE_TURNS_H
#define MP_CORE_TURNS_H

#include <pthread.h>

typedef struct mp_turns_waiter mp_turns_waiter;

typedef struct mp_turns {
    pthread_mutex_t lock;   /* held for a few instructions */
    int free;               /* L: lock; places */
    mp_turns_waiter *first; /* L: lock */
    mp_turns_waiter *last;  /* L: lock; of no meaning without a first */
} mp_turns;

#define MP_TURNS_INIT(places) {PTHREAD_MUTEX_INITIALIZER, (places), NULL, NULL}

/* Takes a place; waits for as long as there is none. Call it without an
 * interpreter. */
void mp_turns_take(mp_turns *turns);

/* Gives a place to the next one. Never blocks; an interpreter may be held. */
void mp_turns_give(mp_turns *turns);

#endif
