/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The directives: a table and the functions that put their arguments into the
 * configuration records. What they return is the message httpd shows with
 * file and line: it says what to write instead. httpd itself refuses a wrong
 * number of arguments and empty ones, except for handlers (RAW_ARGS). */
#include "core/directives.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>
#include <apr_time.h>
#include <http_core.h>
#include <http_main.h>
#include <httpd.h>

#include "core/config.h"
#include "core/handler_list.h"
#include "core/known_lines.h"
#include "core/match.h"
#include "core/mutex.h"
#include "core/overheard.h"
#include "core/phase.h"

/* Seconds that make sense for PythonSwitchInterval. */
#define MIN_SWITCH_INTERVAL 0.000001
#define MAX_SWITCH_INTERVAL 3600.0
/* A year, for PythonHandlerTimeout. */
#define MAX_HANDLER_TIMEOUT (365 * 86400.0)

/* More than there are cores is of no use. */
#define MAX_INSTANCES 64

/* ---- where a directive may stand ---- */

static int in_htaccess(const cmd_parms *cmd)
{
    return cmd->pool == cmd->temp_pool;
}

/* For every directive that httpd lets into .htaccess. */
static const char *check_htaccess(cmd_parms *cmd)
{
    if (in_htaccess(cmd) && mp_config_of_server(cmd->server)->htaccess == 0) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           " is not allowed in .htaccess because of "
                           "PythonHtaccess Off: write it into the server "
                           "configuration, or set PythonHtaccess On there",
                           NULL);
    }
    return NULL;
}

/* For what exists once in an httpd. */
static const char *check_global(cmd_parms *cmd)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (error == NULL) {
        return NULL;
    }
    return apr_pstrcat(cmd->pool, error,
                       ": write it into the main server configuration, "
                       "outside any section",
                       NULL);
}

/* The base server's record while the configuration is read. */
static mp_srv_conf *base_conf(void)
{
    return mp_config_of_server(ap_server_conf);
}

/* ---- handlers ---- */

/* Entries whose directory is not known before the request, and those that are
 * made anew for each request, are looked up by value. */
static int slot_for(const mp_section *section)
{
    if (section->htaccess || section->kind == MP_SECTION_WILDCARD
        || section->kind == MP_SECTION_REGEX) {
        return -1;
    }
    return mp_handler_next_slot();
}

static const char *with_name(const cmd_parms *cmd, const char *error)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", error, NULL);
}

static mp_handler *make_handler(const cmd_parms *cmd, const char *spec,
                                const char *function,
                                const mp_section *section, int silent,
                                const char **error)
{
    mp_handler *handler = mp_handler_make(cmd->pool, spec, function, section,
                                          silent, slot_for(section), error);

    if (handler == NULL) {
        *error = with_name(cmd, *error);
    }
    return handler;
}

static int is_none(const char *word)
{
    return strcasecmp(word, "None") == 0;
}

/* The arguments of a handler directive, taken apart. */
typedef struct handler_args {
    apr_array_header_t *specs; /* of const char *, before the bar */
    apr_array_header_t *exts;  /* of const char *, after it */
    int bar;
} handler_args;

static const char *check_ext(const cmd_parms *cmd, const char *ext)
{
    if (strcmp(ext, "|") == 0) {
        return with_name(cmd, "there is more than one \"|\": write all "
                              "extensions after one, such as | .html .txt");
    }
    if (ext[0] != '.') {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" after \"|\" is not an extension: "
                            "write .%s",
                            cmd->cmd->name, ext, ext);
    }
    if (ext[1] == '\0' || strpbrk(ext, "/|") != NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not an extension: write a dot and "
                            "letters, such as .html",
                            cmd->cmd->name, ext);
    }
    return NULL;
}

static const char *add_ext(const cmd_parms *cmd, handler_args *to,
                           const char *ext)
{
    const char *error = check_ext(cmd, ext);

    if (error == NULL) {
        APR_ARRAY_PUSH(to->exts, const char *) = ext;
    }
    return error;
}

