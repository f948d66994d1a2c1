/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The constants of mod_python.apache. Numbers are those of the httpd and APR
 * headers this is built against; what an older httpd does not know comes
 * from the RFCs. */
#include "objects/state.h"

#include <ap_mmn.h>
#include <ap_mpm.h>
#include <apr_file_info.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <httpd.h>

#include "core/config.h"
#include "core/phase.h"

#ifndef HTTP_EARLY_HINTS
#define HTTP_EARLY_HINTS 103
#endif
#ifndef HTTP_ALREADY_REPORTED
#define HTTP_ALREADY_REPORTED 208
#endif
#ifndef HTTP_IM_USED
#define HTTP_IM_USED 226
#endif
#ifndef HTTP_PERMANENT_REDIRECT
#define HTTP_PERMANENT_REDIRECT 308
#endif
#ifndef HTTP_IM_A_TEAPOT
#define HTTP_IM_A_TEAPOT 418
#endif
#ifndef HTTP_MISDIRECTED_REQUEST
#define HTTP_MISDIRECTED_REQUEST 421
#endif
#ifndef HTTP_TOO_EARLY
#define HTTP_TOO_EARLY 425
#endif
#ifndef HTTP_PRECONDITION_REQUIRED
#define HTTP_PRECONDITION_REQUIRED 428
#endif
#ifndef HTTP_TOO_MANY_REQUESTS
#define HTTP_TOO_MANY_REQUESTS 429
#endif
#ifndef HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE
#define HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE 431
#endif
#ifndef HTTP_UNAVAILABLE_FOR_LEGAL_REASONS
#define HTTP_UNAVAILABLE_FOR_LEGAL_REASONS 451
#endif
#ifndef HTTP_LOOP_DETECTED
#define HTTP_LOOP_DETECTED 508
#endif
#ifndef HTTP_NETWORK_AUTHENTICATION_REQUIRED
#define HTTP_NETWORK_AUTHENTICATION_REQUIRED 511
#endif

typedef struct number {
    const char *name;
    long value;
} number;

#define SAME(name) {#name, name}

