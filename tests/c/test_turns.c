/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Places are taken in the order in which threads came, and never by more
 * threads than there are. */
#include <pthread.h>
#include <unistd.h>

#include "core/turns.h"
#include "tap.h"

#define THREADS 20
#define PLACES 3
#define ROUNDS 2000

static mp_turns one = MP_TURNS_INIT(1);
static int came[THREADS];
static int count;

static void *comes(void *number)
{
    mp_turns_take(&one);
    came[count++] = *(int *)number;
    mp_turns_give(&one);
    return NULL;
}

/* Has taken its place in the queue. */
static int waits(const mp_turns *turns, const mp_turns_waiter *before)
{
    mp_turns *t = (mp_turns *)turns;
    int there;

    pthread_mutex_lock(&t->lock);
    there = t->first != NULL && t->last != before;
    pthread_mutex_unlock(&t->lock);
    return there;
}

static void in_order(void)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    int wrong = 0;

    mp_turns_take(&one);
    for (int i = 0; i < THREADS; i++) {
        const mp_turns_waiter *before = i > 0 ? one.last : NULL;

        numbers[i] = i;
        pthread_create(&threads[i], NULL, comes, &numbers[i]);
        while (!waits(&one, before)) {
            usleep(100);
        }
    }
    mp_turns_give(&one);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        wrong += came[i] != i;
    }
    IS_INT(count, THREADS, "all had their turn");
    IS_INT(wrong, 0, "in the order in which they came");
    IS_INT(one.free, 1, "the place is free again");
}

static mp_turns few = MP_TURNS_INIT(PLACES);
static int inside;
static int most;

static void *comes_often(void *data)
{
    for (int i = 0; i < ROUNDS; i++) {
        int now;
        int seen;

        mp_turns_take(&few);
        now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        seen = __atomic_load_n(&most, __ATOMIC_SEQ_CST);
        while (now > seen
               && !__atomic_compare_exchange_n(&most, &seen, now, 0,
                                               __ATOMIC_SEQ_CST,
                                               __ATOMIC_SEQ_CST)) {
        }
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        mp_turns_give(&few);
    }
    return data;
}

static void never_more(void)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, comes_often, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    OK_IF(most >= 1 && most <= PLACES, "never more than there are places");
    IS_INT(few.free, PLACES, "all of them are free again");
    OK_IF(few.first == NULL, "nobody waits");
}

int main(void)
{
    tap_begin();
    in_order();
    never_more();
    return tap_end();
}