static const char *add_spec(const cmd_parms *cmd, handler_args *to,
                            const char *word)
{
    if (strchr(word, '|') != NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: write a blank before the \"|\" of \"%s\"",
                            cmd->cmd->name, word);
    }
    APR_ARRAY_PUSH(to->specs, const char *) = word;
    return NULL;
}

/* handler [handler ...] [| .ext [.ext ...]] */
static const char *split_args(const cmd_parms *cmd, const char *args,
                              handler_args *to)
{
    const char *error = NULL;

    to->specs = apr_array_make(cmd->pool, 2, sizeof(const char *));
    to->exts = apr_array_make(cmd->pool, 2, sizeof(const char *));
    to->bar = 0;
    while (error == NULL && *args != '\0') {
        const char *word = ap_getword_conf(cmd->pool, &args);

        if (to->bar) {
            error = add_ext(cmd, to, word);
        }
        else if (word[0] == '|') {
            to->bar = 1;
            error = word[1] != '\0' ? add_ext(cmd, to, word + 1) : NULL;
        }
        else {
            error = add_spec(cmd, to, word);
        }
    }
    if (error != NULL) {
        return error;
    }
    if (to->specs->nelts == 0) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           " needs a handler: write ", cmd->cmd->name, " ",
                           cmd->cmd->errmsg, NULL);
    }
    if (to->bar && to->exts->nelts == 0) {
        return with_name(cmd, "there is no extension after \"|\": write one, "
                              "such as | .html, or leave the \"|\" out");
    }
    return NULL;
}

/* Are what is written and where it stands right for this phase? */
static const char *check_args(const cmd_parms *cmd, const handler_args *args,
                              mp_phase phase)
{
    if (args->bar && !mp_phases[phase].ext) {
        return with_name(cmd, "takes no extensions: leave the \"|\" and what "
                              "follows out");
    }
    if (args->bar && phase == MP_PHASE_INIT && cmd->path == NULL) {
        return with_name(cmd, "takes no extensions outside a section, the "
                              "file name is not known so early: write it "
                              "into a <Directory>, <Location> or <Files> "
                              "section");
    }
    if (args->specs->nelts > 1) {
        for (int i = 0; i < args->specs->nelts; i++) {
            if (is_none(APR_ARRAY_IDX(args->specs, i, const char *))) {
                return with_name(cmd, "None stands beside other handlers: "
                                      "write None alone, or leave it out");
            }
        }
    }
    return NULL;
}

/* Set once, when httpd loads the module. */
static mp_directives_early_fn early_fn;

void mp_directives_set_early(mp_directives_early_fn fn)
{
    early_fn = fn;
}

/* A handler of this phase was met; not in .htaccess, where none is early. */
static void announce(const mp_section *section, mp_phase phase)
{
    if (phase <= MP_PHASE_INIT && !section->htaccess && early_fn != NULL) {
        early_fn();
    }
}

/* Adds entry (NULL: "None") to the list of each extension, or to the plain
 * one. */
static void add_to_lists(const cmd_parms *cmd, mp_dir_conf *conf,
                         mp_phase phase, const handler_args *args,
                         mp_handler *entry)
{
    if (args->exts->nelts == 0) {
        mp_config_add_handler(cmd->pool, conf, phase, NULL, entry);
    }
    for (int i = 0; i < args->exts->nelts; i++) {
        mp_config_add_handler(cmd->pool, conf, phase,
                              APR_ARRAY_IDX(args->exts, i, const char *),
                              entry);
    }
}

/* Takes a handler directive apart and puts it into conf. */
static const char *read_handlers(cmd_parms *cmd, mp_dir_conf *conf,
                                 mp_phase phase, const char *text)
{
    const mp_section *section;
    handler_args args;
    const char *error = split_args(cmd, text, &args);

    if (error != NULL) {
        return error;
    }
#if !AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
    if (phase == MP_PHASE_PRE_TRANS) {
        return with_name(cmd, "this httpd has no such phase: it came with "
                              "httpd 2.4.49");
    }
#endif
    error = check_args(cmd, &args, phase);
    section = mp_section_of(cmd);
    for (int i = 0; error == NULL && i < args.specs->nelts; i++) {
        const char *spec = APR_ARRAY_IDX(args.specs, i, const char *);
        mp_handler *entry = NULL;

        if (!is_none(spec)) {
            entry = make_handler(cmd, spec, mp_phases[phase].function, section,
                                 0, &error);
        }
        if (error == NULL) {
            add_to_lists(cmd, conf, phase, &args, entry);
            announce(section, phase);
        }
    }
    return error;
}

