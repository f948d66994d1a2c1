/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Which Python installation is used, whether it can work, and its start in a
 * child. */
#include "runtime/python.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ap_mpm.h>
#include <apr_env.h>
#include <apr_file_info.h>
#include <apr_strings.h>
#include <unixd.h>

#include "core/log.h"
#include "core/config.h"
#include "runtime/compat.h"
#include "runtime/interp.h"
#include "runtime/pool.h"

#define PYTHON_NAME                                                           \
    "python" APR_STRINGIFY(PY_MAJOR_VERSION) "." APR_STRINGIFY(               \
        PY_MINOR_VERSION)

/* Where Python is to be found. */
typedef struct home {
    const char *prefix;     /* directory */
    const char *source;     /* "PythonHome", "PYTHONHOME", "the build" */
    int is_venv;            /* has a pyvenv.cfg */
    const char *executable; /* its interpreter binary, NULL: none */
} home;

static int started;

int mp_python_started(void)
{
    return started;
}

static int exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static const char *find_executable(apr_pool_t *p, const char *prefix)
{
    static const char *const names[] = {PYTHON_NAME, "python3", "python"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *path = apr_pstrcat(p, prefix, "/bin/", names[i], NULL);

        if (exists(path)) {
            return path;
        }
    }
    return NULL;
}

static void find_home(apr_pool_t *p, server_rec *s, home *h)
{
    char *env = NULL;

    memset(h, 0, sizeof(*h));
    h->prefix = mp_config_of_server(s)->python_home;
    h->source = "PythonHome";
    if (h->prefix == NULL && apr_env_get(&env, "PYTHONHOME", p) == APR_SUCCESS
        && env[0] != '\0') {
        /* "prefix:exec_prefix" is allowed there */
        h->prefix = apr_pstrndup(p, env, strcspn(env, ":"));
        h->source = "the environment variable PYTHONHOME";
    }
    if (h->prefix == NULL) {
        h->prefix = MP_PYTHON_PREFIX;
        h->source = "the prefix mod_python was built with";
    }
    h->is_venv = exists(apr_pstrcat(p, h->prefix, "/pyvenv.cfg", NULL));
    h->executable = find_executable(p, h->prefix);
}

/* May the user that children run as use path (mode: 4 read, 1 search)? */
static int permits(const char *path, int mode)
{
    struct stat st;

    if (geteuid() != 0) {
        return access(path, mode == 4 ? R_OK : X_OK) == 0;
    }
    if (stat(path, &st) != 0) {
        return 0;
    }
    if (ap_unixd_config.user_id == 0) {
        return 1;
    }
    if (st.st_uid == ap_unixd_config.user_id) {
        return (st.st_mode & (mode << 6)) != 0;
    }
    if (st.st_gid == ap_unixd_config.group_id) {
        return (st.st_mode & (mode << 3)) != 0;
    }
    return (st.st_mode & mode) != 0;
}

/* @return NULL, or the part of path that the run user cannot use */
static const char *unreadable_part(apr_pool_t *p, const char *path)
{
    for (const char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        const char *part = apr_pstrndup(p, path, slash - path);

        if (!permits(part, 1)) {
            return part;
        }
    }
    return permits(path, 4) ? NULL : path;
}

/* The prefix of the Python that a virtual environment was made from: the
 * parent of "home = /usr/bin" in its pyvenv.cfg.
 * @return NULL when the file does not tell */
static const char *venv_base(apr_pool_t *p, const char *prefix)
{
    const char *path = apr_pstrcat(p, prefix, "/pyvenv.cfg", NULL);
    const char *base = NULL;
    apr_file_t *file;
    char line[4096];

    if (apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BUFFERED,
                      APR_FPROT_OS_DEFAULT, p) != APR_SUCCESS) {
        return NULL;
    }
    while (base == NULL
           && apr_file_gets(line, sizeof(line), file) == APR_SUCCESS) {
        char *value = strchr(line, '=');

        if (value != NULL
            && strncmp(line, "home", 4) == 0
            && line[4 + strspn(line + 4, " \t")] == '=') {
            value += 1 + strspn(value + 1, " \t");
            value[strcspn(value, "\r\n")] = '\0';
            base = ap_make_dirstr_parent(p, value);
        }
    }
    apr_file_close(file);
    return base;
}

