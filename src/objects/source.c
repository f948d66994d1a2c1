/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Pieces of bytes joined to what a reading method returns. The bytes are
 * copied straight into the result, without the GIL when they may have to be
 * waited for. */
#include "objects/source.h"

#include <string.h>

#include "runtime/text.h"

/* The least that is added to a result that turns out too small, and what is
 * asked for at a time: for lines, for large results. */
#define STEP 8192
#define BLOCK 65536

static void take(mp_source *source, apr_size_t size)
{
    source->data += size;
    source->length -= size;
    if (source->taken != NULL) {
        source->taken(source, size);
    }
}

int mp_source_next(mp_source *source, apr_off_t want)
{
    return source->length > 0 ? 1 : source->next(source, want);
}

/* The source's own way of copying, when it has one for what comes now.
 * @return as mp_source.copy() */
static int copy_straight(mp_source *source, char *dst, apr_size_t size,
                         apr_size_t *got)
{
    return source->length == 0 && source->copy != NULL
               ? source->copy(source, dst, size, got)
               : 0;
}

int mp_source_fill(mp_source *source, char *dst, apr_size_t size,
                   apr_size_t *got)
{
    *got = 0;
    while (*got < size) {
        apr_size_t part = size - *got;
        apr_size_t copied;
        int state = copy_straight(source, dst + *got, part, &copied);

        if (state > 0) {
            *got += copied;
            continue;
        }
        if (state == 0) {
            state = mp_source_next(source, part < BLOCK ? part : BLOCK);
        }
        if (state <= 0) {
            return state;
        }
        if (part > source->length) {
            part = source->length;
        }
        memcpy(dst + *got, source->data, part);
        take(source, part);
        *got += part;
    }
    return 1;
}

/* Makes *bytes larger, to want (-1: any) at most.
 * @return 0, or -1 with MemoryError and *bytes NULL */
static int grow(PyObject **bytes, Py_ssize_t want)
{
    Py_ssize_t size = PyBytes_GET_SIZE(*bytes);
    Py_ssize_t add = size > STEP ? size : STEP;

    if (size > PY_SSIZE_T_MAX / 4) {
        Py_CLEAR(*bytes);
        PyErr_NoMemory();
        return -1;
    }
    if (want >= 0 && want - size < add) {
        add = want - size;
    }
    return _PyBytes_Resize(bytes, size + add);
}

/* Cuts off what was not used. @return bytes, or NULL with MemoryError */
static PyObject *cut(PyObject *bytes, Py_ssize_t used)
{
    if (used < PyBytes_GET_SIZE(bytes)) {
        _PyBytes_Resize(&bytes, used);
    }
    return bytes;
}

PyObject *mp_source_read(mp_source *source, Py_ssize_t want,
                         Py_ssize_t expected)
{
    Py_ssize_t used = 0;
    PyObject *bytes;
    int state;

    if (want >= 0 && (apr_size_t)want <= source->length) {
        bytes = PyBytes_FromStringAndSize(source->data, want);
        if (bytes != NULL) {
            take(source, want);
        }
        return bytes;
    }
    if (want >= 0 && want < expected) {
        expected = want;
    }
    bytes = PyBytes_FromStringAndSize(NULL, expected);
    while (bytes != NULL) {
        char *dst = PyBytes_AS_STRING(bytes) + used;
        apr_size_t room = PyBytes_GET_SIZE(bytes) - used;
        apr_size_t got;

        Py_BEGIN_ALLOW_THREADS
        state = mp_source_fill(source, dst, room, &got);
        if (state > 0 && used + (Py_ssize_t)got != want) {
            state = mp_source_next(source, BLOCK); /* is there more? */
        }
        Py_END_ALLOW_THREADS
        used += got;
        if (state < 0) {
            Py_DECREF(bytes);
            return NULL;
        }
        if (state == 0 || used == want) {
            return cut(bytes, used);
        }
        grow(&bytes, want);
    }
    return NULL;
}

/* Appends to a line under construction; *line NULL: begins it.
 * @return 0, or -1 with MemoryError and *line NULL */
static int append(PyObject **line, Py_ssize_t used, const char *data,
                  Py_ssize_t size)
{
    if (*line == NULL) {
        *line = PyBytes_FromStringAndSize(NULL, STEP);
        if (*line == NULL) {
            return -1;
        }
    }
    while (PyBytes_GET_SIZE(*line) - used < size) {
        if (grow(line, -1) < 0) {
            return -1;
        }
    }
    memcpy(PyBytes_AS_STRING(*line) + used, data, size);
    return 0;
}

PyObject *mp_source_read_line(mp_source *source, Py_ssize_t limit)
{
    PyObject *line = NULL;
    Py_ssize_t used = 0;

    while (limit < 0 || used < limit) {
        apr_size_t part;
        const char *feed;
        int state = 1;

        if (source->length == 0) {
            Py_BEGIN_ALLOW_THREADS
            state = mp_source_next(source, STEP);
            Py_END_ALLOW_THREADS
        }
        if (state < 0) {
            Py_XDECREF(line);
            return NULL;
        }
        if (state == 0) {
            break;
        }
        part = source->length;
        if (limit >= 0 && (apr_size_t)(limit - used) < part) {
            part = limit - used;
        }
        feed = memchr(source->data, '\n', part);
        if (feed != NULL) {
            part = feed - source->data + 1;
        }
        if (line == NULL && (feed != NULL || (Py_ssize_t)part == limit)) {
            /* nearly every line is in one piece */
            line = PyBytes_FromStringAndSize(source->data, part);
            if (line != NULL) {
                take(source, part);
            }
            return line;
        }
        if (append(&line, used, source->data, part) < 0) {
            return NULL;
        }
        take(source, part);
        used += part;
        if (feed != NULL) {
            break;
        }
    }
    return line != NULL ? cut(line, used) : PyBytes_FromStringAndSize(NULL, 0);
}

int mp_source_parse_size(PyObject *const *args, Py_ssize_t nargs,
                         const char *name, Py_ssize_t *size)
{
    long number;

    *size = -1;
    if (nargs > 1) {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes at most 1 argument (%zd given)", name, nargs);
        return -1;
    }
    if (nargs == 0 || args[0] == Py_None) {
        return 0;
    }
    if (mp_text_int(args[0], "len", LONG_MIN, PY_SSIZE_T_MAX, &number) < 0) {
        return -1;
    }
    if (number >= 0) {
        *size = number;
    }
    return 0;
}
