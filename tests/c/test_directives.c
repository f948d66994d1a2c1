/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Directives: what is accepted, what the messages say. */
#include <string.h>

#include <apr_strings.h>

#include "core/config.h"
#include "core/directives.h"
#include "core/known_lines.h"
#include "stubs.h"
#include "tap.h"

static apr_pool_t *p;
static server_rec *server;
static stub_place outside;

static stub_place in_directory(void)
{
    return stub_in_section(&outside, "<Directory", "/srv/a/>");
}

/* "spec spec" of the list of exactly this extension, NULL for no list. */
static const char *specs(const mp_dir_conf *conf, mp_phase phase,
                         const char *ext)
{
    const mp_handler_list *list = conf->handlers[phase];
    const char *text = "";

    while (list != NULL
           && (ext == NULL || list->ext == NULL
                   ? list->ext != ext
                   : strcmp(list->ext, ext) != 0)) {
        list = list->next;
    }
    if (list == NULL) {
        return NULL;
    }
    for (int i = 0; i < list->entries->nelts; i++) {
        text = apr_pstrcat(p, text, i > 0 ? " " : "",
                           APR_ARRAY_IDX(list->entries, i, mp_handler *)->spec,
                           NULL);
    }
    return text;
}

static void handler_lines(void)
{
    static const struct {
        const char *line;
        const char *plain;
        const char *x;
        const char *y;
    } rows[] = {
        {"PythonHandler a", "a", NULL, NULL},
        {"PythonHandler a b::c \"./d e.py\"", "a b::c ./d e.py", NULL, NULL},
        {"PythonHandler a | .x", NULL, "a", NULL},
        {"PythonHandler a b | .x .y", NULL, "a b", "a b"},
        {"PythonHandler a |.x .y", NULL, "a", "a"},
        {"PythonHandler \"a\" \"|\" \".x\"", NULL, "a", NULL},
        {"PythonHandler None", "", NULL, NULL},
        {"PythonHandler none | .x", NULL, "", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const stub_place place = in_directory();

        IS_STR(stub_line(&place, rows[i].line), NULL, rows[i].line);
        IS_STR(specs(place.conf, MP_PHASE_HANDLER, NULL), rows[i].plain,
               "plain list");
        IS_STR(specs(place.conf, MP_PHASE_HANDLER, ".x"), rows[i].x, ".x");
        IS_STR(specs(place.conf, MP_PHASE_HANDLER, ".y"), rows[i].y, ".y");
    }
}

static void same_section(void)
{
    const stub_place place = in_directory();

    stub_line(&place, "PythonHandler a");
    stub_line(&place, "PythonHandler b | .x");
    stub_line(&place, "PythonHandler c");
    stub_line(&place, "PythonHandler d | .x");
    IS_STR(specs(place.conf, MP_PHASE_HANDLER, NULL), "a c", "appended");
    IS_STR(specs(place.conf, MP_PHASE_HANDLER, ".x"), "b d",
           "for an extension too");
    stub_line(&place, "PythonHandler None");
    IS_STR(specs(place.conf, MP_PHASE_HANDLER, NULL), "", "and switched off");
    IS_STR(specs(place.conf, MP_PHASE_HANDLER, ".x"), "b d",
           "that of the extension stays");
}

static void refused_lines(void)
{
    static const struct {
        int in_section;
        const char *line;
        const char *says;
    } rows[] = {
        {1, "PythonHandler", "write PythonHandler handler"},
        {1, "PythonHandler | .x", "write PythonHandler handler"},
        {1, "PythonHandler a |", "write one, such as | .html"},
        {1, "PythonHandler a | x", "write .x"},
        {1, "PythonHandler a | .", "such as .html"},
        {1, "PythonHandler a | .x | .y", "more than one \"|\""},
        {1, "PythonHandler a|.x", "write a blank before"},
        {1, "PythonHandler a None", "write None alone"},
        {1, "PythonHandler a::", "write a::object or a"},
        {1, "PythonHandler \"\"", "write module or module::object"},
        {0, "PythonTransHandler a | .x", "takes no extensions"},
        {0, "PythonConnectionHandler a | .x", "takes no extensions"},
        {0, "PythonInitHandler a | .x", "write it into a <Directory>"},
        {1, "PythonHandlerModule a::b", "write PythonHandlerModule a"},
        {1, "PythonHandlerModule", "write: PythonHandlerModule module"},
        {1, "PythonHandlerModule a b", "write: PythonHandlerModule module"},
        {1, "PythonInputFilter", "write: PythonInputFilter handler [name]"},
        {1, "PythonInputFilter a b c", "handler [name]"},
        {1, "PythonOutputFilter a::", "write a::object or a"},
        {0, "PythonImport a", "module[::function] interpreter"},
        {0, "PythonImport a::  i", "write a::object or a"},
        {0, "PythonImport a \"\"", "module[::function] interpreter"},
        {1, "PythonPath sys.path + ['/a']", "in double quotes"},
        {1, "PythonPath \"\"", "in double quotes"},
        {1, "PythonInterpreter", "write: PythonInterpreter name"},
        {1, "PythonInterpreter \"\"", "write: PythonInterpreter name"},
        {1, "PythonDebug maybe", "must be On or Off"},
        {1, "PythonOption", "write: PythonOption key [value]"},
        {1, "PythonOption a b c", "quotes around a value that has blanks"},
        {1, "PythonOption \"\" b", "write: PythonOption key [value]"},
        {0, "PythonOption mod_python.mutex_locks many", "from 1 to"},
        {0, "PythonOption mod_python.mutex_locks 0", "from 1 to"},
        {1, "PythonOption mod_python.mutex_locks 3",
         "main server configuration"},
        {1, "PythonOption mod_python.log.stderr_level info",
         "write it into the server configuration"},
        {0, "PythonHome \"\"", "write: PythonHome path"},
        {0, "PythonOptimize yes", "On (as python -O)"},
        {0, "PythonOptimize 1", "On (as python -O)"},
        {0, "PythonSwitchInterval fast", "such as 0.005"},
        {0, "PythonSwitchInterval 0", "above 0"},
        {0, "PythonSwitchInterval -1", "above 0"},
        {0, "PythonSwitchInterval nan", "above 0"},
        {0, "PythonSwitchInterval 1s", "such as 0.005"},
        {0, "PythonInterpreterOptions", "write: PythonInterpreterOptions name"},
        {0, "PythonInterpreterOptions a gil=own instances=2 x=y", "write:"},
        {0, "PythonInterpreterOptions a gil=none", "shared or own"},
        {0, "PythonInterpreterOptions a instances=0", "from 1 to 64"},
        {0, "PythonInterpreterOptions a instances=65", "from 1 to 64"},
        {0, "PythonInterpreterOptions a instances=2x", "from 1 to 64"},
        {0, "PythonInterpreterOptions a size=2", "is no option"},
        {0, "PythonInterpreterOptions a gil=shared instances=2",
         "write gil=own"},
        {0, "PythonInterpreterOptions a instances=2 gil=shared",
         "write gil=own"},
        {0, "PythonInterpreterOptions main_interpreter gil=own",
         "another PythonInterpreter"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const stub_place section = in_directory();
        const stub_place *place = rows[i].in_section ? &section : &outside;
        const char *error = stub_line(place, rows[i].line);

        LIKE(error, rows[i].says, rows[i].line);
        OK_IF(error != NULL && strchr(error, '\n') == NULL, "in one line");
    }
}

static void server_values(void)
{
    mp_srv_conf *conf = mp_config_of_server(server);

    IS_STR(stub_line(&outside, "PythonHome /opt/venv"), NULL, "PythonHome");
    IS_STR(conf->python_home, "/opt/venv", "path");
    stub_line(&outside, "PythonHome venv");
    IS_STR(conf->python_home, "/server-root/venv", "relative path");
    stub_line(&outside, "PythonOptimize on");
    IS_INT(conf->optimize, 1, "PythonOptimize On");
    stub_line(&outside, "PythonOptimize Off");
    IS_INT(conf->optimize, 0, "PythonOptimize Off");
    stub_line(&outside, "PythonOptimize 2");
    IS_INT(conf->optimize, 2, "PythonOptimize 2");
    stub_line(&outside, "PythonSwitchInterval 0.0002");
    IS_INT(conf->switch_interval, 200, "PythonSwitchInterval");
    stub_line(&outside, "PythonSwitchInterval 2");
    IS_INT(conf->switch_interval, 2000000, "whole seconds");
}

static void interpreter_options(void)
{
    static const struct {
        const char *line;
        const char *name;
        int own_gil;
        int instances;
    } rows[] = {
        {"PythonInterpreterOptions plain", "plain", 0, 1},
        {"PythonInterpreterOptions a gil=shared", "a", 0, 1},
        {"PythonInterpreterOptions b gil=own", "b", 1, 1},
        {"PythonInterpreterOptions c Instances=3", "c", 1, 3},
        {"PythonInterpreterOptions d instances=1 GIL=Own", "d", 1, 1},
        {"PythonInterpreterOptions main_interpreter gil=shared",
         "main_interpreter", 0, 1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const mp_interp_conf *conf;

        IS_STR(stub_line(&outside, rows[i].line), NULL, rows[i].line);
        conf = mp_config_interp(server, rows[i].name);
        OK_IF(conf != NULL, "is found");
        if (conf != NULL) {
            IS_INT(conf->own_gil, rows[i].own_gil, "gil");
            IS_INT(conf->instances, rows[i].instances, "instances");
        }
    }
    OK_IF(mp_config_interp(server, "other") == NULL, "others have none");
    LIKE(stub_line(&outside, "PythonInterpreterOptions b"),
         "options for b already", "twice");
}

static void server_only(void)
{
    static const char *const lines[] = {
        "PythonHome /usr", "PythonOptimize On", "PythonSwitchInterval 1",
        "PythonHtaccess Off", "PythonOption mod_python.mutex_locks 3",
        "PythonInterpreterOptions x"};
    const stub_place host =
        stub_in_server(p, stub_server(p, server, "host.test"));

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        LIKE(stub_line(&host, lines[i]), "main server configuration",
             lines[i]);
    }
    IS_STR(stub_line(&host, "PythonOption mod_python.log.stderr_level info"),
           NULL, "log levels may differ between virtual hosts");
}

static void handler_module(void)
{
    const stub_place section = in_directory();
    server_rec *other = stub_server(p, server, "module.test");
    const stub_place host = stub_in_server(p, other);
    const mp_handler *entry;
    int count = 0;

    IS_STR(stub_line(&section, "PythonHandlerModule m"), NULL, "in section");
    IS_STR(stub_line(&host, "PythonHandlerModule m"), NULL, "at server level");
    for (int i = 0; i < MP_PHASE_COUNT; i++) {
        int any = mp_phases[i].where == MP_WHERE_ANY;

        IS_STR(specs(section.conf, (mp_phase)i, NULL),
               mp_phases[i].module && any ? "m" : NULL,
               mp_phases[i].directive);
        IS_STR(specs(host.conf, (mp_phase)i, NULL),
               mp_phases[i].module ? "m" : NULL, mp_phases[i].directive);
        count += mp_phases[i].module;
    }
    IS_INT(count, 12, "twelve phases");
    entry = APR_ARRAY_IDX(section.conf->handlers[MP_PHASE_ACCESS]->entries, 0,
                          mp_handler *);
    IS_STR(entry->module, "m", "module");
    IS_STR(entry->object, NULL, "no object");
    IS_STR(entry->function, "accesshandler", "function of the phase");
    IS_INT(entry->silent, 1, "silent");
    stub_line(&section, "PythonAccessHandler n");
    IS_STR(specs(section.conf, MP_PHASE_ACCESS, NULL), "m n", "appended");
    stub_line(&section, "PythonHandlerModule None");
    IS_STR(specs(section.conf, MP_PHASE_ACCESS, NULL), "", "None");
}

static const mp_handler *entry_in(const stub_place *place)
{
    stub_line(place, "PythonHandler a");
    return APR_ARRAY_IDX(place->conf->handlers[MP_PHASE_HANDLER]->entries, 0,
                         mp_handler *);
}

static void places(void)
{
    stub_place place = in_directory();
    const mp_handler *entry;

    mp_handler_reset_slots();
    entry = entry_in(&place);
    IS_STR(entry->directory, "/srv/a/", "directory");
    IS_INT(entry->slot, 0, "slot");
    IS_STR(entry->function, "handler", "function");
    IS_INT(entry->silent, 0, "not silent");
    place = stub_in_section(&outside, "<Location", "/x>");
    entry = entry_in(&place);
    IS_STR(entry->directory, NULL, "location: no directory");
    IS_STR(entry->section->path, "/x", "but its path");
    IS_INT(entry->slot, 1, "next slot");
    place = stub_in_section(&outside, "<Directory", "/srv/*>");
    IS_INT(entry_in(&place)->slot, -1, "pattern: no slot");
    mp_known_lines_reset();
    place = stub_in_htaccess(p, server, "/srv/a/");
    entry = entry_in(&place);
    IS_INT(entry->slot, -1, ".htaccess: no slot");
    IS_STR(entry->directory, "/srv/a/", "its directory");
    IS_INT(mp_handler_slot_count(), 2, "two slots");
    place = stub_in_htaccess(p, server, "/srv/a/");
    entry = entry_in(&place);
    IS_INT(entry->slot, 2, "a known line: behind them");
    IS_STR(entry->directory, "/srv/a/", "its directory too");
    place = stub_in_htaccess(p, server, "/srv/a/");
    OK_IF(entry_in(&place) == entry, "the same entry again");
    place = stub_in_htaccess(p, server, "/srv/b/");
    entry = entry_in(&place);
    IS_INT(entry->slot, -1, "another directory: not known");
    IS_STR(entry->directory, "/srv/b/", "but right");
    mp_known_lines_reset();
    place = stub_in_htaccess(p, server, "/srv/a/");
    IS_INT(entry_in(&place)->slot, -1, "another configuration: not known");
}

static void htaccess(void)
{
    static const char *const lines[] = {
        "PythonHandler a",     "PythonHandlerModule a", "PythonDebug On",
        "PythonOption a b",    "PythonPath \"[]\"",     "PythonInterpreter i",
        "PythonAutoReload On",
    };
    const stub_place place = stub_in_htaccess(p, server, "/srv/a/");

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        IS_STR(stub_line(&place, lines[i]), NULL, lines[i]);
    }
    IS_STR(stub_line(&outside, "PythonHtaccess Off"), NULL, "Off");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        LIKE(stub_line(&place, lines[i]), "because of PythonHtaccess Off",
             lines[i]);
    }
    IS_STR(stub_line(&outside, lines[0]), NULL, "not in httpd.conf");
    IS_STR(stub_line(&outside, "PythonHtaccess On"), NULL, "On");
    IS_STR(stub_line(&place, lines[0]), NULL, "allowed again");
}