/* Is the library there that every start needs, can the run user read it?
 * @param source where prefix comes from
 * @param name of a file in lib/pythonX.Y
 * @return OK or HTTP_INTERNAL_SERVER_ERROR after logging */
static int check_library(apr_pool_t *p, server_rec *s, const char *source,
                         const char *prefix, const char *name)
{
    const char *file =
        apr_pstrcat(p, prefix, "/lib/" PYTHON_NAME "/", name, NULL);
    const char *part;

    if (!exists(file)) {
        file = apr_pstrcat(p, prefix, "/lib64/" PYTHON_NAME "/", name, NULL);
    }
    if (exists(file) && (part = unreadable_part(p, file)) == NULL) {
        return OK;
    }
    if (!exists(prefix)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     MP_LOGNO(0110) "%s is %s, which does not exist; set "
                     "PythonHome to the prefix or virtual environment of a "
                     "Python " APR_STRINGIFY(PY_MAJOR_VERSION) "."
                     APR_STRINGIFY(PY_MINOR_VERSION), source, prefix);
    }
    else if (!exists(file)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     MP_LOGNO(0111) "%s is %s, which is not a Python "
                     APR_STRINGIFY(PY_MAJOR_VERSION) "."
                     APR_STRINGIFY(PY_MINOR_VERSION) " (no lib/"
                     PYTHON_NAME "/%s); set PythonHome to the prefix or "
                     "virtual environment of one, or build mod_python for "
                     "that Python", source, prefix, name);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     MP_LOGNO(0112) "%s is %s, but User %s cannot read %s; "
                     "change its mode, or set PythonHome to a Python that "
                     "this user can read", source, prefix,
                     ap_unixd_config.user_name != NULL
                         ? ap_unixd_config.user_name : "of this process",
                     part);
    }
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int check_home(apr_pool_t *p, server_rec *s)
{
    const char *prefix;
    const char *source;
    home h;
    int status;

    find_home(p, s, &h);
    prefix = h.prefix;
    source = h.source;
    if (h.is_venv) {
        /* its version shows in the name of its site-packages' parent */
        status = check_library(p, s, source, prefix, "site-packages");
        prefix = venv_base(p, h.prefix);
        if (status != OK || prefix == NULL) {
            return status;
        }
        source = apr_pstrcat(p, "the Python of the virtual environment ",
                             h.prefix, NULL);
    }
    status = check_library(p, s, source, prefix, "os.py");
    return status != OK
               ? status
               : check_library(p, s, source, prefix, "encodings/__init__.py");
}