/* A line of .htaccess that was right. */
typedef struct right_line {
    const cmd_parms *cmd;
    mp_phase phase;
    const char *text;
} right_line;

/* Reads it once more, to keep. */
static mp_handler_list *read_to_keep(apr_pool_t *p, void *baton)
{
    const right_line *line = baton;
    mp_dir_conf *conf = mp_config_create_dir(p, NULL);
    cmd_parms cmd = *line->cmd;

    cmd.pool = cmd.temp_pool = p;
    cmd.path = apr_pstrdup(p, cmd.path);
    return read_handlers(&cmd, conf, line->phase, line->text) == NULL
               ? conf->handlers[line->phase]
               : NULL;
}

/* Those in a section of a .htaccess are rare and have another directory. */
static int may_be_known(const cmd_parms *cmd)
{
    return in_htaccess(cmd) && cmd->directive->parent == NULL
           && cmd->path != NULL;
}

static const char *set_handlers(cmd_parms *cmd, void *mconfig,
                                const char *text)
{
    const mp_phase phase =
        (mp_phase)((const mp_phase_info *)cmd->info - mp_phases);
    const char *error = check_htaccess(cmd);
    const mp_handler_list *known;

    if (error != NULL) {
        return error;
    }
    if (!may_be_known(cmd)) {
        return read_handlers(cmd, mconfig, phase, text);
    }
    known = mp_known_lines_find(phase, cmd->path, text);
    if (known != NULL) {
        mp_config_add_handlers(cmd->pool, mconfig, phase, known);
        return NULL;
    }
    error = read_handlers(cmd, mconfig, phase, text);
    if (error == NULL) {
        right_line line = {cmd, phase, text};

        mp_known_lines_add(phase, cmd->path, text, read_to_keep, &line);
    }
    return error;
}

/* Those of a child. */
static const char *add_child_handler(cmd_parms *cmd, void *mconfig,
                                     const char *spec,
                                     const char *interpreter)
{
    const mp_phase_info *info = cmd->info;
    const char *error = check_global(cmd);
    mp_handler *handler;
    mp_child_conf *child;
    (void)mconfig;

    if (error != NULL) {
        return error;
    }
    handler = make_handler(cmd, spec, info->function, mp_section_of(cmd), 0,
                           &error);
    if (handler == NULL) {
        return error;
    }
    child = apr_array_push(base_conf()->child_handlers);
    child->phase = (mp_phase)(info - mp_phases);
    child->handler = handler;
    child->interpreter = interpreter;
    return NULL;
}

/* PythonHandlerModule: one silent entry in each phase that is possible
 * here. */
static const char *set_handler_module(cmd_parms *cmd, void *mconfig,
                                      const char *module)
{
    const mp_section *section;
    const char *error = check_htaccess(cmd);

    if (error != NULL) {
        return error;
    }
    if (strstr(module, "::") != NULL) {
        return apr_psprintf(cmd->pool,
                            "%s takes a module without an object, not "
                            "\"%s\": write %s %.*s, or PythonHandler %s",
                            cmd->cmd->name, module, cmd->cmd->name,
                            (int)(strstr(module, "::") - module), module,
                            module);
    }
    section = mp_section_of(cmd);
    for (int i = 0; i < MP_PHASE_COUNT; i++) {
        mp_handler *entry = NULL;

        if (!mp_phases[i].module
            || (mp_phases[i].where == MP_WHERE_SERVER && cmd->path != NULL)) {
            continue;
        }
        if (!is_none(module)) {
            entry = make_handler(cmd, module, mp_phases[i].function, section,
                                 1, &error);
            if (entry == NULL) {
                return error;
            }
        }
        mp_config_add_handler(cmd->pool, mconfig, (mp_phase)i, NULL, entry);
        announce(section, (mp_phase)i);
    }
    return NULL;
}

