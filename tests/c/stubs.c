/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* See stubs.h. The ap_* functions do what their manual says as far as core
 * depends on it. */
#include "stubs.h"

#include <ctype.h>
#include <regex.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include <apr_global_mutex.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <unixd.h>
#include <util_mutex.h>

#include "core/directives.h"

module AP_MODULE_DECLARE_DATA python_module; /* its index is 0 */

server_rec *ap_server_conf;
const char *stub_define;
int stub_main_state = AP_SQ_MS_CREATE_CONFIG;
apr_status_t stub_mutex_status = APR_SUCCESS;
apr_lockmech_e stub_mutex_kind = APR_LOCK_DEFAULT;

static char last_message[1000];

const char *stub_logged(void)
{
    static char copy[sizeof(last_message)];

    apr_cpystrn(copy, last_message, sizeof(copy));
    last_message[0] = '\0';
    return copy;
}

/* ---- httpd's functions ---- */

void ap_log_error_(const char *file, int line, int module_index, int level,
                   apr_status_t status, const server_rec *s, const char *fmt,
                   ...)
{
    va_list args;
    (void)file;
    (void)line;
    (void)module_index;
    (void)level;
    (void)status;
    (void)s;

    va_start(args, fmt);
    apr_vsnprintf(last_message, sizeof(last_message), fmt, args);
    va_end(args);
}

int ap_state_query(int query_code)
{
    return query_code == AP_SQ_MAIN_STATE ? stub_main_state
                                          : AP_SQ_NOT_SUPPORTED;
}

int ap_exists_config_define(const char *name)
{
    return stub_define != NULL && strcmp(stub_define, name) == 0;
}

module *ap_find_linked_module(const char *name)
{
    (void)name;
    return &python_module;
}

char *ap_server_root_relative(apr_pool_t *p, const char *fname)
{
    return *fname == '/' ? apr_pstrdup(p, fname)
                         : apr_pstrcat(p, "/server-root/", fname, NULL);
}

char *ap_make_dirstr_parent(apr_pool_t *p, const char *s)
{
    return apr_pstrndup(p, s, (apr_size_t)(strrchr(s, '/') + 1 - s));
}

void ap_str_tolower(char *s)
{
    for (; *s != '\0'; s++) {
        *s = (char)apr_tolower(*s);
    }
}

char *ap_getword_conf(apr_pool_t *p, const char **line)
{
    const char *start, *end;
    char *word, *to;
    char quote;

    for (start = *line; apr_isspace(*start);) {
        start++;
    }
    if (*start != '"' && *start != '\'') {
        for (end = start; *end != '\0' && !apr_isspace(*end);) {
            end++;
        }
        word = apr_pstrndup(p, start, (apr_size_t)(end - start));
    }
    else {
        quote = *start++;
        to = word = apr_palloc(p, strlen(start) + 1);
        for (end = start; *end != '\0' && *end != quote; end++) {
            if (*end == '\\' && (end[1] == '\\' || end[1] == quote)) {
                end++;
            }
            *to++ = *end;
        }
        *to = '\0';
        end += *end == quote;
    }
    while (apr_isspace(*end)) {
        end++;
    }
    *line = end;
    return word;
}

ap_regex_t *ap_pregcomp(apr_pool_t *p, const char *pattern, int cflags)
{
    ap_regex_t *regex = apr_pcalloc(p, sizeof(*regex));
    regex_t *compiled = apr_pcalloc(p, sizeof(*compiled));
    (void)cflags;

    if (regcomp(compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return NULL;
    }
    apr_pool_cleanup_register(p, compiled,
                              (apr_status_t(*)(void *))(void (*)(void))regfree,
                              apr_pool_cleanup_null);
    regex->re_pcre = compiled;
    return regex;
}

int ap_regexec(const ap_regex_t *preg, const char *string, apr_size_t nmatch,
               ap_regmatch_t *pmatch, int eflags)
{
    (void)nmatch;
    (void)pmatch;
    (void)eflags;
    return regexec(preg->re_pcre, string, 0, NULL, 0);
}

const char *ap_check_cmd_context(cmd_parms *cmd, unsigned forbidden)
{
    if ((forbidden & NOT_IN_VIRTUALHOST) && cmd->server->is_virtual) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           " cannot occur within <VirtualHost> section", NULL);
    }
    return NULL;
}

apr_status_t ap_mutex_register(apr_pool_t *pconf, const char *type,
                               const char *default_dir,
                               apr_lockmech_e default_mech,
                               apr_int32_t options)
{
    (void)pconf;
    (void)type;
    (void)default_dir;
    (void)options;
    stub_mutex_kind = default_mech;
    return APR_SUCCESS;
}

apr_status_t ap_global_mutex_create(apr_global_mutex_t **mutex,
                                    const char **name, const char *type,
                                    const char *instance_id,
                                    server_rec *server, apr_pool_t *pool,
                                    apr_int32_t options)
{
    (void)name;
    (void)type;
    (void)instance_id;
    (void)server;
    (void)options;
    if (stub_mutex_status != APR_SUCCESS) {
        return stub_mutex_status;
    }
    return apr_global_mutex_create(mutex, NULL, stub_mutex_kind, pool);
}

apr_status_t ap_unixd_set_global_mutex_perms(apr_global_mutex_t *gmutex)
{
    (void)gmutex;
    return APR_SUCCESS;
}

/* ---- servers and configuration lines ---- */