/* @return OK, or HTTP_INTERNAL_SERVER_ERROR after logging */
static int check_own_gil(server_rec *s)
{
    const apr_array_header_t *interps = mp_config_of_server(s)->interps;

    for (int i = 0; !MP_COMPAT_OWN_GIL && i < interps->nelts; i++) {
        const mp_interp_conf *conf =
            &APR_ARRAY_IDX(interps, i, const mp_interp_conf);

        if (conf->own_gil) {
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                         MP_LOGNO(0115) "PythonInterpreterOptions %s: an "
                         "interpreter with a GIL of its own needs CPython "
                         "3.13 or newer, this is " PY_VERSION "; remove "
                         "gil=own and instances", conf->name);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

int mp_python_check_config(apr_pool_t *ptemp, server_rec *s)
{
    const int status = check_home(ptemp, s);

    return status == OK ? check_own_gil(s) : status;
}

const char *mp_python_package_parent(void)
{
    static char parent[4096];
    static const char package[] = "/mod_python";
    Dl_info info;
    const char *slash;
    size_t length;
    char marker[4200];

    if (parent[0] != '\0') {
        return parent;
    }
    if (dladdr((void *)mp_python_package_parent, &info) == 0
        || (slash = strrchr(info.dli_fname, '/')) == NULL) {
        return NULL;
    }
    length = slash - info.dli_fname;
    if (length < sizeof(package) || length >= sizeof(parent)
        || strncmp(slash - (sizeof(package) - 1), package,
                   sizeof(package) - 1) != 0) {
        return NULL;
    }
    apr_snprintf(marker, sizeof(marker), "%.*s/apache.py", (int)length,
                 info.dli_fname);
    if (!exists(marker)) {
        return NULL;
    }
    apr_cpystrn(parent, info.dli_fname, length - (sizeof(package) - 1) + 1);
    return parent;
}

static PyStatus set_path(PyConfig *config, wchar_t **member, const char *path)
{
    return PyConfig_SetBytesString(config, member, path);
}

static PyStatus configure(PyConfig *config, const home *h, server_rec *s)
{
    int optimize = mp_config_of_server(s)->optimize;
    char *argv[] = {(char *)"mod_python"};
    PyStatus status;

    config->install_signal_handlers = 0;
    config->parse_argv = 0;
    config->user_site_directory = 0;
    config->pathconfig_warnings = 0;
    if (optimize > 0) {
        config->optimization_level = optimize;
    }
    status = PyConfig_SetBytesArgv(config, 1, argv);
    if (PyStatus_Exception(status)) {
        return status;
    }
    /* Without both, CPython looks for the first python3 on PATH. */
    status = set_path(config, &config->program_name,
                      h->executable != NULL ? h->executable : "");
    if (PyStatus_Exception(status)) {
        return status;
    }
    status = set_path(config, &config->executable,
                      h->executable != NULL ? h->executable : "");
    if (PyStatus_Exception(status)) {
        return status;
    }
    /* A venv is found from its executable; a home would hide it. */
    if (!h->is_venv) {
        status = set_path(config, &config->home, h->prefix);
    }
    return status;
}

/* Keeps this module, and with it libpython, in the process to its end. With
 * -X there is no child whose exit leaves all libraries in place: httpd unloads
 * its modules, and threads that still run in them would crash. */
static void stay_loaded(void)
{
    Dl_info info;

    if (dladdr((void *)stay_loaded, &info) != 0) {
        dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

void mp_python_start(apr_pool_t *pchild, server_rec *s,
                     PyObject *(*init)(void))
{
    PyPreConfig preconfig;
    PyConfig config;
    PyStatus status;
    home h;

    if (started) {
        return;
    }
    stay_loaded();
    find_home(pchild, s, &h);
    /* UTF-8 for file names whatever the locale, as the text rule says; the
     * process keeps its locale: httpd's other modules may rely on it */
    PyPreConfig_InitPythonConfig(&preconfig);
    preconfig.parse_argv = 0;
    preconfig.configure_locale = 0;
    preconfig.coerce_c_locale = 0;
    preconfig.utf8_mode = 1;
    status = Py_PreInitialize(&preconfig);
    if (PyStatus_Exception(status)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     MP_LOGNO(0113) "Python cannot start (%s %s): %s",
                     h.source, h.prefix,
                     status.err_msg != NULL ? status.err_msg : "unknown");
        return;
    }
    PyConfig_InitPythonConfig(&config);
    status = configure(&config, &h, s);
    if (!PyStatus_Exception(status)
        && PyImport_AppendInittab("_apache", init) != 0) {
        status = PyStatus_NoMemory();
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     MP_LOGNO(0113) "Python cannot start (%s %s): %s",
                     h.source, h.prefix,
                     status.err_msg != NULL ? status.err_msg : "unknown");
        return;
    }
    if (mp_interp_start(s) != 0 || mp_pool_start(s) != 0) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     MP_LOGNO(0114) "Python cannot start: out of memory for "
                     "the table of interpreters");
    }
    else {
        started = 1;
    }
    PyEval_SaveThread();
}
