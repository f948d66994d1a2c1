/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The shared memory of the counters, and our part of mod_status's page. */
#include <httpd.h>

#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_protocol.h>
#include <mod_status.h>

#include "core/log.h"
#include "dispatch/hooks.h"
#include "runtime/stats.h"

static int post_config_hook(apr_pool_t *pconf, apr_pool_t *plog,
                            apr_pool_t *ptemp, server_rec *s)
{
    apr_status_t rv = mp_stats_create(pconf);
    (void)plog;
    (void)ptemp;

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, s,
                     MP_LOGNO(0380) "no shared memory for the counters of "
                     "interpreters: status pages do not show them");
    }
    return OK;
}

static apr_status_t release(void *data)
{
    (void)data;
    mp_stats_release();
    return APR_SUCCESS;
}

static void child_init_hook(apr_pool_t *pchild, server_rec *s)
{
    (void)s;
    apr_pool_cleanup_register(pchild, NULL, release, apr_pool_cleanup_null);
}

static void show_html(request_rec *r)
{
    mp_stats row;
    int more = 1;

    ap_rputs("<hr />\n<h2>mod_python</h2>\n<table border=\"0\"><tr>"
             "<th>PID</th><th>Interpreter</th><th>GIL</th><th>Threads</th>"
             "<th>Busy</th><th>Requests</th><th>Errors</th>"
             "<th>In handlers, s</th><th>Waiting, s</th></tr>\n", r);
    for (int i = 0; more; i++) {
        if (mp_stats_read(i, &row, &more)) {
            ap_rprintf(r,
                       "<tr><td>%d</td><td>%s/%d</td><td>%s</td><td>%d</td>"
                       "<td>%d</td><td>%" APR_UINT64_T_FMT "</td>"
                       "<td>%" APR_UINT64_T_FMT "</td><td>%.3f</td>"
                       "<td>%.3f</td></tr>\n",
                       (int)row.pid, ap_escape_html(r->pool, row.name),
                       row.number, row.own_gil ? "own" : "shared",
                       row.threads, row.inside, row.requests, row.errors,
                       (double)row.run_ns / 1e9, (double)row.wait_ns / 1e9);
        }
    }
    ap_rputs("</table>\n", r);
}

/* The lines of server-status?auto: sums, for those who draw curves. */
static void show_short(request_rec *r)
{
    mp_stats sum = {0};
    mp_stats row;
    int interpreters = 0;
    int more = 1;

    for (int i = 0; more; i++) {
        if (mp_stats_read(i, &row, &more)) {
            interpreters++;
            sum.inside += row.inside;
            sum.requests += row.requests;
            sum.errors += row.errors;
            sum.run_ns += row.run_ns;
            sum.wait_ns += row.wait_ns;
        }
    }
    ap_rprintf(r,
               "PythonInterpreters: %d\nPythonBusy: %d\n"
               "PythonRequests: %" APR_UINT64_T_FMT "\n"
               "PythonErrors: %" APR_UINT64_T_FMT "\n"
               "PythonRunSeconds: %.3f\nPythonWaitSeconds: %.3f\n",
               interpreters, sum.inside, sum.requests, sum.errors,
               (double)sum.run_ns / 1e9, (double)sum.wait_ns / 1e9);
}

static int status_hook(request_rec *r, int flags)
{
    if (flags & AP_STATUS_SHORT) {
        show_short(r);
    }
    else {
        show_html(r);
    }
    return OK;
}

void mp_status_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(post_config_hook, NULL, NULL, APR_HOOK_MIDDLE);
    /* first, so that the cleanup is the last: interpreters count until then */
    ap_hook_child_init(child_init_hook, NULL, NULL, APR_HOOK_REALLY_FIRST);
    APR_OPTIONAL_HOOK(ap, status_hook, status_hook, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
