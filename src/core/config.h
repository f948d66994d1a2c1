/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The configuration of a server and of a directory, typed. Filled by
 * core/directives.c, read-only after post_config (the caches of the
 * interpreter references excepted, which belong to a child). */
#ifndef MP_CORE_CONFIG_H
#define MP_CORE_CONFIG_H

#include <apr_tables.h>
#include <httpd.h>
#include <http_config.h>

#include "core/handler_list.h"
#include "core/overheard.h"
#include "core/phase.h"

/* Value of an int member that no directive has set. */
#define MP_UNSET (-1)

/* Name of the interpreter that is the process's main one. */
#define MP_MAIN_INTERPRETER "main_interpreter"

extern module AP_MODULE_DECLARE_DATA python_module;

/* An interpreter's name with room to remember what it stands for, which is
 * found once per child; atomic access, see runtime/pool.h. */
typedef struct mp_interp_ref {
    const char *name;
    void *volatile record;
    void *volatile only; /* the interpreter, when there is just one of that
                            name and it is ready */
} mp_interp_ref;

/* PythonInterpreterOptions name ... */
typedef struct mp_interp_conf {
    const char *name;
    int own_gil;
    int instances;
} mp_interp_conf;

/* PythonInputFilter / PythonOutputFilter handler name */
typedef struct mp_filter_conf {
    const char *name; /* lower case, as httpd keeps filter names */
    int is_input;
    mp_handler *handler;
} mp_filter_conf;

/* PythonImport module[::function] interpreter */
typedef struct mp_import_conf {
    const char *module;
    const char *function; /* NULL: import only */
    const char *interpreter;
    server_rec *server;
} mp_import_conf;

/* PythonChildInitHandler / PythonChildExitHandler handler [interpreter] */
typedef struct mp_child_conf {
    mp_phase phase;
    mp_handler *handler;
    const char *interpreter; /* NULL: the base server's */
} mp_child_conf;

/* PythonAuthnProvider / PythonAuthzProvider name handler */
typedef struct mp_provider_conf {
    const char *directive;
    const char *name; /* as AuthBasicProvider or Require has it */
    int is_authz;
    mp_handler *handler;
} mp_provider_conf;

typedef struct mp_dir_conf {
    unsigned phase_mask; /* MP_PHASE_BIT of every phase that has an entry */
    int untouched;       /* what stands outside all sections is nothing */
    unsigned list_mask;  /* of every phase that has a list, empty ones too */
    mp_handler_list *handlers[MP_PHASE_COUNT];
    apr_array_header_t *filters;  /* of mp_filter_conf *, NULL: none */
    const mp_interp_ref *interpreter; /* PythonInterpreter, NULL: unset */
    int interp_per_directory;     /* flags: 0, 1 or MP_UNSET */
    int interp_per_directive;
    int debug;
    int enable_pdb;
    int auto_reload;
    apr_interval_time_t handler_timeout; /* microseconds, 0: none, or
                                            MP_UNSET */
    const char *python_path;      /* PythonPath expression, NULL: unset */
    apr_table_t *options;         /* PythonOption; a key with value "" is
                                     removed (kept for merging); NULL: none */
    mp_overheard *overheard;      /* directives of other modules, or NULL */
} mp_dir_conf;

typedef struct mp_srv_conf {
    server_rec *server;
    mp_interp_ref *interpreter;   /* the name selected by server_hostname; set
                                     in post_config */
    const char *python_home;      /* base server only; NULL: unset */
    int optimize;                 /* 0, 1, 2 or MP_UNSET; base server only */
    apr_interval_time_t switch_interval; /* microseconds or MP_UNSET */
    int htaccess;                 /* PythonHtaccess */
    apr_array_header_t *interps;  /* of mp_interp_conf; base server's */
    apr_array_header_t *imports;  /* of mp_import_conf; the base server's
                                     holds those of all servers, in order */
    apr_array_header_t *filter_names; /* of mp_filter_conf *: each filter
                                     directive of any server or section; the
                                     base server's; names may come twice */
    apr_array_header_t *child_handlers; /* of mp_child_conf; base server's */
    apr_array_header_t *providers; /* of mp_provider_conf *; base server's */
} mp_srv_conf;

void *mp_config_create_dir(apr_pool_t *p, char *dir);
void *mp_config_merge_dir(apr_pool_t *p, void *base, void *add);
void *mp_config_create_server(apr_pool_t *p, server_rec *s);
void *mp_config_merge_server(apr_pool_t *p, void *base, void *add);

/* Completes the records of all servers once their names are known: a record
 * of its own for each, with its interpreter. Call in post_config. */
void mp_config_post_config(apr_pool_t *p, server_rec *base);

/* For the directives: adds an entry (NULL: "None") to the list of phase and
 * extension. */
void mp_config_add_handler(apr_pool_t *p, mp_dir_conf *conf, mp_phase phase,
                           const char *ext, mp_handler *entry);
/* The same with all entries of another record's lists. */
void mp_config_add_handlers(apr_pool_t *p, mp_dir_conf *conf, mp_phase phase,
                            const mp_handler_list *lists);
/* For the directives: PythonOption key value; value "" removes. key and value
 * must live as long as p. */
void mp_config_set_option(apr_pool_t *p, mp_dir_conf *conf, const char *key,
                          const char *value);

/* The configuration in effect; never NULL. */
static inline const mp_dir_conf *mp_config_of_request(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &python_module);
}

/* What stands outside any section of server s, merged with the base server. */
static inline const mp_dir_conf *mp_config_of_server_dir(const server_rec *s)
{
    return ap_get_module_config(s->lookup_defaults, &python_module);
}

/* The record of server s. */
static inline mp_srv_conf *mp_config_of_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &python_module);
}

/* Flags with their defaults applied. */
int mp_config_debug(const mp_dir_conf *conf);        /* Off */
static inline int mp_config_auto_reload(const mp_dir_conf *conf) /* On */
{
    return conf->auto_reload != 0;
}
/* On only in a one-process httpd (-X, -DONE_PROCESS). */
int mp_config_pdb(const mp_dir_conf *conf);

/* PythonSwitchInterval in microseconds; base is the base server. */
apr_interval_time_t mp_config_switch_interval(const server_rec *base);

/* PythonInterpreterOptions of this name. @return NULL: there are none */
const mp_interp_conf *mp_config_interp(const server_rec *base,
                                       const char *name);

/* The filter of this name (any case) in effect: the innermost section's.
 * @return NULL when there is none */
const mp_filter_conf *mp_config_filter(const mp_dir_conf *conf,
                                       const char *name, int is_input);

/* PythonOption key in effect, also under its former name (or, given that,
 * under its present one). Of the two the one set further inside counts.
 * @return NULL when not set or removed */
const char *mp_config_option(const mp_dir_conf *conf, const char *key);

/* For get_options(): a copy from p, without removed keys. */
apr_table_t *mp_config_options_table(apr_pool_t *p, const mp_dir_conf *conf);
/* For get_config(): a new table from p with the arguments of the single-value
 * directives that are set, flags as "1" or "0"; those of the whole httpd
 * (PythonHome and such) included. */
apr_table_t *mp_config_directives_table(apr_pool_t *p,
                                        const mp_dir_conf *conf);

#endif
