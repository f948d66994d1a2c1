/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Makes and merges the configuration records and applies the defaults. Merging
 * happens for each request below a .htaccess: what one side does not set is
 * shared, never copied. */
#include "core/config.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_main.h>

/* CPython's own, in microseconds. */
#define DEFAULT_SWITCH_INTERVAL 5000

/* Present and former names of options, with their lengths: these are looked
 * through whenever options are merged. */
static const struct option_alias {
    const char *key;
    size_t key_length;
    const char *former;
    size_t former_length;
} aliases[] = {
#define ALIAS(key, former) \
    {"mod_python." key, sizeof("mod_python." key) - 1, former, \
     sizeof(former) - 1},
    ALIAS("psp.cache_database_filename", "PSPDbmCache")
    ALIAS("session.session_type", "session")
    ALIAS("session.cookie_name", "session_cookie_name")
    ALIAS("session.application_path", "ApplicationPath")
    ALIAS("session.database_directory", "session_directory")
    ALIAS("dbm_session.database_filename", "session_dbm")
    ALIAS("file_session.enable_fast_cleanup", "session_fast_cleanup")
    ALIAS("file_session.verify_session_timeout", "session_verify_cleanup")
    ALIAS("file_session.cleanup_grace_period", "session_grace_period")
    ALIAS("file_session.cleanup_time_limit", "session_cleanup_time_limit")
#undef ALIAS
};

/* The other name of an option, NULL when it has none. */
static const char *other_name(const char *key)
{
    const size_t length = strlen(key);

    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        const struct option_alias *alias = &aliases[i];

        if (length == alias->key_length && strcasecmp(key, alias->key) == 0) {
            return alias->former;
        }
        if (length == alias->former_length
            && strcasecmp(key, alias->former) == 0) {
            return alias->key;
        }
    }
    return NULL;
}

/* One of the two names at most is in a table, so that the last one set wins
 * whichever it is. */
static void set_option(apr_table_t *options, const char *key,
                       const char *value)
{
    const char *other = other_name(key);

    if (other != NULL) {
        apr_table_unset(options, other);
    }
    apr_table_setn(options, key, value);
}

void mp_config_set_option(apr_pool_t *p, mp_dir_conf *conf, const char *key,
                          const char *value)
{
    if (conf->options == NULL) {
        conf->options = apr_table_make(p, 4);
    }
    set_option(conf->options, key, value);
}

/* A record that no directive has touched. */
static const mp_dir_conf untouched_conf = {
    .interp_per_directory = MP_UNSET,
    .interp_per_directive = MP_UNSET,
    .debug = MP_UNSET,
    .enable_pdb = MP_UNSET,
    .auto_reload = MP_UNSET,
    .handler_timeout = MP_UNSET,
};

void *mp_config_create_dir(apr_pool_t *p, char *dir)
{
    (void)dir; /* the name of the innermost section, see core/match.c */
    return apr_pmemdup(p, &untouched_conf, sizeof(untouched_conf));
}

void mp_config_add_handler(apr_pool_t *p, mp_dir_conf *conf, mp_phase phase,
                           const char *ext, mp_handler *entry)
{
    mp_handler_list_add(p, &conf->handlers[phase], ext, entry);
    conf->list_mask |= MP_PHASE_BIT(phase);
    if (mp_handler_list_has_entries(conf->handlers[phase])) {
        conf->phase_mask |= MP_PHASE_BIT(phase);
    }
    else {
        conf->phase_mask &= ~MP_PHASE_BIT(phase);
    }
}

void mp_config_add_handlers(apr_pool_t *p, mp_dir_conf *conf, mp_phase phase,
                            const mp_handler_list *lists)
{
    for (; lists != NULL; lists = lists->next) {
        if (lists->entries->nelts == 0) {
            mp_config_add_handler(p, conf, phase, lists->ext, NULL);
        }
        for (int i = 0; i < lists->entries->nelts; i++) {
            mp_config_add_handler(p, conf, phase, lists->ext,
                                  APR_ARRAY_IDX(lists->entries, i,
                                                mp_handler *));
        }
    }
}

static void merge_handlers(apr_pool_t *p, mp_dir_conf *merged,
                           const mp_dir_conf *add)
{
    for (unsigned left = add->list_mask; left != 0; left &= left - 1) {
        const int i = __builtin_ctz(left);

        merged->handlers[i] =
            mp_handler_list_merge(p, merged->handlers[i], add->handlers[i]);
        if (mp_handler_list_has_entries(merged->handlers[i])) {
            merged->phase_mask |= MP_PHASE_BIT(i);
        }
        else {
            merged->phase_mask &= ~MP_PHASE_BIT(i);
        }
    }
    merged->list_mask |= add->list_mask;
}

