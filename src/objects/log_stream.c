/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The streams behind sys.stdout and sys.stderr. They log whole lines: what
 * comes before the newline waits in the stream, apart for each call that is
 * being served (or thread, outside a call), so lines of requests served at the
 * same time do not mix. */
#include "objects/log_stream.h"

#include <stddef.h>
#include <string.h>

#include <structmember.h>

#include "objects/log.h"
#include "runtime/compat.h"

typedef struct log_stream {
    PyObject_HEAD
    mp_state *state;    /* its count of partial lines */
    const char *name;   /* "<stdout>" or "<stderr>" */
    int level;
    PyObject *partials; /* dict: int of a call or thread -> bytes */
} log_stream;

/* The key of this thread's line: the innermost call, which lives on the C
 * stack, or the thread; their addresses do not meet. */
static PyObject *current_key(void)
{
    mp_call *call = mp_interp_current_call();

    if (call != NULL) {
        return PyLong_FromVoidPtr(call);
    }
    return PyLong_FromUnsignedLong(PyThread_get_thread_ident());
}

/* Takes the unfinished line of key out of the stream.
 * @return new reference; NULL when there is none, or with an exception */
static PyObject *take_partial(log_stream *self, PyObject *key)
{
    PyObject *partial = PyDict_GetItemWithError(self->partials, key);

    if (partial == NULL) {
        return NULL;
    }
    Py_INCREF(partial);
    if (PyDict_DelItem(self->partials, key) != 0) {
        Py_DECREF(partial);
        return NULL;
    }
    self->state->log_partials--;
    return partial;
}

static int keep_partial(log_stream *self, PyObject *key, const char *data,
                        Py_ssize_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize(data, size);
    int rc;

    if (bytes == NULL) {
        return -1;
    }
    rc = PyDict_SetItem(self->partials, key, bytes);
    Py_DECREF(bytes);
    if (rc == 0) {
        self->state->log_partials++;
    }
    return rc;
}

/* Logs the whole lines of data and keeps the rest. */
static int write_lines(log_stream *self, PyObject *key, const char *data,
                       Py_ssize_t size)
{
    const mp_log_sink to = mp_log_current_sink(self->level);
    Py_ssize_t whole = size;

    while (whole > 0 && data[whole - 1] != '\n') {
        whole--;
    }
    if (size - whole > MP_LOG_MAX_LINE) {
        whole = size;
    }
    if (whole > 0) {
        mp_log_bytes(&to, data, whole);
    }
    if (whole < size) {
        return keep_partial(self, key, data + whole, size - whole);
    }
    return 0;
}

/* What was begun before, and data, in one piece. */
static int write_joined(log_stream *self, PyObject *key, PyObject *partial,
                        const char *data, Py_ssize_t size)
{
    Py_ssize_t before = PyBytes_GET_SIZE(partial);
    PyObject *joined = PyBytes_FromStringAndSize(NULL, before + size);
    int rc;

    if (joined == NULL) {
        return -1;
    }
    memcpy(PyBytes_AS_STRING(joined), PyBytes_AS_STRING(partial),
           (size_t)before);
    memcpy(PyBytes_AS_STRING(joined) + before, data, (size_t)size);
    rc = write_lines(self, key, PyBytes_AS_STRING(joined), before + size);
    Py_DECREF(joined);
    return rc;
}

static int write_data(log_stream *self, const char *data, Py_ssize_t size)
{
    PyObject *key = current_key();
    PyObject *partial = NULL;
    int rc = -1;

    if (key == NULL) {
        return -1;
    }
    partial = take_partial(self, key);
    if (partial != NULL) {
        rc = write_joined(self, key, partial, data, size);
        Py_DECREF(partial);
    }
    else if (!PyErr_Occurred()) {
        rc = write_lines(self, key, data, size);
    }
    Py_DECREF(key);
    return rc;
}