/* Set once, when httpd loads the module. */
static mp_directives_filter_fn filter_fn;

void mp_directives_set_filter(mp_directives_filter_fn fn)
{
    filter_fn = fn;
}

/* PythonInputFilter (info not NULL) and PythonOutputFilter */
static const char *set_filter(cmd_parms *cmd, void *mconfig, const char *spec,
                              const char *name)
{
    mp_dir_conf *conf = mconfig;
    mp_filter_conf *filter = apr_pcalloc(cmd->pool, sizeof(*filter));
    char *lower = apr_pstrdup(cmd->pool, name != NULL ? name : spec);
    const char *error;

    filter->is_input = cmd->info != NULL;
    filter->handler =
        make_handler(cmd, spec,
                     filter->is_input ? "inputfilter" : "outputfilter",
                     mp_section_of(cmd), 0, &error);
    if (filter->handler == NULL) {
        return error;
    }
    ap_str_tolower(lower);
    filter->name = lower;
    if (conf->filters == NULL) {
        conf->filters = apr_array_make(cmd->pool, 2, sizeof(filter));
    }
    APR_ARRAY_PUSH(conf->filters, mp_filter_conf *) = filter;
    APR_ARRAY_PUSH(base_conf()->filter_names, mp_filter_conf *) = filter;
    if (filter_fn != NULL) {
        filter_fn(filter);
    }
    return NULL;
}

/* PythonImport: in the base server's list, so that the lines of all servers
 * keep their order. */
static const char *add_import(cmd_parms *cmd, void *mconfig, const char *spec,
                              const char *interpreter)
{
    const char *error;
    const mp_handler *parts =
        mp_handler_make(cmd->pool, spec, NULL, mp_section_of(cmd), 0, -1,
                        &error);
    mp_import_conf *import;
    (void)mconfig;

    if (parts == NULL) {
        return with_name(cmd, error);
    }
    import = apr_array_push(base_conf()->imports);
    import->module = parts->module;
    import->function = parts->object;
    import->interpreter = interpreter;
    import->server = cmd->server;
    return NULL;
}

/* Set once, when httpd loads the module. */
static mp_directives_provider_fn provider_fn;

void mp_directives_set_provider(mp_directives_provider_fn fn)
{
    provider_fn = fn;
}

/* PythonAuthzProvider (info not NULL) and PythonAuthnProvider */
static const char *add_provider(cmd_parms *cmd, void *mconfig,
                                const char *name, const char *spec)
{
    const char *error = check_global(cmd);
    mp_provider_conf *provider = apr_pcalloc(cmd->pool, sizeof(*provider));
    (void)mconfig;

    if (error != NULL) {
        return error;
    }
    provider->directive = cmd->cmd->name;
    provider->name = name;
    provider->is_authz = cmd->info != NULL;
    provider->handler = make_handler(
        cmd, spec, provider->is_authz ? "authzprovider" : "authnprovider",
        mp_section_of(cmd), 0, &error);
    if (provider->handler == NULL) {
        return error;
    }
    APR_ARRAY_PUSH(base_conf()->providers, mp_provider_conf *) = provider;
    error = provider_fn != NULL ? provider_fn(cmd, provider) : NULL;
    return error != NULL ? with_name(cmd, error) : NULL;
}

/* ---- single values ---- */

static const char *set_interpreter(cmd_parms *cmd, void *mconfig,
                                   const char *name)
{
    mp_dir_conf *conf = mconfig;
    mp_interp_ref *ref;
    const char *error = check_htaccess(cmd);

    if (error != NULL) {
        return error;
    }
    ref = apr_pcalloc(cmd->pool, sizeof(*ref));
    ref->name = name;
    conf->interpreter = ref;
    return NULL;
}

static const char *set_path(cmd_parms *cmd, void *mconfig,
                            const char *expression)
{
    mp_dir_conf *conf = mconfig;
    const char *error = check_htaccess(cmd);

    if (error == NULL) {
        conf->python_path = expression;
    }
    return error;
}

/* cmd->info is the offset of the member. */
static const char *set_flag(cmd_parms *cmd, void *mconfig, int on)
{
    const char *error = check_htaccess(cmd);

    if (error == NULL) {
        *(int *)((char *)mconfig + (size_t)cmd->info) = on ? 1 : 0;
    }
    return error;
}

