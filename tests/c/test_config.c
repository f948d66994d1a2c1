/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Configuration records: defaults, merging, options under two names. */
#include <apr_strings.h>

#include "core/config.h"
#include "stubs.h"
#include "tap.h"

static apr_pool_t *p;
static server_rec *server;

static mp_dir_conf *new_conf(void)
{
    return mp_config_create_dir(p, NULL);
}

static mp_dir_conf *merge(mp_dir_conf *base, mp_dir_conf *add)
{
    return mp_config_merge_dir(p, base, add);
}

/* A record that lines of one section have filled. */
static mp_dir_conf *conf_of(const char *const *lines)
{
    stub_place place = stub_in_server(p, server);

    place = stub_in_section(&place, "<Directory", "/srv/>");
    for (; *lines != NULL; lines++) {
        IS_STR(stub_line(&place, *lines), NULL, *lines);
    }
    return place.conf;
}

#define CONF(...) conf_of((const char *const[]){__VA_ARGS__, NULL})

static const char *first_of(const mp_dir_conf *conf, mp_phase phase)
{
    const char *ext;
    const mp_handler_list *list =
        mp_handler_list_find(conf->handlers[phase], NULL, &ext);

    return list != NULL ? APR_ARRAY_IDX(list->entries, 0, mp_handler *)->spec
                        : NULL;
}

static void defaults(void)
{
    mp_dir_conf *conf = new_conf();

    IS_INT(conf->phase_mask, 0, "no phases");
    IS_INT(mp_config_debug(conf), 0, "PythonDebug Off");
    IS_INT(mp_config_auto_reload(conf), 1, "PythonAutoReload On");
    IS_INT(mp_config_pdb(conf), 0, "PythonEnablePdb Off");
    IS_STR(mp_config_option(conf, "x"), NULL, "no options");
    IS_INT(apr_table_elts(mp_config_options_table(p, conf))->nelts, 0,
           "empty table of options");
    IS_INT(apr_table_elts(mp_config_directives_table(p, conf))->nelts, 0,
           "empty table of directives");
    OK_IF(mp_config_filter(conf, "x", 0) == NULL, "no filters");
}

static void handlers(void)
{
    mp_dir_conf *outer = CONF("PythonHandler a b", "PythonLogHandler l");
    mp_dir_conf *inner = CONF("PythonHandler c", "PythonAccessHandler d",
                              "PythonFixupHandler e | .x");
    mp_dir_conf *none = CONF("PythonHandler None");
    mp_dir_conf *merged = merge(outer, inner);

    IS_INT(outer->phase_mask,
           MP_PHASE_BIT(MP_PHASE_HANDLER) | MP_PHASE_BIT(MP_PHASE_LOG),
           "mask of one section");
    IS_INT(merged->phase_mask,
           MP_PHASE_BIT(MP_PHASE_HANDLER) | MP_PHASE_BIT(MP_PHASE_LOG)
               | MP_PHASE_BIT(MP_PHASE_ACCESS) | MP_PHASE_BIT(MP_PHASE_FIXUP),
           "merged mask");
    IS_STR(first_of(merged, MP_PHASE_HANDLER), "c", "the inner list");
    IS_STR(first_of(merged, MP_PHASE_LOG), "l", "the outer of others");
    OK_IF(merged->handlers[MP_PHASE_LOG] == outer->handlers[MP_PHASE_LOG]
              && merged->handlers[MP_PHASE_ACCESS]
                     == inner->handlers[MP_PHASE_ACCESS],
          "unchanged lists are shared");
    IS_STR(first_of(outer, MP_PHASE_HANDLER), "a", "the outer as it was");

    IS_INT(none->phase_mask, 0, "None: no phase");
    IS_INT(merge(merged, none)->phase_mask & MP_PHASE_BIT(MP_PHASE_HANDLER), 0,
           "None takes an inherited phase out");
    IS_INT(merge(outer, merge(inner, none))->phase_mask,
           merge(merge(outer, inner), none)->phase_mask, "in any grouping");
    IS_STR(first_of(merge(none, inner), MP_PHASE_HANDLER), "c",
           "a handler after None");
}