static int flush_partial(log_stream *self)
{
    PyObject *key = current_key();
    PyObject *partial;
    mp_log_sink to;

    if (key == NULL) {
        return -1;
    }
    partial = take_partial(self, key);
    Py_DECREF(key);
    if (partial == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    to = mp_log_current_sink(self->level);
    mp_log_bytes(&to, PyBytes_AS_STRING(partial), PyBytes_GET_SIZE(partial));
    Py_DECREF(partial);
    return 0;
}

void mp_log_stream_flush(mp_state *state)
{
    PyObject *pending = mp_compat_get_raised();

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(state->log_streams); i++) {
        if (flush_partial((log_stream *)PyTuple_GET_ITEM(state->log_streams,
                                                         i)) != 0) {
            PyErr_Clear(); /* no memory for an int: nobody to tell */
        }
    }
    mp_compat_set_raised(pending);
}

/* ---- methods ---- */

PyDoc_STRVAR(write_doc,
"write($self, text, /)\n--\n\n"
"Logs the whole lines of text (str or bytes), keeps the rest until its line\n"
"is complete. Returns the length of text.");

static PyObject *stream_write(PyObject *self, PyObject *text)
{
    PyObject *keep;
    Py_ssize_t size;
    const char *data = mp_log_encode(text, &size, &keep);
    int rc;

    if (data == NULL) {
        return NULL;
    }
    rc = write_data((log_stream *)self, data, size);
    Py_DECREF(keep);
    if (rc != 0) {
        return NULL;
    }
    return PyLong_FromSsize_t(PyUnicode_Check(text)
                                  ? PyUnicode_GET_LENGTH(text)
                                  : size);
}

PyDoc_STRVAR(writelines_doc,
"writelines($self, lines, /)\n--\n\n"
"Writes each item of an iterable.");

