/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What directives of other modules say that those modules do not tell:
 * Require (mod_authz_core) for req.requires(), AddHandler (mod_mime) for
 * req.get_addhandler_exts(). httpd hands a directive to every module that has
 * one of its name, so ours see .htaccess files and all sections too; they
 * change nothing. */
#ifndef MP_CORE_OVERHEARD_H
#define MP_CORE_OVERHEARD_H

#include <apr_tables.h>
#include <httpd.h>
#include <http_config.h>

/* Part of mp_dir_conf; NULL where nothing was heard. */
typedef struct mp_overheard mp_overheard;

/* base with what add says in an inner section: Require lines as AuthMerging
 * has it, handlers extension by extension. May return one of the two. */
mp_overheard *mp_overheard_merge(apr_pool_t *p, mp_overheard *base,
                                 mp_overheard *add);

/* The arguments of the Require lines in effect for a method, in order.
 * @return array of const char *, from p; never NULL */
apr_array_header_t *mp_overheard_requires(apr_pool_t *p,
                                          const mp_overheard *heard,
                                          int method_number);

/* The extensions that AddHandler gives to mod_python or python-program: lower
 * case, without dots, separated by blanks, "" for none. From p. */
const char *mp_overheard_extensions(apr_pool_t *p, const mp_overheard *heard);

/* The functions of the rows below; slot is the mp_dir_conf. */
const char *mp_overheard_require(cmd_parms *cmd, void *slot,
                                 const char *args);
const char *mp_overheard_auth_merging(cmd_parms *cmd, void *slot,
                                      const char *how);
const char *mp_overheard_add_handler(cmd_parms *cmd, void *slot,
                                     const char *handler, const char *ext);
const char *mp_overheard_remove_handler(cmd_parms *cmd, void *slot,
                                        const char *ext);

/* Rows for the table of directives. */
#define MP_OVERHEARD_DIRECTIVES                                              \
    AP_INIT_RAW_ARGS("Require", mp_overheard_require, NULL, OR_AUTHCFG,      \
                     "see mod_authz_core"),                                  \
    AP_INIT_TAKE1("AuthMerging", mp_overheard_auth_merging, NULL,            \
                  OR_AUTHCFG, "see mod_authz_core"),                         \
    AP_INIT_ITERATE2("AddHandler", mp_overheard_add_handler, NULL,           \
                     OR_FILEINFO, "see mod_mime"),                           \
    AP_INIT_ITERATE("RemoveHandler", mp_overheard_remove_handler, NULL,      \
                    OR_FILEINFO, "see mod_mime")

#endif
