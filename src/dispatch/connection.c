/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* PythonPreConnectionHandler, which may refuse a connection, and
 * PythonConnectionHandler: handlers that speak a protocol of their own. */
#include "dispatch/hooks.h"

#include <ap_mpm.h>
#include <http_connection.h>

#include "core/config.h"
#include "core/log.h"
#include "dispatch/handler.h"
#include "objects/connection.h"
#include "runtime/error.h"
#include "runtime/pool.h"

static int goes_on(mp_phase phase, int status)
{
    return status == DECLINED
           || (status == OK && mp_phases[phase].run == MP_RUN_ALL);
}

/* Attached: runs the entries until one ends the list. */
static int run_entries(mp_interp *interp, conn_rec *c, mp_call *call,
                       const mp_dir_conf *conf, const mp_handler_list *list)
{
    mp_state *state = interp->state;
    PyObject *conn = mp_connection_get(state, c);
    int status = DECLINED;

    if (conn == NULL) {
        mp_error_log_exception(MP_LOGNO(0320) "cannot make a connection "
                               "object");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (int i = 0; goes_on(call->phase, status) && i < list->entries->nelts;
         i++) {
        const mp_handler *handler =
            APR_ARRAY_IDX(list->entries, i, const mp_handler *);
        PyObject *callable;
        PyObject *result = NULL;
        int found;

        call->handler = handler;
        mp_connection_set_running(conn, list, i);
        found = mp_handler_resolve(state, handler, conf, NULL, NULL,
                                   apr_time_now(), &callable);
        if (found == 0) {
            continue;
        }
        if (found > 0) {
            result = mp_handler_call(state, conf, callable, conn);
            Py_DECREF(callable);
        }
        status = mp_handler_result(state, conf, result, conn,
                                   mp_phases[call->phase].directive,
                                   handler, NULL, NULL);
    }
    mp_connection_set_running(conn, NULL, 0);
    Py_DECREF(conn);
    return status;
}

/* Runs the handlers of a phase, if there are any. Errors are a status. */
static int run_phase(conn_rec *c, mp_phase phase)
{
    server_rec *s = c->base_server;
    const mp_dir_conf *conf = mp_config_of_server_dir(s);
    const mp_handler_list *list;
    const char *extension;
    const mp_interp_ref *ref;
    mp_interp *interp;
    mp_call call = {.c = c, .s = s, .phase = phase};
    mp_entry entry;
    int status = HTTP_INTERNAL_SERVER_ERROR;

    if (!(conf->phase_mask & MP_PHASE_BIT(phase))) {
        return DECLINED;
    }
    list = mp_handler_list_find(conf->handlers[phase], NULL, &extension);
    if (list == NULL || list->entries->nelts == 0) {
        return DECLINED;
    }
    ref = conf->interpreter != NULL ? conf->interpreter
                                    : mp_config_of_server(s)->interpreter;
    call.interp_name = ref->name;
    interp = mp_pool_of(ref, mp_connection_stays(c));
    if (interp == NULL) {
        ap_log_cerror(APLOG_MARK, APLOG_ERR, 0, c,
                      MP_LOGNO(0321) "no interpreter %s for %s; the "
                      "connection is closed", ref->name,
                      mp_phases[phase].directive);
    }
    else if (mp_interp_enter(interp, &call, &entry) == 0) {
        status = run_entries(interp, c, &call, conf, list);
        mp_interp_leave(&entry);
    }
    return status;
}

/* Connections of httpd to others (mod_proxy) and the streams of an HTTP/2
 * connection come by here too. */
static int is_of_a_client(const conn_rec *c)
{
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 116)
    if (c->outgoing) {
        return 0;
    }
#endif
    return c->master == NULL && c->sbh != NULL;
}

static int pre_connection_hook(conn_rec *c, void *socket)
{
    int status;
    (void)socket;

    if (!is_of_a_client(c)) {
        return DECLINED;
    }
    status = run_phase(c, MP_PHASE_PRE_CONNECTION);
    /* httpd goes on after DONE too */
    return status == OK || status == DECLINED ? status : HTTP_FORBIDDEN;
}

static int process_connection_hook(conn_rec *c)
{
    int status;

    /* the event MPM comes by again for each request of a kept connection:
     * that one was declined before, and belongs to HTTP */
    if (c->keepalives > 0) {
        return DECLINED;
    }
    status = run_phase(c, MP_PHASE_CONNECTION);
    if (status != DECLINED && c->cs != NULL) {
        /* whatever an asynchronous MPM thinks of it, we are done */
        c->cs->state = CONN_STATE_LINGER;
    }
    return status == DECLINED ? DECLINED : DONE;
}

void mp_connection_register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_pre_connection(pre_connection_hook, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_process_connection(process_connection_hook, NULL, NULL,
                               APR_HOOK_FIRST);
}
