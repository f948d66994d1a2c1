/* Licensed under the Apache License, Version 2.0; see LICENSE. */
#include "core/turns.h"

#include <stddef.h>

/* Somebody who waits, on its own stack. */
struct mp_turns_waiter {
    pthread_cond_t turn;
    int has_place; /* L: the lock of mp_turns */
    mp_turns_waiter *next;
};

void mp_turns_take(mp_turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    if (turns->free > 0) {
        turns->free--;
    }
    else {
        mp_turns_waiter me = {PTHREAD_COND_INITIALIZER, 0, NULL};

        if (turns->first == NULL) {
            turns->first = &me;
        }
        else {
            turns->last->next = &me;
        }
        turns->last = &me;
        while (!me.has_place) {
            pthread_cond_wait(&me.turn, &turns->lock);
        }
        pthread_cond_destroy(&me.turn);
    }
    pthread_mutex_unlock(&turns->lock);
}

void mp_turns_give(mp_turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    if (turns->first != NULL) {
        mp_turns_waiter *next = turns->first;

        turns->first = next->next;
        next->has_place = 1; /* never free: nobody slips in between */
        pthread_cond_signal(&next->turn);
    }
    else {
        turns->free++;
    }
    pthread_mutex_unlock(&turns->lock);
}