static void values(void)
{
    mp_dir_conf *outer =
        CONF("PythonDebug On", "PythonAutoReload Off",
             "PythonInterpPerDirectory On", "PythonInterpreter one",
             "PythonPath \"['/a']\"", "PythonEnablePdb On");
    mp_dir_conf *inner = CONF("PythonDebug Off", "PythonInterpreter two",
                              "PythonInterpPerDirective On");
    mp_dir_conf *merged = merge(outer, inner);
    apr_table_t *table;

    IS_INT(mp_config_debug(merged), 0, "the inner flag");
    IS_INT(mp_config_auto_reload(merged), 0, "the outer flag");
    IS_INT(merged->interp_per_directory, 1, "outer per directory");
    IS_INT(merged->interp_per_directive, 1, "inner per directive");
    IS_STR(merged->interpreter->name, "two", "inner interpreter");
    OK_IF(merged->interpreter == inner->interpreter,
          "one place to remember its record");
    IS_STR(merged->python_path, "['/a']", "outer path");
    IS_INT(mp_config_debug(merge(outer, new_conf())), 1, "nothing to merge");

    IS_INT(mp_config_pdb(merged), 0, "no pdb in a normal httpd");
    stub_define = "ONE_PROCESS";
    IS_INT(mp_config_pdb(merged), 1, "-DONE_PROCESS");
    IS_INT(mp_config_pdb(inner), 0, "but only when asked for");
    stub_define = "DEBUG";
    IS_INT(mp_config_pdb(merged), 1, "-X");
    stub_define = NULL;

    table = mp_config_directives_table(p, merged);
    IS_STR(apr_table_get(table, "PythonDebug"), "0", "flag off");
    IS_STR(apr_table_get(table, "PythonInterpPerDirectory"), "1", "flag on");
    IS_STR(apr_table_get(table, "PythonInterpreter"), "two", "text");
    IS_STR(apr_table_get(table, "PythonPath"), "['/a']", "path");
    IS_INT(apr_table_elts(table)->nelts, 7, "and no others");
}

static void options(void)
{
    mp_dir_conf *outer =
        CONF("PythonOption a 1", "PythonOption b 2", "PythonOption c \"3 4\"");
    mp_dir_conf *inner = CONF("PythonOption b 22", "PythonOption a",
                              "PythonOption c \"\"", "PythonOption d 5");
    mp_dir_conf *merged = merge(outer, inner);
    apr_table_t *table = mp_config_options_table(p, merged);

    IS_STR(mp_config_option(outer, "c"), "3 4", "quoted value");
    IS_STR(mp_config_option(merged, "b"), "22", "the inner value");
    IS_STR(mp_config_option(merged, "d"), "5", "a new key");
    IS_STR(mp_config_option(merged, "a"), NULL, "removed");
    IS_STR(mp_config_option(merged, "c"), NULL, "removed by \"\"");
    IS_INT(apr_table_elts(table)->nelts, 2, "removed keys are not shown");
    IS_STR(apr_table_get(table, "b"), "22", "the others are");
    IS_STR(mp_config_option(outer, "a"), "1", "the outer as it was");
    IS_STR(mp_config_option(merge(merged, outer), "a"), "1", "set again");
    OK_IF(merge(outer, new_conf())->options == outer->options,
          "shared when nothing is added");
    OK_IF(merge(new_conf(), outer)->options == outer->options,
          "shared when nothing is below");
    IS_STR(mp_config_option(merge(outer, merge(new_conf(), inner)), "a"), NULL,
           "removal survives merging");
}