static const mp_filter_conf *told;

static void tell(const mp_filter_conf *filter)
{
    told = filter;
}

static void imports(void)
{
    server_rec *base = stub_server(p, NULL, "base.test");
    server_rec *host_rec = stub_server(p, base, "host.test");
    const stub_place first = stub_in_server(p, base);
    const stub_place host = stub_in_server(p, host_rec);
    apr_array_header_t *list = mp_config_of_server(base)->imports;
    const mp_import_conf *row;

    stub_line(&first, "PythonImport a one");
    stub_line(&host, "PythonImport b::run two");
    stub_line(&first, "PythonImport c one");
    IS_INT(list->nelts, 3, "all in the base server's list");
    row = (const mp_import_conf *)list->elts;
    IS_STR(row[0].module, "a", "in order");
    IS_STR(row[0].function, NULL, "no function");
    IS_STR(row[1].module, "b", "that of the virtual host second");
    IS_STR(row[1].function, "run", "function");
    IS_STR(row[1].interpreter, "two", "interpreter");
    OK_IF(row[1].server == host_rec, "server");
    IS_STR(row[2].module, "c", "third");
    IS_INT(mp_config_of_server(host_rec)->imports->nelts, 0,
           "none in the virtual host's");

    mp_directives_set_filter(tell);
    stub_line(&host, "PythonOutputFilter f::x");
    list = mp_config_of_server(base)->filter_names;
    IS_INT(list->nelts, 1, "names of filters too");
    IS_STR(APR_ARRAY_IDX(list, 0, mp_filter_conf *)->name, "f::x",
           "the handler is the name");
    OK_IF(told == APR_ARRAY_IDX(list, 0, mp_filter_conf *),
          "told when it is read");
    IS_INT(APR_ARRAY_IDX(list, 0, mp_filter_conf *)->is_input, 0, "output");
}

int main(void)
{
    p = tap_begin();
    server = stub_server(p, NULL, "localhost");
    outside = stub_in_server(p, server);
    handler_lines();
    same_section();
    refused_lines();
    server_values();
    interpreter_options();
    server_only();
    handler_module();
    places();
    htaccess();
    imports();
    return tap_end();
}