static PyObject *stream_writelines(PyObject *self, PyObject *lines)
{
    PyObject *iterator = PyObject_GetIter(lines);
    PyObject *line;

    if (iterator == NULL) {
        return NULL;
    }
    while ((line = PyIter_Next(iterator)) != NULL) {
        PyObject *result = stream_write(self, line);

        Py_DECREF(line);
        if (result == NULL) {
            break;
        }
        Py_DECREF(result);
    }
    Py_DECREF(iterator);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(flush_doc,
"flush($self, /)\n--\n\n"
"Logs the line that this call has begun.");

static PyObject *stream_flush(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (flush_partial((log_stream *)self) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(close_doc,
"close($self, /)\n--\n\n"
"The same as flush(): the log cannot be closed from here.");

PyDoc_STRVAR(reconfigure_doc,
"reconfigure($self, /, **kwargs)\n--\n\n"
"Ignored: the log is always UTF-8 and written line by line.");

static PyObject *stream_reconfigure(PyObject *self, PyObject *args,
                                    PyObject *kwargs)
{
    (void)self;
    (void)args;
    (void)kwargs;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(fileno_doc,
"fileno($self, /)\n--\n\n"
"Raises io.UnsupportedOperation: the log need not be a file.");

static PyObject *stream_fileno(PyObject *self, PyObject *unused)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *error = NULL;
    (void)self;
    (void)unused;

    if (io != NULL) {
        error = PyObject_GetAttrString(io, "UnsupportedOperation");
        Py_DECREF(io);
    }
    if (error != NULL) {
        PyErr_SetString(error, "fileno");
        Py_DECREF(error);
    }
    return NULL;
}

PyDoc_STRVAR(isatty_doc, "isatty($self, /)\n--\n\nFalse.");
PyDoc_STRVAR(readable_doc, "readable($self, /)\n--\n\nFalse.");
PyDoc_STRVAR(seekable_doc, "seekable($self, /)\n--\n\nFalse.");
PyDoc_STRVAR(writable_doc, "writable($self, /)\n--\n\nTrue.");

static PyObject *stream_false(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_FALSE;
}

static PyObject *stream_writable(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyMethodDef methods[] = {
    {"write", stream_write, METH_O, write_doc},
    {"writelines", stream_writelines, METH_O, writelines_doc},
    {"flush", stream_flush, METH_NOARGS, flush_doc},
    {"close", stream_flush, METH_NOARGS, close_doc},
    {"reconfigure",
     (PyCFunction)(void (*)(void))stream_reconfigure,
     METH_VARARGS | METH_KEYWORDS, reconfigure_doc},
    {"fileno", stream_fileno, METH_NOARGS, fileno_doc},
    {"isatty", stream_false, METH_NOARGS, isatty_doc},
    {"readable", stream_false, METH_NOARGS, readable_doc},
    {"seekable", stream_false, METH_NOARGS, seekable_doc},
    {"writable", stream_writable, METH_NOARGS, writable_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- members ---- */

static PyObject *get_text(PyObject *self, void *closure)
{
    (void)self;
    return PyUnicode_FromString(closure);
}

static PyObject *get_bool(PyObject *self, void *closure)
{
    (void)self;
    return PyBool_FromLong(closure != NULL);
}

static PyObject *get_none(PyObject *self, void *closure)
{
    (void)self;
    (void)closure;
    Py_RETURN_NONE;
}

/* Bytes are welcome in write(), so the stream is its own binary buffer. */
static PyObject *get_buffer(PyObject *self, void *closure)
{
    (void)closure;
    return Py_NewRef(self);
}

static PyObject *get_level(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((log_stream *)self)->level);
}

static int set_level(PyObject *self, PyObject *value, void *closure)
{
    if (mp_state_no_delete(value, closure) != 0) {
        return -1;
    }
    return mp_log_level(value, &((log_stream *)self)->level);
}

static PyGetSetDef getset[] = {
    {"encoding", get_text, NULL, "\"utf-8\"", "utf-8"},
    {"errors", get_text, NULL, "\"backslashreplace\"", "backslashreplace"},
    {"mode", get_text, NULL, "\"w\"", "w"},
    {"newlines", get_none, NULL, "None", NULL},
    {"closed", get_bool, NULL, "False", NULL},
    {"line_buffering", get_bool, NULL, "True", ""},
    {"buffer", get_buffer, NULL, "The stream itself: it takes bytes too.",
     NULL},
    {"level", get_level, set_level, "APLOG_ level of the records.", "level"},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"name", T_STRING, offsetof(log_stream, name), READONLY,
     "\"<stdout>\" or \"<stderr>\""},
    {NULL, 0, 0, 0, NULL},
};

/* ---- the type ---- */

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((log_stream *)op)->partials);
    return 0;
}

/* No tp_clear: partials holds ints and bytes, so no cycle goes through it, and
 * whoever still has the stream can write to it. */
static void dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    Py_XDECREF(((log_stream *)op)->partials);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(type_doc,
"A text stream whose lines go to httpd's error log: to the request that the\n"
"thread is serving, else its connection, else its server.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_log_stream",
    .basicsize = sizeof(log_stream),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_log_stream_setup_type(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    return mp_state_add_type(op, &spec, &state->log_stream_type, NULL);
}

/* ---- in place of sys.stdout and sys.stderr ---- */

static PyObject *new_stream(mp_state *state, const char *name, int level)
{
    PyTypeObject *type = state->log_stream_type;
    log_stream *self = (log_stream *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    self->name = name;
    self->level = level;
    self->partials = PyDict_New();
    if (self->partials == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* Makes isinstance(stream, io.TextIOBase) true. */
static int register_text_io(mp_state *state)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *base = NULL;
    PyObject *result = NULL;

    if (io != NULL) {
        base = PyObject_GetAttrString(io, "TextIOBase");
        Py_DECREF(io);
    }
    if (base != NULL) {
        result = PyObject_CallMethod(base, "register", "O",
                                     (PyObject *)state->log_stream_type);
        Py_DECREF(base);
    }
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

int mp_log_stream_install(PyObject *op, int stdout_level, int stderr_level)
{
    mp_state *state = mp_state_of_module(op);
    PyObject *out = new_stream(state, "<stdout>", stdout_level);
    PyObject *err = new_stream(state, "<stderr>", stderr_level);
    PyObject *both = NULL;
    int rc = -1;

    if (out != NULL && err != NULL && register_text_io(state) == 0) {
        both = PyTuple_Pack(2, out, err);
    }
    if (both != NULL && PySys_SetObject("stdout", out) == 0
        && PySys_SetObject("__stdout__", out) == 0
        && PySys_SetObject("stderr", err) == 0
        && PySys_SetObject("__stderr__", err) == 0) {
        Py_XSETREF(state->log_streams, Py_NewRef(both));
        rc = 0;
    }
    Py_XDECREF(both);
    Py_XDECREF(err);
    Py_XDECREF(out);
    return rc;
}