static apr_table_t *merge_options(apr_pool_t *p, apr_table_t *base,
                                  apr_table_t *add)
{
    const apr_array_header_t *rows;
    const apr_table_entry_t *row;
    apr_table_t *merged;

    if (base == NULL || add == NULL) {
        return add == NULL ? base : add;
    }
    merged = apr_table_copy(p, base);
    rows = apr_table_elts(add);
    row = (const apr_table_entry_t *)rows->elts;
    for (int i = 0; i < rows->nelts; i++) {
        set_option(merged, row[i].key, row[i].val);
    }
    return merged;
}

static void merge_flag(int *merged, int add)
{
    if (add != MP_UNSET) {
        *merged = add;
    }
}

/* Not inline: requests of others shall not pay for its registers. */
static __attribute__((noinline)) mp_dir_conf *
merge(apr_pool_t *p, const mp_dir_conf *base, const mp_dir_conf *add)
{
    mp_dir_conf *merged = apr_pmemdup(p, base, sizeof(*merged));

    merge_handlers(p, merged, add);
    if (add->filters != NULL) {
        merged->filters =
            merged->filters == NULL
                ? add->filters
                : apr_array_append(p, merged->filters, add->filters);
    }
    if (add->interpreter != NULL) {
        merged->interpreter = add->interpreter;
    }
    merge_flag(&merged->interp_per_directory, add->interp_per_directory);
    merge_flag(&merged->interp_per_directive, add->interp_per_directive);
    merge_flag(&merged->debug, add->debug);
    merge_flag(&merged->enable_pdb, add->enable_pdb);
    merge_flag(&merged->auto_reload, add->auto_reload);
    if (add->handler_timeout != MP_UNSET) {
        merged->handler_timeout = add->handler_timeout;
    }
    if (add->python_path != NULL) {
        merged->python_path = add->python_path;
    }
    merged->options = merge_options(p, merged->options, add->options);
    merged->overheard =
        mp_overheard_merge(p, merged->overheard, add->overheard);
    return merged;
}

void *mp_config_merge_dir(apr_pool_t *p, void *base, void *add)
{
    /* requests of others come by here too */
    return ((mp_dir_conf *)base)->untouched ? add : merge(p, base, add);
}

void *mp_config_create_server(apr_pool_t *p, server_rec *s)
{
    mp_srv_conf *conf = apr_pcalloc(p, sizeof(*conf));

    conf->server = s;
    conf->optimize = MP_UNSET;
    conf->switch_interval = MP_UNSET;
    conf->htaccess = MP_UNSET;
    conf->interps = apr_array_make(p, 0, sizeof(mp_interp_conf));
    conf->imports = apr_array_make(p, 0, sizeof(mp_import_conf));
    conf->filter_names = apr_array_make(p, 0, sizeof(mp_filter_conf *));
    conf->child_handlers = apr_array_make(p, 0, sizeof(mp_child_conf));
    conf->providers = apr_array_make(p, 0, sizeof(mp_provider_conf *));
    return conf;
}

/* A virtual host sets nothing of its own; what it adds to the lists is put
 * into the base server's at once, see core/directives.c. */
void *mp_config_merge_server(apr_pool_t *p, void *base, void *add)
{
    mp_srv_conf *merged = apr_pmemdup(p, base, sizeof(*merged));

    merged->server = ((mp_srv_conf *)add)->server;
    return merged;
}

void mp_config_post_config(apr_pool_t *p, server_rec *base)
{
    mp_dir_conf *outside = ap_get_module_config(base->lookup_defaults,
                                                &python_module);

    outside->untouched =
        memcmp(outside, &untouched_conf, sizeof(*outside)) == 0;
    for (server_rec *s = base; s != NULL; s = s->next) {
        mp_srv_conf *conf = mp_config_of_server(s);

        if (conf->server != s) {
            /* httpd gives a virtual host without any directive of ours the
             * base server's record */
            conf = apr_pmemdup(p, conf, sizeof(*conf));
            conf->server = s;
            ap_set_module_config(s->module_config, &python_module, conf);
        }
        conf->interpreter = apr_pcalloc(p, sizeof(*conf->interpreter));
        conf->interpreter->name = s->server_hostname != NULL
                                      ? s->server_hostname
                                      : MP_MAIN_INTERPRETER;
    }
}

int mp_config_debug(const mp_dir_conf *conf)
{
    return conf->debug == 1;
}

