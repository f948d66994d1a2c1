/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What directives.c (the table, values) and directives_handlers.c share. */
#ifndef MP_CORE_DIRECTIVES_IMPL_H
#define MP_CORE_DIRECTIVES_IMPL_H

#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>

#include "core/config.h"

static inline int in_htaccess(const cmd_parms *cmd)
{
    return cmd->pool == cmd->temp_pool; /* as httpd itself tells */
}

/* error with the name of the directive before it. */
static inline const char *with_name(const cmd_parms *cmd, const char *error)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", error, NULL);
}

/* ---- directives.c ---- */

/* For every directive that httpd lets into .htaccess.
 * @return NULL, or why it is not allowed there */
const char *mp_directives_check_htaccess(cmd_parms *cmd);

/* For what exists once in an httpd. @return NULL, or where it must stand */
const char *mp_directives_check_global(cmd_parms *cmd);

/* The base server's record while the configuration is read. */
mp_srv_conf *mp_directives_base(void);

/* ---- directives_handlers.c: functions of the table ---- */

/* Of a phase; cmd->info is its mp_phase_info. */
const char *mp_directives_handlers(cmd_parms *cmd, void *mconfig,
                                   const char *text);
const char *mp_directives_child_handler(cmd_parms *cmd, void *mconfig,
                                        const char *spec,
                                        const char *interpreter);
const char *mp_directives_handler_module(cmd_parms *cmd, void *mconfig,
                                         const char *module);
/* cmd->info: not NULL for an input filter. */
const char *mp_directives_filter(cmd_parms *cmd, void *mconfig,
                                 const char *spec, const char *name);
const char *mp_directives_import(cmd_parms *cmd, void *mconfig,
                                 const char *spec, const char *interpreter);
/* cmd->info: not NULL for authorisation. */
const char *mp_directives_provider(cmd_parms *cmd, void *mconfig,
                                   const char *name, const char *spec);

#endif
