/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* Bytes that come in pieces (a request body, the brigade of a filter's call)
 * as bytes objects of any length or as lines. */
#ifndef MP_OBJECTS_SOURCE_H
#define MP_OBJECTS_SOURCE_H

#include <Python.h>

#include <apr.h>

/* Embedded as the first member of what the bytes come from. */
typedef struct mp_source mp_source;
struct mp_source {
    const char *data;  /* the next bytes, when there are some at hand */
    apr_size_t length;
    /* Makes data and length the next bytes; called when there are none. May
     * block; touches nothing of Python. want: how many are of use.
     * @return 1, 0 at the end, -1 when it fails (the owner knows why) */
    int (*next)(mp_source *source, apr_off_t want);
    /* Copies up to size bytes that are not at hand straight to dst, where
     * that is less work than making them so; NULL: never. May block; touches
     * nothing of Python.
     * @return 1, 0: next() has to be called, -1 when it fails */
    int (*copy)(mp_source *source, char *dst, apr_size_t size,
                apr_size_t *got);
    /* Told after size bytes at hand were taken; NULL: nobody counts. */
    void (*taken)(mp_source *source, apr_size_t size);
};

/* Makes data and length the next bytes. May block. No interpreter needed.
 * @return as next() */
int mp_source_next(mp_source *source, apr_off_t want);

/* Copies up to size bytes to dst, fewer only at the end. May block. No
 * interpreter needed.
 * @return 1, 0 when the end was met, -1 when it fails */
int mp_source_fill(mp_source *source, char *dst, apr_size_t size,
                   apr_size_t *got);

/* Up to want bytes (-1: all) as a bytes object, fewer only at the end.
 * Interpreter held, released while it blocks.
 * @param expected how many there may be: what is reserved at first
 * @return new reference; NULL with an exception (memory) or, when the source
 *         fails, without one */
PyObject *mp_source_read(mp_source *source, Py_ssize_t want,
                         Py_ssize_t expected);

/* Up to and with the next line feed, at most limit bytes (-1: any number).
 * Returns like mp_source_read(); b'' at the end. */
PyObject *mp_source_read_line(mp_source *source, Py_ssize_t limit);

/* The optional size argument of reading methods, from METH_FASTCALL
 * arguments: None and negative numbers become -1.
 * @param name of the method, for messages
 * @return 0, or -1 with TypeError or OverflowError */
int mp_source_parse_size(PyObject *const *args, Py_ssize_t nargs,
                         const char *name, Py_ssize_t *size);

#endif