/* @return NULL and *interval, or what is wrong */
static const char *parse_seconds(const cmd_parms *cmd, const char *value,
                                 double min, double max, const char *wanted,
                                 apr_interval_time_t *interval)
{
    char *end;
    const double seconds = strtod(value, &end);

    /* "not in the range" would let a NaN through */
    if (end == value || *end != '\0'
        || !(seconds >= min && seconds <= max)) {
        return apr_psprintf(cmd->pool, "%s must be %s, not \"%s\"",
                            cmd->cmd->name, wanted, value);
    }
    *interval = (apr_interval_time_t)(seconds * APR_USEC_PER_SEC + 0.5);
    return NULL;
}

static const char *set_handler_timeout(cmd_parms *cmd, void *mconfig,
                                       const char *value)
{
    mp_dir_conf *conf = mconfig;
    const char *error = check_htaccess(cmd);

    return error != NULL
               ? error
               : parse_seconds(cmd, value, 0, MAX_HANDLER_TIMEOUT,
                               "a number of seconds, such as 30, or 0 for no "
                               "limit",
                               &conf->handler_timeout);
}

/* Keys that are read once for all, not for a request. */
static const char *check_option(const cmd_parms *cmd, const char *key,
                                const char *value)
{
    const char *error = NULL;
    int is_locks = strcasecmp(key, "mod_python.mutex_locks") == 0;
    int is_mutex =
        is_locks || strcasecmp(key, "mod_python.mutex_directory") == 0;
    int is_log = strcasecmp(key, "mod_python.log.stdout_level") == 0
                 || strcasecmp(key, "mod_python.log.stderr_level") == 0;
    int locks;

    if ((is_mutex && (cmd->path != NULL || cmd->server->is_virtual))
        || (is_log && cmd->path != NULL)) {
        return apr_psprintf(cmd->pool,
                            "%s %s counts for the whole server: write it "
                            "into the %sserver configuration, outside any "
                            "section",
                            cmd->cmd->name, key, is_mutex ? "main " : "");
    }
    if (is_locks && *value != '\0') {
        error = mp_mutex_parse_locks(value, &locks);
    }
    if (error != NULL) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " ", key, " ", error,
                           ", not \"", value, "\"", NULL);
    }
    return NULL;
}

static const char *set_option(cmd_parms *cmd, void *mconfig, const char *key,
                              const char *value)
{
    const char *error = check_htaccess(cmd);

    if (value == NULL) {
        value = "";
    }
    if (error == NULL) {
        error = check_option(cmd, key, value);
    }
    if (error == NULL) {
        mp_config_set_option(cmd->pool, mconfig, key, value);
    }
    return error;
}

/* ---- the whole httpd ---- */

static const char *set_home(cmd_parms *cmd, void *mconfig, const char *path)
{
    const char *error = check_global(cmd);
    const char *absolute;
    (void)mconfig;

    if (error != NULL) {
        return error;
    }
    absolute = ap_server_root_relative(cmd->pool, path);
    if (absolute == NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is not a path: write that of a "
                            "Python installation or virtual environment, "
                            "such as /usr",
                            cmd->cmd->name, path);
    }
    base_conf()->python_home = absolute;
    return NULL;
}

static const char *set_optimize(cmd_parms *cmd, void *mconfig,
                                const char *value)
{
    const char *error = check_global(cmd);
    int level;
    (void)mconfig;

    if (error != NULL) {
        return error;
    }
    if (strcasecmp(value, "On") == 0) {
        level = 1;
    }
    else if (strcasecmp(value, "Off") == 0) {
        level = 0;
    }
    else if (strcmp(value, "2") == 0) {
        level = 2;
    }
    else {
        return apr_psprintf(cmd->pool,
                            "%s must be On (as python -O), Off or 2 (as "
                            "python -OO), not \"%s\"",
                            cmd->cmd->name, value);
    }
    base_conf()->optimize = level;
    return NULL;
}

