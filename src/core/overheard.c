/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Directives of mod_authz_core and mod_mime, taken note of. A directive whose
 * own module is not loaded must stay an error: with only us to hear it,
 * "Require all denied" would protect nothing. */
#include "core/overheard.h"

#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "core/config.h"

typedef enum merging {
    MERGING_UNSET,
    MERGING_OFF,
    MERGING_ON /* And, Or: for the list of lines it is the same */
} merging;

typedef struct require_line {
    const char *args;
    apr_int64_t methods; /* mask of <Limit>, -1: all */
} require_line;

struct mp_overheard {
    apr_array_header_t *requires; /* of require_line, NULL: none */
    merging how;
    apr_table_t *handlers;        /* extension -> "1": ours, "": not; NULL */
};

static mp_overheard *part_of(cmd_parms *cmd, void *slot)
{
    mp_dir_conf *conf = slot;

    if (conf->overheard == NULL) {
        conf->overheard = apr_pcalloc(cmd->pool, sizeof(*conf->overheard));
    }
    return conf->overheard;
}

/* What httpd itself says about a directive that no module has. */
static const char *check_loaded(cmd_parms *cmd, const char *module_name)
{
    if (ap_find_linked_module(module_name) != NULL) {
        return NULL;
    }
    return apr_pstrcat(cmd->pool, "Invalid command '", cmd->cmd->name,
                       "', perhaps misspelled or defined by a module not "
                       "included in the server configuration", NULL);
}

const char *mp_overheard_require(cmd_parms *cmd, void *slot, const char *args)
{
    const char *error = check_loaded(cmd, "mod_authz_core.c");
    mp_overheard *heard;
    require_line *line;

    if (error != NULL) {
        return error;
    }
    heard = part_of(cmd, slot);
    if (heard->requires == NULL) {
        heard->requires = apr_array_make(cmd->pool, 2, sizeof(*line));
    }
    line = apr_array_push(heard->requires);
    line->args = apr_pstrdup(cmd->pool, args);
    line->methods = cmd->limited;
    return NULL;
}

const char *mp_overheard_auth_merging(cmd_parms *cmd, void *slot,
                                      const char *how)
{
    const char *error = check_loaded(cmd, "mod_authz_core.c");

    if (error == NULL) {
        part_of(cmd, slot)->how = strcasecmp(how, "Off") == 0
                                          ? MERGING_OFF
                                          : MERGING_ON;
    }
    return error;
}

/* As mod_mime keeps it: lower case, no dot in front. */
static char *canonical_ext(apr_pool_t *p, const char *ext)
{
    char *copy = apr_pstrdup(p, *ext == '.' ? ext + 1 : ext);

    for (char *c = copy; *c != '\0'; c++) {
        *c = (char)apr_tolower(*c);
    }
    return copy;
}

static void set_handler(cmd_parms *cmd, void *slot, const char *ext,
                        const char *value)
{
    mp_overheard *heard = part_of(cmd, slot);

    if (heard->handlers == NULL) {
        heard->handlers = apr_table_make(cmd->pool, 4);
    }
    apr_table_setn(heard->handlers, canonical_ext(cmd->pool, ext), value);
}

const char *mp_overheard_add_handler(cmd_parms *cmd, void *slot,
                                     const char *handler, const char *ext)
{
    const char *error = check_loaded(cmd, "mod_mime.c");

    if (error == NULL) {
        set_handler(cmd, slot, ext,
                    strcasecmp(handler, "mod_python") == 0
                            || strcasecmp(handler, "python-program") == 0
                        ? "1"
                        : "");
    }
    return error;
}

const char *mp_overheard_remove_handler(cmd_parms *cmd, void *slot,
                                        const char *ext)
{
    const char *error = check_loaded(cmd, "mod_mime.c");

    if (error == NULL) {
        set_handler(cmd, slot, ext, "");
    }
    return error;
}

mp_overheard *mp_overheard_merge(apr_pool_t *p, mp_overheard *base,
                                 mp_overheard *add)
{
    mp_overheard *merged;

    if (base == NULL || add == NULL) {
        return add != NULL ? add : base;
    }
    merged = apr_pmemdup(p, add, sizeof(*add));
    if (add->how == MERGING_UNSET && add->requires == NULL) {
        merged->requires = base->requires;
        merged->how = base->how;
    }
    else if (add->how == MERGING_ON && base->requires != NULL) {
        merged->requires = add->requires == NULL
                               ? base->requires
                               : apr_array_append(p, base->requires,
                                                  add->requires);
    }
    if (add->handlers == NULL) {
        merged->handlers = base->handlers;
    }
    else if (base->handlers != NULL) {
        merged->handlers = apr_table_copy(p, base->handlers);
        apr_table_overlap(merged->handlers, add->handlers,
                          APR_OVERLAP_TABLES_SET);
    }
    return merged;
}

apr_array_header_t *mp_overheard_requires(apr_pool_t *p,
                                          const mp_overheard *heard,
                                          int method_number)
{
    apr_array_header_t *lines = apr_array_make(p, 2, sizeof(const char *));
    const apr_array_header_t *all = heard != NULL ? heard->requires : NULL;

    for (int i = 0; all != NULL && i < all->nelts; i++) {
        const require_line *line = &APR_ARRAY_IDX(all, i, require_line);

        if ((apr_uint64_t)line->methods >> method_number & 1) {
            APR_ARRAY_PUSH(lines, const char *) = line->args;
        }
    }
    return lines;
}

const char *mp_overheard_extensions(apr_pool_t *p, const mp_overheard *heard)
{
    const apr_array_header_t *all;
    apr_array_header_t *ours;

    if (heard == NULL || heard->handlers == NULL) {
        return "";
    }
    all = apr_table_elts(heard->handlers);
    ours = apr_array_make(p, all->nelts, sizeof(const char *));
    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry =
            &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        if (*entry->val != '\0') {
            APR_ARRAY_PUSH(ours, const char *) = entry->key;
        }
    }
    return apr_array_pstrcat(p, ours, ' ');
}