static const number numbers[] = {
    /* clang-format off */
    SAME(OK), {"REQ_PROCEED", OK},
    SAME(DECLINED), {"REQ_NOACTION", DECLINED},
    SAME(DONE),
    {"REQ_ABORTED", HTTP_INTERNAL_SERVER_ERROR},

    SAME(HTTP_CONTINUE),
    SAME(HTTP_SWITCHING_PROTOCOLS),
    SAME(HTTP_PROCESSING),
    SAME(HTTP_EARLY_HINTS),
    SAME(HTTP_OK),
    SAME(HTTP_CREATED),
    SAME(HTTP_ACCEPTED),
    SAME(HTTP_NON_AUTHORITATIVE),
    SAME(HTTP_NO_CONTENT),
    SAME(HTTP_RESET_CONTENT),
    SAME(HTTP_PARTIAL_CONTENT),
    SAME(HTTP_MULTI_STATUS),
    SAME(HTTP_ALREADY_REPORTED),
    SAME(HTTP_IM_USED),
    SAME(HTTP_MULTIPLE_CHOICES),
    SAME(HTTP_MOVED_PERMANENTLY),
    SAME(HTTP_MOVED_TEMPORARILY),
    SAME(HTTP_SEE_OTHER),
    SAME(HTTP_NOT_MODIFIED),
    SAME(HTTP_USE_PROXY),
    SAME(HTTP_TEMPORARY_REDIRECT),
    SAME(HTTP_PERMANENT_REDIRECT),
    SAME(HTTP_BAD_REQUEST),
    SAME(HTTP_UNAUTHORIZED),
    SAME(HTTP_PAYMENT_REQUIRED),
    SAME(HTTP_FORBIDDEN),
    SAME(HTTP_NOT_FOUND),
    SAME(HTTP_METHOD_NOT_ALLOWED),
    SAME(HTTP_NOT_ACCEPTABLE),
    SAME(HTTP_PROXY_AUTHENTICATION_REQUIRED),
    SAME(HTTP_REQUEST_TIME_OUT),
    SAME(HTTP_CONFLICT),
    SAME(HTTP_GONE),
    SAME(HTTP_LENGTH_REQUIRED),
    SAME(HTTP_PRECONDITION_FAILED),
    SAME(HTTP_REQUEST_ENTITY_TOO_LARGE),
    SAME(HTTP_REQUEST_URI_TOO_LARGE),
    SAME(HTTP_UNSUPPORTED_MEDIA_TYPE),
    SAME(HTTP_RANGE_NOT_SATISFIABLE),
    SAME(HTTP_EXPECTATION_FAILED),
    SAME(HTTP_IM_A_TEAPOT),
    SAME(HTTP_MISDIRECTED_REQUEST),
    SAME(HTTP_UNPROCESSABLE_ENTITY),
    SAME(HTTP_LOCKED),
    SAME(HTTP_FAILED_DEPENDENCY),
    SAME(HTTP_TOO_EARLY),
    SAME(HTTP_UPGRADE_REQUIRED),
    SAME(HTTP_PRECONDITION_REQUIRED),
    SAME(HTTP_TOO_MANY_REQUESTS),
    SAME(HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE),
    SAME(HTTP_UNAVAILABLE_FOR_LEGAL_REASONS),
    SAME(HTTP_INTERNAL_SERVER_ERROR),
    SAME(HTTP_NOT_IMPLEMENTED),
    SAME(HTTP_BAD_GATEWAY),
    SAME(HTTP_SERVICE_UNAVAILABLE),
    SAME(HTTP_GATEWAY_TIME_OUT),
    SAME(HTTP_VERSION_NOT_SUPPORTED),
    SAME(HTTP_VARIANT_ALSO_VARIES),
    SAME(HTTP_INSUFFICIENT_STORAGE),
    SAME(HTTP_LOOP_DETECTED),
    SAME(HTTP_NOT_EXTENDED),
    SAME(HTTP_NETWORK_AUTHENTICATION_REQUIRED),

    SAME(APLOG_EMERG), SAME(APLOG_ALERT), SAME(APLOG_CRIT), SAME(APLOG_ERR),
    SAME(APLOG_WARNING), SAME(APLOG_NOTICE), SAME(APLOG_INFO),
    SAME(APLOG_DEBUG), SAME(APLOG_TRACE1), SAME(APLOG_TRACE2),
    SAME(APLOG_TRACE3), SAME(APLOG_TRACE4), SAME(APLOG_TRACE5),
    SAME(APLOG_TRACE6), SAME(APLOG_TRACE7), SAME(APLOG_TRACE8),
    {"APLOG_NOERRNO", 0}, /* harmless in an or; httpd ignores its own too */

    SAME(REMOTE_HOST), SAME(REMOTE_NAME), SAME(REMOTE_NOLOOKUP),
    SAME(REMOTE_DOUBLE_REV),

    /* indexes of mp_finfo; objects/finfo.c has them in this order */
    {"FINFO_MODE", 0}, {"FINFO_INO", 1}, {"FINFO_DEV", 2},
    {"FINFO_NLINK", 3}, {"FINFO_UID", 4}, {"FINFO_GID", 5},
    {"FINFO_SIZE", 6}, {"FINFO_ATIME", 7}, {"FINFO_MTIME", 8},
    {"FINFO_CTIME", 9}, {"FINFO_FNAME", 10}, {"FINFO_NAME", 11},
    {"FINFO_FILETYPE", 12},

    /* indexes of req.parsed_uri */
    {"URI_SCHEME", 0}, {"URI_HOSTINFO", 1}, {"URI_USER", 2},
    {"URI_PASSWORD", 3}, {"URI_HOSTNAME", 4}, {"URI_PORT", 5},
    {"URI_PATH", 6}, {"URI_QUERY", 7}, {"URI_FRAGMENT", 8},

    SAME(PROXYREQ_NONE), SAME(PROXYREQ_PROXY), SAME(PROXYREQ_REVERSE),
    SAME(PROXYREQ_RESPONSE),

    SAME(M_GET), SAME(M_PUT), SAME(M_POST), SAME(M_DELETE), SAME(M_CONNECT),
    SAME(M_OPTIONS), SAME(M_TRACE), SAME(M_PATCH), SAME(M_PROPFIND),
    SAME(M_PROPPATCH), SAME(M_MKCOL), SAME(M_COPY), SAME(M_MOVE),
    SAME(M_LOCK), SAME(M_UNLOCK), SAME(M_VERSION_CONTROL), SAME(M_CHECKOUT),
    SAME(M_UNCHECKOUT), SAME(M_CHECKIN), SAME(M_UPDATE), SAME(M_LABEL),
    SAME(M_REPORT), SAME(M_MKWORKSPACE), SAME(M_MKACTIVITY),
    SAME(M_BASELINE_CONTROL), SAME(M_MERGE), SAME(M_INVALID),

    SAME(AP_REQ_ACCEPT_PATH_INFO), SAME(AP_REQ_REJECT_PATH_INFO),
    SAME(AP_REQ_DEFAULT_PATH_INFO),

    SAME(AP_MPMQ_NOT_SUPPORTED), SAME(AP_MPMQ_STATIC),
    SAME(AP_MPMQ_DYNAMIC), SAME(AP_MPMQ_MAX_DAEMON_USED),
    SAME(AP_MPMQ_IS_THREADED), SAME(AP_MPMQ_IS_FORKED),
    SAME(AP_MPMQ_HARD_LIMIT_DAEMONS), SAME(AP_MPMQ_HARD_LIMIT_THREADS),
    SAME(AP_MPMQ_MAX_THREADS), SAME(AP_MPMQ_MIN_SPARE_DAEMONS),
    SAME(AP_MPMQ_MIN_SPARE_THREADS), SAME(AP_MPMQ_MAX_SPARE_DAEMONS),
    SAME(AP_MPMQ_MAX_SPARE_THREADS), SAME(AP_MPMQ_MAX_REQUESTS_DAEMON),
    SAME(AP_MPMQ_MAX_DAEMONS),

    SAME(REQUEST_NO_BODY), SAME(REQUEST_CHUNKED_ERROR),
    SAME(REQUEST_CHUNKED_DECHUNK),
    SAME(AP_CONN_UNKNOWN), SAME(AP_CONN_CLOSE), SAME(AP_CONN_KEEPALIVE),

    SAME(APR_NOFILE), SAME(APR_REG), SAME(APR_DIR), SAME(APR_CHR),
    SAME(APR_BLK), SAME(APR_PIPE), SAME(APR_LNK), SAME(APR_SOCK),
    SAME(APR_UNKFILE),

    SAME(APR_FINFO_LINK), SAME(APR_FINFO_MTIME), SAME(APR_FINFO_CTIME),
    SAME(APR_FINFO_ATIME), SAME(APR_FINFO_SIZE), SAME(APR_FINFO_CSIZE),
    SAME(APR_FINFO_DEV), SAME(APR_FINFO_INODE), SAME(APR_FINFO_NLINK),
    SAME(APR_FINFO_TYPE), SAME(APR_FINFO_USER), SAME(APR_FINFO_GROUP),
    SAME(APR_FINFO_UPROT), SAME(APR_FINFO_GPROT), SAME(APR_FINFO_WPROT),
    SAME(APR_FINFO_ICASE), SAME(APR_FINFO_NAME), SAME(APR_FINFO_MIN),
    SAME(APR_FINFO_IDENT), SAME(APR_FINFO_OWNER), SAME(APR_FINFO_PROT),
    SAME(APR_FINFO_NORM), SAME(APR_FINFO_DIRENT),

    SAME(MODULE_MAGIC_NUMBER_MAJOR), SAME(MODULE_MAGIC_NUMBER_MINOR),
    /* clang-format on */
};

