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

#include "core/directives_impl.h"
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

const char *mp_directives_check_htaccess(cmd_parms *cmd)
{
    if (in_htaccess(cmd)
        && mp_config_of_server(cmd->server)->htaccess == 0) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           " is not allowed in .htaccess because of "
                           "PythonHtaccess Off: write it into the server "
                           "configuration, or set PythonHtaccess On there",
                           NULL);
    }
    return NULL;
}

const char *mp_directives_check_global(cmd_parms *cmd)
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

mp_srv_conf *mp_directives_base(void)
{
    return mp_config_of_server(ap_server_conf);
}

/* ---- single values ---- */

static const char *set_interpreter(cmd_parms *cmd, void *mconfig,
                                   const char *name)
{
    mp_dir_conf *conf = mconfig;
    mp_interp_ref *ref;
    const char *error = mp_directives_check_htaccess(cmd);

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
    const char *error = mp_directives_check_htaccess(cmd);

    if (error == NULL) {
        conf->python_path = expression;
    }
    return error;
}

/* cmd->info is the offset of the member. */
static const char *set_flag(cmd_parms *cmd, void *mconfig, int on)
{
    const char *error = mp_directives_check_htaccess(cmd);

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
    const char *error = mp_directives_check_htaccess(cmd);

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
    const char *error = mp_directives_check_htaccess(cmd);

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
    const char *error = mp_directives_check_global(cmd);
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
    mp_directives_base()->python_home = absolute;
    return NULL;
}

static const char *set_optimize(cmd_parms *cmd, void *mconfig,
                                const char *value)
{
    const char *error = mp_directives_check_global(cmd);
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
    mp_directives_base()->optimize = level;
    return NULL;
}

static const char *set_switch_interval(cmd_parms *cmd, void *mconfig,
                                       const char *value)
{
    const char *error = mp_directives_check_global(cmd);
    (void)mconfig;

    return error != NULL
               ? error
               : parse_seconds(cmd, value, MIN_SWITCH_INTERVAL,
                               MAX_SWITCH_INTERVAL,
                               "a number of seconds above 0, such as 0.005",
                               &mp_directives_base()->switch_interval);
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
    const char *error = mp_directives_check_global(cmd);
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
    APR_ARRAY_PUSH(mp_directives_base()->interps, mp_interp_conf) = conf;
    return NULL;
}

static const char *set_htaccess(cmd_parms *cmd, void *mconfig, int on)
{
    const char *error = mp_directives_check_global(cmd);
    (void)mconfig;

    if (error == NULL) {
        mp_directives_base()->htaccess = on ? 1 : 0;
    }
    return error;
}

/* ---- the table ---- */

/* Contexts of the manual: S V; S V D; S V D H. S alone is S V and
 * mp_directives_check_global(). */
#define IN_SV RSRC_CONF
#define IN_SVD (RSRC_CONF | ACCESS_CONF)
#define IN_SVDH OR_ALL

/* phases.def's forms of the arguments, and its names for the contexts */
#define USAGE_0 "handler [handler ...]"
#define USAGE_1 USAGE_0 " [| .ext [.ext ...]]"
#define HANDLERS(id, directive, ext, where)                                   \
    AP_INIT_RAW_ARGS(directive, mp_directives_handlers,                       \
                     (void *)&mp_phases[MP_PHASE_##id], where, USAGE_##ext),
#define WHERE_ANY(id, directive, ext) HANDLERS(id, directive, ext, IN_SVDH)
#define WHERE_SERVER(id, directive, ext) HANDLERS(id, directive, ext, IN_SV)
#define WHERE_CHILD(id, directive, ext)                                       \
    AP_INIT_TAKE12(directive, mp_directives_child_handler,                    \
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
    AP_INIT_TAKE1("PythonHandlerModule", mp_directives_handler_module, NULL,
                  IN_SVDH,
                  "write: PythonHandlerModule module"),
    AP_INIT_TAKE12("PythonInputFilter", mp_directives_filter, (void *)1,
                   IN_SVD,
                   "write: PythonInputFilter handler [name]"),
    AP_INIT_TAKE12("PythonOutputFilter", mp_directives_filter, NULL, IN_SVD,
                   "write: PythonOutputFilter handler [name]"),
    AP_INIT_TAKE2("PythonAuthnProvider", mp_directives_provider, NULL, IN_SV,
                  "write: PythonAuthnProvider name handler"),
    AP_INIT_TAKE2("PythonAuthzProvider", mp_directives_provider, (void *)1,
                  IN_SV,
                  "write: PythonAuthzProvider name handler"),
    AP_INIT_TAKE2("PythonImport", mp_directives_import, NULL, IN_SV,
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