int mp_config_pdb(const mp_dir_conf *conf)
{
    /* "DEBUG" is what -X defines; the MPMs look at the same two */
    return conf->enable_pdb == 1
           && (ap_exists_config_define("ONE_PROCESS")
               || ap_exists_config_define("DEBUG"));
}

apr_interval_time_t mp_config_switch_interval(const server_rec *base)
{
    apr_interval_time_t interval = mp_config_of_server(base)->switch_interval;

    return interval != MP_UNSET ? interval : DEFAULT_SWITCH_INTERVAL;
}

const mp_interp_conf *mp_config_interp(const server_rec *base,
                                       const char *name)
{
    const apr_array_header_t *interps = mp_config_of_server(base)->interps;

    for (int i = 0; i < interps->nelts; i++) {
        const mp_interp_conf *conf =
            &APR_ARRAY_IDX(interps, i, const mp_interp_conf);

        if (strcmp(conf->name, name) == 0) {
            return conf;
        }
    }
    return NULL;
}

const mp_filter_conf *mp_config_filter(const mp_dir_conf *conf,
                                       const char *name, int is_input)
{
    if (conf->filters == NULL) {
        return NULL;
    }
    /* the innermost section's are at the end */
    for (int i = conf->filters->nelts; i-- > 0;) {
        const mp_filter_conf *filter =
            APR_ARRAY_IDX(conf->filters, i, const mp_filter_conf *);

        if (filter->is_input == is_input
            && strcasecmp(filter->name, name) == 0) {
            return filter;
        }
    }
    return NULL;
}

const char *mp_config_option(const mp_dir_conf *conf, const char *key)
{
    const char *value, *other;

    if (conf->options == NULL) {
        return NULL;
    }
    value = apr_table_get(conf->options, key);
    if (value == NULL) {
        other = other_name(key);
        if (other != NULL) {
            value = apr_table_get(conf->options, other);
        }
    }
    return value != NULL && *value != '\0' ? value : NULL;
}

apr_table_t *mp_config_options_table(apr_pool_t *p, const mp_dir_conf *conf)
{
    apr_table_t *table = apr_table_make(p, 8);
    const apr_array_header_t *rows;
    const apr_table_entry_t *row;

    if (conf->options == NULL) {
        return table;
    }
    rows = apr_table_elts(conf->options);
    row = (const apr_table_entry_t *)rows->elts;
    for (int i = 0; i < rows->nelts; i++) {
        if (*row[i].val != '\0') {
            apr_table_set(table, row[i].key, row[i].val);
        }
    }
    return table;
}

static void put_flag(apr_table_t *table, const char *directive, int value)
{
    if (value != MP_UNSET) {
        apr_table_setn(table, directive, value ? "1" : "0");
    }
}

static void put_text(apr_table_t *table, const char *directive,
                     const char *value)
{
    if (value != NULL) {
        apr_table_set(table, directive, value);
    }
}

static void put_seconds(apr_table_t *table, const char *directive,
                        apr_interval_time_t value)
{
    if (value != MP_UNSET) {
        char seconds[32];

        /* APR's own %g leaves out the 0 of 0.005 */
        snprintf(seconds, sizeof(seconds), "%g",
                 (double)value / APR_USEC_PER_SEC);
        apr_table_set(table, directive, seconds);
    }
}

/* Those of the whole httpd. */
static void put_server_directives(apr_pool_t *p, apr_table_t *table)
{
    const mp_srv_conf *conf = mp_config_of_server(ap_server_conf);

    put_text(table, "PythonHome", conf->python_home);
    put_flag(table, "PythonHtaccess", conf->htaccess);
    if (conf->optimize != MP_UNSET) {
        apr_table_setn(table, "PythonOptimize", apr_itoa(p, conf->optimize));
    }
    put_seconds(table, "PythonSwitchInterval", conf->switch_interval);
}

apr_table_t *mp_config_directives_table(apr_pool_t *p, const mp_dir_conf *conf)
{
    apr_table_t *table = apr_table_make(p, 8);

    put_text(table, "PythonInterpreter",
             conf->interpreter != NULL ? conf->interpreter->name : NULL);
    put_flag(table, "PythonInterpPerDirectory", conf->interp_per_directory);
    put_flag(table, "PythonInterpPerDirective", conf->interp_per_directive);
    put_flag(table, "PythonDebug", conf->debug);
    put_flag(table, "PythonEnablePdb", conf->enable_pdb);
    put_flag(table, "PythonAutoReload", conf->auto_reload);
    put_seconds(table, "PythonHandlerTimeout", conf->handler_timeout);
    put_text(table, "PythonPath", conf->python_path);
    put_server_directives(p, table);
    return table;
}