static const char *set_switch_interval(cmd_parms *cmd, void *mconfig,
                                       const char *value)
{
    const char *error = check_global(cmd);
    (void)mconfig;

    return error != NULL
               ? error
               : parse_seconds(cmd, value, MIN_SWITCH_INTERVAL,
                               MAX_SWITCH_INTERVAL,
                               "a number of seconds above 0, such as 0.005",
                               &base_conf()->switch_interval);
}

/* gil=shared|own or instances=N; *gil_given is set by the first. */
static const char *set_interp_option(const cmd_parms *cmd,
                                     mp_interp_conf *conf, const char *word,
                                     int *gil_given)
{
    const char *equals = strchr(word, '=');
    const char *value = equals != NULL ? equals + 1 : "";
    char *end;
    long count;

    if (strncasecmp(word, "gil=", 4) == 0) {
        *gil_given = 1;
        conf->own_gil = strcasecmp(value, "own") == 0;
        return conf->own_gil || strcasecmp(value, "shared") == 0
                   ? NULL
                   : apr_psprintf(cmd->pool,
                                  "%s: gil must be shared or own, not \"%s\"",
                                  cmd->cmd->name, value);
    }
    if (strncasecmp(word, "instances=", 10) != 0) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is no option: write gil=shared, "
                            "gil=own or instances=N",
                            cmd->cmd->name, word);
    }
    count = strtol(value, &end, 10);
    if (end == value || *end != '\0' || count < 1 || count > MAX_INSTANCES) {
        return apr_psprintf(cmd->pool,
                            "%s: instances must be a number from 1 to "
                            APR_STRINGIFY(MAX_INSTANCES) ", not \"%s\"",
                            cmd->cmd->name, value);
    }
    conf->instances = (int)count;
    return NULL;
}

/* PythonInterpreterOptions name [gil=shared|own] [instances=N] */
static const char *add_interp_options(cmd_parms *cmd, void *mconfig,
                                      const char *name, const char *one,
                                      const char *two)
{
    const char *const words[] = {one, two};
    const char *error = check_global(cmd);
    mp_interp_conf conf = {.name = name, .instances = 1};
    int gil_given = 0;
    (void)mconfig;

    for (int i = 0; error == NULL && i < 2 && words[i] != NULL; i++) {
        error = set_interp_option(cmd, &conf, words[i], &gil_given);
    }
    if (error != NULL) {
        return error;
    }
    if (conf.instances > 1 && gil_given && !conf.own_gil) {
        return with_name(cmd, "several instances run in parallel only with a "
                              "GIL each: write gil=own, or leave instances "
                              "out");
    }
    conf.own_gil = conf.own_gil || conf.instances > 1;
    if (conf.own_gil && strcmp(conf.name, MP_MAIN_INTERPRETER) == 0) {
        return with_name(cmd, MP_MAIN_INTERPRETER " is the process's own "
                              "interpreter, there is one with the main GIL: "
                              "give the handlers another PythonInterpreter");
    }
    if (mp_config_interp(ap_server_conf, conf.name) != NULL) {
        return apr_psprintf(cmd->pool,
                            "%s: there are options for %s already: write "
                            "them all into one line",
                            cmd->cmd->name, conf.name);
    }
    APR_ARRAY_PUSH(base_conf()->interps, mp_interp_conf) = conf;
    return NULL;
}

static const char *set_htaccess(cmd_parms *cmd, void *mconfig, int on)
{
    const char *error = check_global(cmd);
    (void)mconfig;

    if (error == NULL) {
        base_conf()->htaccess = on ? 1 : 0;
    }
    return error;
}

/* ---- the table ---- */

/* Contexts of the manual: S V; S V D; S V D H. S alone is S V and
 * check_global(). */
#define IN_SV RSRC_CONF
#define IN_SVD (RSRC_CONF | ACCESS_CONF)
#define IN_SVDH OR_ALL

