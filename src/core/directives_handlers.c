/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The directives that name handlers: of phases, filters, providers, a child,
 * and PythonImport. */
#include "core/directives_impl.h"

#include <string.h>
#include <strings.h>

#include <apr_strings.h>

#include "core/directives.h"
#include "core/handler_list.h"
#include "core/known_lines.h"
#include "core/match.h"
#include "core/phase.h"

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

const char *mp_directives_handlers(cmd_parms *cmd, void *mconfig,
                                   const char *text)
{
    const mp_phase phase =
        (mp_phase)((const mp_phase_info *)cmd->info - mp_phases);
    const char *error = mp_directives_check_htaccess(cmd);
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
const char *mp_directives_child_handler(cmd_parms *cmd, void *mconfig,
                                        const char *spec,
                                        const char *interpreter)
{
    const mp_phase_info *info = cmd->info;
    const char *error = mp_directives_check_global(cmd);
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
    child = apr_array_push(mp_directives_base()->child_handlers);
    child->phase = (mp_phase)(info - mp_phases);
    child->handler = handler;
    child->interpreter = interpreter;
    return NULL;
}

/* PythonHandlerModule: one silent entry in each phase that is possible
 * here. */
const char *mp_directives_handler_module(cmd_parms *cmd, void *mconfig,
                                         const char *module)
{
    const mp_section *section;
    const char *error = mp_directives_check_htaccess(cmd);

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
const char *mp_directives_filter(cmd_parms *cmd, void *mconfig,
                                 const char *spec, const char *name)
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
    APR_ARRAY_PUSH(mp_directives_base()->filter_names, mp_filter_conf *) =
        filter;
    if (filter_fn != NULL) {
        filter_fn(filter);
    }
    return NULL;
}

/* PythonImport: in the base server's list, so that the lines of all servers
 * keep their order. */
const char *mp_directives_import(cmd_parms *cmd, void *mconfig,
                                 const char *spec, const char *interpreter)
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
    import = apr_array_push(mp_directives_base()->imports);
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
const char *mp_directives_provider(cmd_parms *cmd, void *mconfig,
                                   const char *name, const char *spec)
{
    const char *error = mp_directives_check_global(cmd);
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
    APR_ARRAY_PUSH(mp_directives_base()->providers, mp_provider_conf *) =
        provider;
    error = provider_fn != NULL ? provider_fn(cmd, provider) : NULL;
    return error != NULL ? with_name(cmd, error) : NULL;
}