static void former_names(void)
{
    static const char key[] = "mod_python.session.cookie_name";
    mp_dir_conf *now = CONF("PythonOption mod_python.session.cookie_name n");
    mp_dir_conf *then = CONF("PythonOption session_cookie_name t");
    mp_dir_conf *both = CONF("PythonOption mod_python.session.cookie_name n",
                             "PythonOption session_cookie_name t");
    mp_dir_conf *removed = CONF("PythonOption session_cookie_name");

    IS_STR(mp_config_option(now, key), "n", "present name");
    IS_STR(mp_config_option(then, key), "t", "former name");
    IS_STR(mp_config_option(now, "session_cookie_name"), "n",
           "asked by the former name");
    IS_STR(mp_config_option(both, key), "t", "the last one counts");
    IS_STR(mp_config_option(merge(now, then), key), "t", "inner former name");
    IS_STR(mp_config_option(merge(then, now), key), "n", "inner present name");
    IS_STR(mp_config_option(merge(now, removed), key), NULL,
           "removed by its former name");
    IS_STR(apr_table_get(mp_config_options_table(p, then),
                         "session_cookie_name"),
           "t", "shown as written");
    IS_STR(mp_config_option(CONF("PythonOption ApplicationPath /a"),
                            "mod_python.session.application_path"),
           "/a", "ApplicationPath");
}

static void filters(void)
{
    mp_dir_conf *outer =
        CONF("PythonOutputFilter a::f Upper", "PythonOutputFilter b",
             "PythonInputFilter c upper");
    mp_dir_conf *inner = CONF("PythonOutputFilter d upper");
    mp_dir_conf *merged = merge(outer, inner);

    IS_STR(mp_config_filter(merged, "UPPER", 0)->handler->spec, "d",
           "the innermost of a name");
    IS_STR(mp_config_filter(merged, "upper", 1)->handler->spec, "c",
           "input and output are apart");
    IS_STR(mp_config_filter(merged, "b", 0)->handler->spec, "b",
           "outer filters stay");
    OK_IF(mp_config_filter(merged, "b", 1) == NULL, "wrong direction");
    IS_STR(mp_config_filter(outer, "upper", 0)->handler->spec, "a::f",
           "the outer as it was");
    OK_IF(merge(outer, new_conf())->filters == outer->filters, "shared");
}

static void servers(void)
{
    server_rec *base = stub_server(p, NULL, "base.test");
    server_rec *own = stub_server(p, base, "own.test");
    server_rec *same = stub_server(p, base, "same.test");
    stub_place place = stub_in_server(p, base);
    mp_srv_conf *conf;
    apr_table_t *table;

    IS_STR(stub_line(&place, "PythonHtaccess Off"), NULL, "base server");
    IS_STR(stub_line(&place, "PythonOptimize 2"), NULL, "base server");
    IS_STR(stub_line(&place, "PythonSwitchInterval 0.002"), NULL,
           "base server");
    stub_in_server(p, own);
    /* what httpd does after it has read the files */
    ap_set_module_config(own->module_config, &python_module,
                         mp_config_merge_server(p, mp_config_of_server(base),
                                                mp_config_of_server(own)));
    ap_set_module_config(same->module_config, &python_module,
                         mp_config_of_server(base));
    mp_config_post_config(p, base);

    conf = mp_config_of_server(base);
    IS_STR(conf->interpreter->name, "base.test", "base interpreter");
    conf = mp_config_of_server(own);
    IS_STR(conf->interpreter->name, "own.test", "virtual host");
    IS_INT(conf->htaccess, 0, "has what the base server sets");
    OK_IF(conf->server == own, "and its own server");
    conf = mp_config_of_server(same);
    IS_STR(conf->interpreter->name, "same.test",
           "virtual host without a directive");
    OK_IF(conf->server == same, "its own server");
    OK_IF(mp_config_of_server(base)->server == base, "not the base's");

    table = mp_config_directives_table(p, mp_config_of_server_dir(base));
    IS_STR(apr_table_get(table, "PythonOptimize"), "2", "PythonOptimize");
    IS_STR(apr_table_get(table, "PythonHtaccess"), "0", "PythonHtaccess");
    IS_STR(apr_table_get(table, "PythonSwitchInterval"), "0.002",
           "PythonSwitchInterval");
}

int main(void)
{
    p = tap_begin();
    server = stub_server(p, NULL, "localhost");
    defaults();
    handlers();
    values();
    options();
    former_names();
    filters();
    servers();
    return tap_end();
}