server_rec *stub_server(apr_pool_t *p, server_rec *base, const char *name)
{
    server_rec *s = apr_pcalloc(p, sizeof(*s));
    void **module_config = apr_pcalloc(p, sizeof(void *));
    void **lookup_defaults = apr_pcalloc(p, sizeof(void *));

    s->server_hostname = apr_pstrdup(p, name);
    s->module_config = (ap_conf_vector_t *)module_config;
    s->lookup_defaults = (ap_conf_vector_t *)lookup_defaults;
    s->log.level = APLOG_DEBUG;
    if (base == NULL) {
        ap_server_conf = s;
        module_config[0] = mp_config_create_server(p, s);
        lookup_defaults[0] = mp_config_create_dir(p, NULL);
    }
    else {
        s->is_virtual = 1;
        s->next = base->next;
        base->next = s;
    }
    return s;
}

ap_directive_t *stub_node(apr_pool_t *p, ap_directive_t *parent,
                          const char *directive, const char *args)
{
    ap_directive_t *node = apr_pcalloc(p, sizeof(*node));

    node->directive = directive;
    node->args = args;
    node->parent = parent;
    return node;
}

stub_place stub_in_server(apr_pool_t *p, server_rec *s)
{
    void **vector = (void **)s->lookup_defaults;

    if (vector[0] == NULL) { /* httpd makes them at the first directive */
        vector[0] = mp_config_create_dir(p, NULL);
        ap_set_module_config(s->module_config, &python_module,
                             mp_config_create_server(p, s));
    }
    return (stub_place){.p = p, .s = s, .conf = vector[0]};
}

stub_place stub_in_section(const stub_place *outer, const char *directive,
                           const char *args)
{
    stub_place place = *outer;

    place.parent = stub_node(place.p, place.parent, directive, args);
    if (strcasecmp(directive, "<Limit") != 0) {
        place.path = apr_pstrdup(place.p, args);
        place.conf = mp_config_create_dir(place.p, NULL);
    }
    return place;
}

stub_place stub_in_htaccess(apr_pool_t *p, server_rec *s,
                            const char *directory)
{
    return (stub_place){.p = p,
                        .s = s,
                        .htaccess =
                            apr_pstrcat(p, directory, ".htaccess", NULL),
                        .path = apr_pstrdup(p, directory),
                        .conf = mp_config_create_dir(p, NULL)};
}

void stub_cmd(const stub_place *place, cmd_parms *cmd)
{
    ap_directive_t *node = stub_node(place->p, place->parent, "", "");

    memset(cmd, 0, sizeof(*cmd));
    node->filename =
        place->htaccess != NULL ? place->htaccess : "/etc/httpd.conf";
    cmd->directive = node;
    cmd->pool = place->p;
    cmd->temp_pool = place->p;
    if (place->htaccess == NULL) {
        apr_pool_create(&cmd->temp_pool, place->p);
    }
    cmd->server = place->s;
    cmd->path =
        place->path != NULL ? apr_pstrdup(place->p, place->path) : NULL;
    cmd->limited = -1;
}

static const command_rec *find(const char *name)
{
    for (const command_rec *row = mp_directives; row->name != NULL; row++) {
        if (strcasecmp(row->name, name) == 0) {
            return row;
        }
    }
    return NULL;
}

/* "takes 1 to 2 arguments", with what the table adds to it */
static const char *count_error(apr_pool_t *p, const command_rec *row)
{
    return apr_pstrcat(p, row->name, " takes other arguments, ", row->errmsg,
                       NULL);
}

const char *stub_line(const stub_place *place, const char *line)
{
    apr_pool_t *p = place->p;
    const command_rec *row = find(ap_getword_conf(p, &line));
    const char *word[4] = {NULL};
    cmd_parms cmd;
    int count;

    stub_cmd(place, &cmd);
    if (row == NULL) {
        return "Invalid command";
    }
    cmd.cmd = row;
    cmd.info = row->cmd_data;
    if (row->args_how == RAW_ARGS) {
        return row->AP_RAW_ARGS(&cmd, place->conf, line);
    }
    /* an empty word is to httpd as good as none */
    for (count = 0; count < 4 && *line != '\0'; count++) {
        word[count] = ap_getword_conf(p, &line);
        if (*word[count] == '\0') {
            word[count] = NULL;
            break;
        }
    }
    switch ((int)row->args_how) {
    case FLAG:
        if (count == 1 && strcasecmp(word[0], "On") == 0) {
            return row->AP_FLAG(&cmd, place->conf, 1);
        }
        if (count == 1 && strcasecmp(word[0], "Off") == 0) {
            return row->AP_FLAG(&cmd, place->conf, 0);
        }
        return apr_pstrcat(p, row->name, " must be On or Off", NULL);
    case TAKE1:
        return count == 1 ? row->AP_TAKE1(&cmd, place->conf, word[0])
                          : count_error(p, row);
    case TAKE12:
        if (count != 1 && count != 2) {
            return count_error(p, row);
        }
        return row->AP_TAKE2(&cmd, place->conf, word[0], word[1]);
    case TAKE2:
        return count == 2 ? row->AP_TAKE2(&cmd, place->conf, word[0], word[1])
                          : count_error(p, row);
    case TAKE123:
        return count >= 1 && count <= 3
                   ? row->AP_TAKE3(&cmd, place->conf, word[0], word[1],
                                   word[2])
                   : count_error(p, row);
    default:
        return "the stub does not know this kind of arguments";
    }
}
