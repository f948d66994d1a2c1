/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The little of httpd that core needs, for tests without httpd: a server,
 * configuration lines, what was logged. */
#ifndef MP_TESTS_STUBS_H
#define MP_TESTS_STUBS_H

#include <apr_global_mutex.h>
#include <httpd.h>
#include <http_config.h>

#include "core/config.h"

/* A server with our configuration records, as httpd makes them when it loads
 * the module (base NULL: it becomes ap_server_conf) or reads a virtual
 * host. */
server_rec *stub_server(apr_pool_t *p, server_rec *base, const char *name);

/* The node of an opened section, such as "<Directory" and "\"/srv\">". */
ap_directive_t *stub_node(apr_pool_t *p, ap_directive_t *parent,
                          const char *directive, const char *args);

/* Where configuration lines stand. */
typedef struct stub_place {
    apr_pool_t *p;
    server_rec *s;
    ap_directive_t *parent; /* innermost section, NULL: none */
    const char *htaccess;   /* name of the .htaccess file, NULL: httpd.conf */
    const char *path;       /* cmd->path; NULL: not in a section */
    mp_dir_conf *conf;      /* that of the section */
} stub_place;

/* A place outside any section of s. */
stub_place stub_in_server(apr_pool_t *p, server_rec *s);
/* The same inside one more section, with a record of its own. */
stub_place stub_in_section(const stub_place *outer, const char *directive,
                           const char *args);
stub_place stub_in_htaccess(apr_pool_t *p, server_rec *s,
                            const char *directory);

/* Runs one line through mp_directives as httpd would.
 * @return its message, NULL when it is right */
const char *stub_line(const stub_place *place, const char *line);

/* What cmd_parms look like for a line at that place. */
void stub_cmd(const stub_place *place, cmd_parms *cmd);

/* The last message logged, "" when there was none; forgets it. */
const char *stub_logged(void);

/* What -D defines, NULL: nothing. */
extern const char *stub_define;
/* ap_state_query(AP_SQ_MAIN_STATE) */
extern int stub_main_state;
/* What ap_global_mutex_create() answers instead of making one. */
extern apr_status_t stub_mutex_status;
/* The kind of the mutexes it makes; set by ap_mutex_register(). */
extern apr_lockmech_e stub_mutex_kind;

#endif