/* phases.def's forms of the arguments, and its names for the contexts */
#define USAGE_0 "handler [handler ...]"
#define USAGE_1 USAGE_0 " [| .ext [.ext ...]]"
#define HANDLERS(id, directive, ext, where)                                   \
    AP_INIT_RAW_ARGS(directive, set_handlers,                                 \
                     (void *)&mp_phases[MP_PHASE_##id], where, USAGE_##ext),
#define WHERE_ANY(id, directive, ext) HANDLERS(id, directive, ext, IN_SVDH)
#define WHERE_SERVER(id, directive, ext) HANDLERS(id, directive, ext, IN_SV)
#define WHERE_CHILD(id, directive, ext)                                       \
    AP_INIT_TAKE12(directive, add_child_handler,                              \
                   (void *)&mp_phases[MP_PHASE_##id], IN_SV,                  \
                   "write: " directive " handler [interpreter]"),

#define DIR_FLAG(name, member, help)                                          \
    AP_INIT_FLAG(name, set_flag, (void *)offsetof(mp_dir_conf, member),       \
                 IN_SVDH, help)

/* A usage is what httpd adds to "takes one argument" and the like. */
/* clang-format off */
const command_rec mp_directives[] = {
#define MP_PHASE(id, directive, function, run, where, ext, module)         \
    WHERE_##where(id, directive, ext)
#include "core/phases.def"
#undef MP_PHASE
    AP_INIT_TAKE1("PythonHandlerModule", set_handler_module, NULL, IN_SVDH,
                  "write: PythonHandlerModule module"),
    AP_INIT_TAKE12("PythonInputFilter", set_filter, (void *)1, IN_SVD,
                   "write: PythonInputFilter handler [name]"),
    AP_INIT_TAKE12("PythonOutputFilter", set_filter, NULL, IN_SVD,
                   "write: PythonOutputFilter handler [name]"),
    AP_INIT_TAKE2("PythonAuthnProvider", add_provider, NULL, IN_SV,
                  "write: PythonAuthnProvider name handler"),
    AP_INIT_TAKE2("PythonAuthzProvider", add_provider, (void *)1, IN_SV,
                  "write: PythonAuthzProvider name handler"),
    AP_INIT_TAKE2("PythonImport", add_import, NULL, IN_SV,
                  "write: PythonImport module[::function] interpreter"),
    AP_INIT_TAKE1("PythonPath", set_path, NULL, IN_SVDH,
                  "a Python list in double quotes: "
                  "PythonPath \"sys.path + ['/srv/lib']\""),
    AP_INIT_TAKE1("PythonInterpreter", set_interpreter, NULL, IN_SVDH,
                  "write: PythonInterpreter name"),
    DIR_FLAG("PythonInterpPerDirectory", interp_per_directory,
             "On: an interpreter for each directory"),
    DIR_FLAG("PythonInterpPerDirective", interp_per_directive,
             "On: an interpreter for each section with handlers"),
    DIR_FLAG("PythonDebug", debug, "On: tracebacks to the client too"),
    DIR_FLAG("PythonEnablePdb", enable_pdb,
             "On: handlers run under pdb, in an httpd started with -X"),
    DIR_FLAG("PythonAutoReload", auto_reload,
             "Off: changed modules are not loaded again"),
    AP_INIT_TAKE1("PythonHandlerTimeout", set_handler_timeout, NULL, IN_SVDH,
                  "write: PythonHandlerTimeout seconds"),
    AP_INIT_TAKE12("PythonOption", set_option, NULL, IN_SVDH,
                   "write: PythonOption key [value], with quotes around a "
                   "value that has blanks"),
    AP_INIT_TAKE1("PythonHome", set_home, NULL, IN_SV,
                  "write: PythonHome path"),
    AP_INIT_TAKE1("PythonOptimize", set_optimize, NULL, IN_SV,
                  "On, Off or 2"),
    AP_INIT_TAKE1("PythonSwitchInterval", set_switch_interval, NULL, IN_SV,
                  "write: PythonSwitchInterval seconds"),
    AP_INIT_TAKE123("PythonInterpreterOptions", add_interp_options, NULL,
                    IN_SV,
                    "write: PythonInterpreterOptions name [gil=shared|own] "
                    "[instances=N]"),
    AP_INIT_FLAG("PythonHtaccess", set_htaccess, NULL, IN_SV,
                 "Off: no directive of mod_python works in .htaccess"),
    MP_OVERHEARD_DIRECTIVES,
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}
};
/* clang-format on */
