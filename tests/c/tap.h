/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Test Anything Protocol in a few functions. main() makes a pool with
 * tap_begin(), checks, and returns tap_end(). */
#ifndef MP_TESTS_TAP_H
#define MP_TESTS_TAP_H

#include <apr_pools.h>

apr_pool_t *tap_begin(void);
/* Prints the plan. @return the exit status */
int tap_end(void);

/* Each prints one line, and on failure what it got and where. */
void tap_ok(int passed, const char *name, const char *file, int line);
/* Either may be NULL. */
void tap_str(const char *got, const char *expected, const char *name,
             const char *file, int line);
void tap_int(long got, long expected, const char *name, const char *file,
             int line);
/* got contains part. */
void tap_like(const char *got, const char *part, const char *name,
              const char *file, int line);

#define OK_IF(passed, name) tap_ok((passed) ? 1 : 0, name, __FILE__, __LINE__)
#define IS_STR(got, expected, name)                                           \
    tap_str(got, expected, name, __FILE__, __LINE__)
#define IS_INT(got, expected, name)                                           \
    tap_int((long)(got), (long)(expected), name, __FILE__, __LINE__)
#define LIKE(got, part, name) tap_like(got, part, name, __FILE__, __LINE__)

#endif
