/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The WSGI applications that an interpreter serves, by what the configuration
 * says: each is looked for again when a second has passed (PythonAutoReload)
 * or something was reloaded, as handlers are (dispatch/resolve.c). And the
 * content handler that calls them. */
#include "objects/wsgi.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/text.h"

/* More than this many at a time are looked for again and again. */
#define APPLICATIONS 16

/* What decides which application it is; NULL: not set. */
typedef struct place {
    const char *option; /* module[::callable] */
    const char *directory;
    const char *python_path;
} place;

typedef struct known {
    char *option; /* copies of the place, malloc */
    char *directory;
    char *python_path;
    PyObject *application;
    unsigned generation; /* of the state when it was found */
    apr_time_t checked;  /* when its files were looked at */
} known;

struct mp_wsgi_applications {
    known entries[APPLICATIONS];
    int next; /* which one is given up for another */
};

static int same(const char *one, const char *other)
{
    return one == other
           || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static known *find(const mp_state *state, const place *at)
{
    struct mp_wsgi_applications *all = state->wsgi_applications;

    for (int i = 0; all != NULL && i < APPLICATIONS; i++) {
        known *one = &all->entries[i];

        if (one->application != NULL && same(one->option, at->option)
            && same(one->directory, at->directory)
            && same(one->python_path, at->python_path)) {
            return one;
        }
    }
    return NULL;
}

static int is_fresh(const mp_state *state, const known *one, int auto_reload,
                    apr_time_t now)
{
    return one->generation == state->generation
           && (!auto_reload
               || (now - one->checked < APR_USEC_PER_SEC
                   && one->checked - now < APR_USEC_PER_SEC));
}

static void forget(known *one)
{
    PyObject *application = one->application;

    free(one->option);
    free(one->directory);
    free(one->python_path);
    memset(one, 0, sizeof(*one));
    Py_XDECREF(application); /* may run anything: last */
}

/* @return 0 when there is no memory */
static int copy(char **to, const char *from)
{
    *to = from != NULL ? strdup(from) : NULL;
    return from == NULL || *to != NULL;
}

/* An entry for the place, empty but for that. @return NULL: no memory */
static known *make(mp_state *state, const place *at)
{
    struct mp_wsgi_applications *all = state->wsgi_applications;
    known *one;

    if (all == NULL) {
        all = state->wsgi_applications = calloc(1, sizeof(*all));
        if (all == NULL) {
            return NULL;
        }
    }
    one = &all->entries[all->next];
    all->next = (all->next + 1) % APPLICATIONS;
    forget(one);
    if (copy(&one->option, at->option)
        && copy(&one->directory, at->directory)
        && copy(&one->python_path, at->python_path)) {
        return one;
    }
    forget(one);
    return NULL;
}

/* Not being able to is no error. */
static void remember(mp_state *state, const place *at, PyObject *application,
                     unsigned generation, apr_time_t now)
{
    known *one = find(state, at);

    if (one == NULL) {
        one = make(state, at);
    }
    if (one != NULL) {
        one->generation = generation;
        one->checked = now;
        Py_XSETREF(one->application, Py_NewRef(application));
    }
}

static PyObject *look(PyObject *finder, PyObject *op, const char *option)
{
    PyObject *args[] = {op, mp_text_from(option)};
    PyObject *found = NULL;

    if (args[1] != NULL) {
        found = PyObject_Vectorcall(finder, args, 2, NULL);
        Py_DECREF(args[1]);
    }
    return found;
}

/* The one found before, or if that is due again what finder() returns.
 * @return new reference, or NULL with an exception */
static PyObject *application_of(const mp_request *self, PyObject *finder)
{
    mp_state *state = self->state;
    const mp_handler *handler;
    const mp_dir_conf *conf;
    const known *one;
    PyObject *application;
    unsigned generation;
    place at;

    conf = mp_config_of_request(self->r);
    handler = mp_request_handler(self);
    at.option = mp_config_option(conf, "mod_python.wsgi.application");
    at.python_path = conf->python_path;
    at.directory = handler != NULL ? mp_request_directory(self, handler)
                                   : NULL;
    generation = state->generation;
    one = find(state, &at);
    if (one != NULL && is_fresh(state, one, mp_config_auto_reload(conf),
                                self->r->request_time)) {
        return Py_NewRef(one->application);
    }
    application = look(finder, (PyObject *)self, at.option);
    if (application != NULL) {
        remember(state, &at, application, generation, self->r->request_time);
    }
    return application;
}

/* @return what the application returns, NotImplemented for a URI that is not
 * below the path where it is mounted, NULL with an exception */
static PyObject *call(mp_request *self, PyObject *finder,
                      PyObject *file_wrapper)
{
    PyObject *application;
    PyObject *result = NULL;
    PyObject *given[3] = {NULL}; /* the first is the callee's to use */

    if (mp_request_check(self) < 0) {
        return NULL;
    }
    application = application_of(self, finder);
    if (application == NULL) {
        return NULL;
    }
    given[1] = mp_wsgi_environ(self, file_wrapper);
    if (given[1] == Py_None) {
        result = Py_NewRef(Py_NotImplemented);
    }
    else if (given[1] != NULL) {
        given[2] = mp_wsgi_start_response(self);
    }
    if (given[2] != NULL) {
        result = PyObject_Vectorcall(
            application, given + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    }
    Py_XDECREF(given[2]);
    Py_XDECREF(given[1]);
    Py_DECREF(application);
    return result;
}

/* ---- the content handler ---- */

/* What a handler is bound to: a tuple of these. */
enum { BOUND_MODULE, BOUND_FINDER, BOUND_FINISH, BOUND_FILE_WRAPPER };

static PyObject *handle(PyObject *bound, PyObject *op)
{
    mp_state *state =
        mp_state_of_module(PyTuple_GET_ITEM(bound, BOUND_MODULE));
    mp_request *self = (mp_request *)op;
    PyObject *status = NULL;
    PyObject *result;

    if (!Py_IS_TYPE(op, state->request_type)) {
        PyErr_Format(PyExc_TypeError, "handler() takes an mp_request, not %.200s",
                     Py_TYPE(op)->tp_name);
        return NULL;
    }
    result = call(self, PyTuple_GET_ITEM(bound, BOUND_FINDER),
                  PyTuple_GET_ITEM(bound, BOUND_FILE_WRAPPER));
    if (result != NULL && PyList_CheckExact(result)) {
        /* the usual case; nothing of it has to be closed */
        self->busy++;
        status = mp_wsgi_send(self, result) == 0 ? Py_NewRef(state->ok) : NULL;
        self->busy--;
    }
    else if (result != NULL) {
        PyObject *const args[] = {op, result};

        status = PyObject_Vectorcall(PyTuple_GET_ITEM(bound, BOUND_FINISH),
                                     args, 2, NULL);
    }
    Py_XDECREF(result);
    mp_wsgi_take_back(self);
    return status;
}

static PyMethodDef handler_method = {
    "handler", handle, METH_O,
    PyDoc_STR("handler(req, /)\n--\n\nThe content handler.")};

PyObject *mp_wsgi_handler(PyObject *op, PyObject *args)
{
    PyObject *finder;
    PyObject *finish;
    PyObject *file_wrapper;
    PyObject *bound;
    PyObject *handler = NULL;

    if (!PyArg_ParseTuple(args, "OOO:_wsgi_handler", &finder, &finish,
                          &file_wrapper)) {
        return NULL;
    }
    bound = PyTuple_Pack(4, op, finder, finish, file_wrapper);
    if (bound != NULL) {
        handler = PyCFunction_New(&handler_method, bound);
        Py_DECREF(bound);
    }
    return handler;
}

int mp_wsgi_applications_traverse(mp_state *state, visitproc visit, void *arg)
{
    struct mp_wsgi_applications *all = state->wsgi_applications;

    for (int i = 0; all != NULL && i < APPLICATIONS; i++) {
        Py_VISIT(all->entries[i].application);
    }
    return 0;
}

void mp_wsgi_applications_clear(mp_state *state)
{
    struct mp_wsgi_applications *all = state->wsgi_applications;

    state->wsgi_applications = NULL;
    for (int i = 0; all != NULL && i < APPLICATIONS; i++) {
        forget(&all->entries[i]);
    }
    free(all);
}
