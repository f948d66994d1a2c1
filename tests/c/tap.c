/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* See tap.h. */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

static int checks;
static int failures;

apr_pool_t *tap_begin(void)
{
    apr_pool_t *p;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        printf("Bail out! APR does not start\n");
        abort();
    }
    return p;
}

int tap_end(void)
{
    printf("1..%d\n", checks);
    apr_terminate();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void tap_ok(int passed, const char *name, const char *file, int line)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++checks, name);
    if (!passed) {
        failures++;
        printf("# at %s:%d\n", file, line);
    }
}

static const char *shown(const char *text)
{
    return text != NULL ? text : "(NULL)";
}

void tap_str(const char *got, const char *expected, const char *name,
             const char *file, int line)
{
    int passed = got == NULL || expected == NULL ? got == expected
                                                 : strcmp(got, expected) == 0;

    tap_ok(passed, name, file, line);
    if (!passed) {
        printf("# got \"%s\"\n# not \"%s\"\n", shown(got), shown(expected));
    }
}

void tap_int(long got, long expected, const char *name, const char *file,
             int line)
{
    tap_ok(got == expected, name, file, line);
    if (got != expected) {
        printf("# got %ld, not %ld\n", got, expected);
    }
}

void tap_like(const char *got, const char *part, const char *name,
              const char *file, int line)
{
    int passed = got != NULL && strstr(got, part) != NULL;

    tap_ok(passed, name, file, line);
    if (!passed) {
        printf("# got \"%s\"\n# without \"%s\"\n", shown(got), part);
    }
}
