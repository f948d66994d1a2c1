/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* What Python handlers are compared with: the same answers, by a C module that
 * does no more than needed; and the switch of callgrind's counters.
 *
 *   SetHandler baseline          BaselineWrite SIZE [PIECES [flush]]
 *     writes PIECES times SIZE bytes, each with ap_rwrite(), then perhaps
 *     ap_rflush()
 *   SetHandler baseline-count
 *     writes callgrind's counters to a file and sets them to zero */
#include <stdlib.h>
#include <string.h>

#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <apr_strings.h>

#include <valgrind/callgrind.h>

#define PIECE_MAX 65536

extern module AP_MODULE_DECLARE_DATA baseline_module;

typedef struct baseline_conf {
    const char *data;
    int size; /* of data */
    int pieces;
    int flush;
} baseline_conf;

static void *create_conf(apr_pool_t *p, char *directory)
{
    (void)directory;
    return apr_pcalloc(p, sizeof(baseline_conf));
}

/* "Hello World!\n" again and again: what is sent is text. */
static const char *make_data(apr_pool_t *p, int size)
{
    static const char hello[] = "Hello World!\n";
    char *data = apr_palloc(p, size);

    for (int i = 0; i < size; i++) {
        data[i] = hello[i % (sizeof(hello) - 1)];
    }
    return data;
}

static const char *set_write(cmd_parms *cmd, void *conf_, const char *size,
                             const char *pieces, const char *flush)
{
    baseline_conf *conf = conf_;

    conf->size = (int)apr_atoi64(size);
    conf->pieces = pieces != NULL ? (int)apr_atoi64(pieces) : 1;
    conf->flush = flush != NULL && strcmp(flush, "flush") == 0;
    if (conf->size < 1 || conf->size > PIECE_MAX || conf->pieces < 1) {
        return "BaselineWrite SIZE [PIECES [flush]]: SIZE is 1 to 65536";
    }
    conf->data = make_data(cmd->pool, conf->size);
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_TAKE123("BaselineWrite", set_write, NULL, OR_ALL,
                    "what the handler baseline writes"),
    {NULL},
};

static int write_answer(request_rec *r)
{
    const baseline_conf *conf =
        ap_get_module_config(r->per_dir_config, &baseline_module);

    for (int i = 0; i < conf->pieces; i++) {
        ap_rwrite(conf->data, conf->size, r);
        if (conf->flush) {
            ap_rflush(r);
        }
    }
    return OK;
}

static int handler(request_rec *r)
{
    if (r->handler == NULL || strncmp(r->handler, "baseline", 8) != 0) {
        return DECLINED;
    }
    if (strcmp(r->handler, "baseline") == 0) {
        return write_answer(r);
    }
    if (strcmp(r->handler, "baseline-count") == 0) {
        CALLGRIND_START_INSTRUMENTATION; /* once */
        CALLGRIND_DUMP_STATS;
        return OK;
    }
    return DECLINED;
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(baseline) = {
    STANDARD20_MODULE_STUFF, create_conf, NULL, NULL, NULL, directives,
    register_hooks,
};