static const struct {
    const char *name;
    const char *value;
} strings[] = {
    {"REQ_EXIT", "REQ_EXIT"},
    {"CGI_MAGIC_TYPE", CGI_MAGIC_TYPE},
    {"INCLUDES_MAGIC_TYPE", INCLUDES_MAGIC_TYPE},
    {"INCLUDES_MAGIC_TYPE3", INCLUDES_MAGIC_TYPE3},
    {"DIR_MAGIC_TYPE", DIR_MAGIC_TYPE},
    {"MAIN_INTERPRETER", MP_MAIN_INTERPRETER},
    {"mp_version", MP_VERSION},
};

static const char *run_name(mp_run_kind run)
{
    switch (run) {
    case MP_RUN_ALL:
        return "all";
    case MP_RUN_FIRST:
        return "first";
    default:
        return "void";
    }
}

static const char *where_name(mp_phase_where where)
{
    switch (where) {
    case MP_WHERE_CHILD:
        return "child";
    case MP_WHERE_SERVER:
        return "server";
    default:
        return "any";
    }
}

/* _apache.phases: one tuple for each row of phases.def, in its order. */
static int add_phases(PyObject *op)
{
    PyObject *phases = PyTuple_New(MP_PHASE_COUNT);
    int rc;

    if (phases == NULL) {
        return -1;
    }
    for (int i = 0; i < MP_PHASE_COUNT; i++) {
        const mp_phase_info *info = &mp_phases[i];
        PyObject *row = Py_BuildValue(
            "(ssssOO)", info->directive, info->function, run_name(info->run),
            where_name(info->where),
            info->ext ? Py_True : Py_False,
            info->module ? Py_True : Py_False);

        if (row == NULL) {
            Py_DECREF(phases);
            return -1;
        }
        PyTuple_SET_ITEM(phases, i, row);
    }
    rc = PyModule_AddObjectRef(op, "phases", phases);
    Py_DECREF(phases);
    return rc;
}

int mp_constants_setup(PyObject *op)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (PyModule_AddIntConstant(op, numbers[i].name, numbers[i].value)
            != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (PyModule_AddStringConstant(op, strings[i].name, strings[i].value)
            != 0) {
            return -1;
        }
    }
    return add_phases(op);
}
