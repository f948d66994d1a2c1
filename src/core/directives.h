/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The directives of the module. */
#ifndef MP_CORE_DIRECTIVES_H
#define MP_CORE_DIRECTIVES_H

#include <httpd.h>
#include <http_config.h>

#include "core/config.h"

/* For the module record; made from phases.def and the other directives. */
extern const command_rec mp_directives[];

/* What to call for each filter directive when it is read: httpd's registry
 * must know a name before a later line such as AddOutputFilterByType uses it.
 * Set it when hooks are registered. */
typedef void (*mp_directives_filter_fn)(const mp_filter_conf *filter);
void mp_directives_set_filter(mp_directives_filter_fn fn);

/* Called when a directive gives a phase before the header parser's a handler:
 * such hooks are registered only where they are needed, because each costs
 * every request something. May be called again. */
typedef void (*mp_directives_early_fn)(void);
void mp_directives_set_early(mp_directives_early_fn fn);

/* The same for each provider directive, once its record is the last of the
 * base server's. @return NULL, or what is wrong with it */
typedef const char *(*mp_directives_provider_fn)(
    cmd_parms *cmd, const mp_provider_conf *provider);
void mp_directives_set_provider(mp_directives_provider_fn fn);

#endif
