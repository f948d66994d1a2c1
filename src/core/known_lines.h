/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Handler directives of .htaccess files that this child has read before. httpd
 * reads such a file for each request below it; taking a line apart again, and
 * looking its handlers up by value, costs more than most handlers. A line
 * makes the same handlers whenever its directive, directory and text are the
 * same, so an edited file is no concern of ours. */
#ifndef MP_CORE_KNOWN_LINES_H
#define MP_CORE_KNOWN_LINES_H

#include <apr_pools.h>

#include "core/handler_list.h"

/* More slots than this are not given: further lines are not remembered. */
#define MP_KNOWN_MAX 4096

/* What the line makes. From any thread, without a lock.
 * @return NULL: not known; else never changed and never freed */
const mp_handler_list *mp_known_lines_find(mp_phase phase,
                                           const char *directory,
                                           const char *text);

/* Makes the lists of a line from p, which lives as long as the child.
 * @return NULL: not after all */
typedef mp_handler_list *(*mp_known_lines_fn)(apr_pool_t *p, void *baton);

/* Has make called and remembers what it returns, unless there is no room or
 * another thread was faster. The handlers get slots behind those of
 * httpd.conf. */
void mp_known_lines_add(mp_phase phase, const char *directory,
                        const char *text, mp_known_lines_fn make,
                        void *baton);

/* Another configuration is read: none is known. */
void mp_known_lines_reset(void);

#endif
