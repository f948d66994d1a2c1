/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The text rule: how httpd's bytes become Python objects and the other way
 * round. An interpreter is held in all of it. */
#include "runtime/text.h"

#include <stdint.h>
#include <string.h>

#include <apr_strings.h>

static int is_ascii(const char *s, size_t size)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    uint64_t seen = 0;
    uint64_t word;

    for (; size >= sizeof(word); s += sizeof(word), size -= sizeof(word)) {
        memcpy(&word, s, sizeof(word));
        seen |= word;
    }
    while (size > 0) {
        seen |= (unsigned char)s[--size];
    }
    return (seen & high_bits) == 0;
}

PyObject *mp_text_from_size(const char *s, Py_ssize_t size)
{
    PyObject *text;

    /* CPython keeps the shortest ones, and its decoder takes twice as long for
     * what nearly all text of httpd is */
    if (size < 2 || !is_ascii(s, (size_t)size)) {
        return PyUnicode_DecodeUTF8(s, size, "surrogateescape");
    }
    text = PyUnicode_New(size, 0x7f);
    if (text != NULL) {
        memcpy(PyUnicode_1BYTE_DATA(text), s, (size_t)size);
    }
    return text;
}

PyObject *mp_text_from(const char *s)
{
    if (s == NULL) {
        Py_RETURN_NONE;
    }
    return mp_text_from_size(s, (Py_ssize_t)strlen(s));
}

PyObject *mp_text_from_user(const char *s)
{
    if (s == NULL) {
        Py_RETURN_NONE;
    }
    Py_ssize_t size = (Py_ssize_t)strlen(s);
    PyObject *text = PyUnicode_DecodeUTF8(s, size, NULL);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        text = PyUnicode_DecodeLatin1(s, size, NULL);
    }
    return text;
}

/* The UTF-8 of a str; keep gets the object that owns it. */
static const char *encode(PyObject *value, Py_ssize_t *size, PyObject **keep)
{
    const char *s = PyUnicode_AsUTF8AndSize(value, size);
    if (s != NULL) {
        *keep = Py_NewRef(value);
        return s;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        return NULL;
    }
    /* has surrogates: the escaped ones stand for single bytes */
    PyErr_Clear();
    PyObject *bytes = PyUnicode_AsEncodedString(value, "utf-8",
                                                "surrogateescape");
    if (bytes == NULL) {
        return NULL;
    }
    *keep = bytes;
    *size = PyBytes_GET_SIZE(bytes);
    return PyBytes_AS_STRING(bytes);
}

const char *mp_text_to(PyObject *value, const char *what, PyObject **keep)
{
    const char *s;
    Py_ssize_t size;

    if (PyUnicode_Check(value)) {
        s = encode(value, &size, keep);
        if (s == NULL) {
            return NULL;
        }
    }
    else if (PyBytes_Check(value)) {
        *keep = Py_NewRef(value);
        s = PyBytes_AS_STRING(value);
        size = PyBytes_GET_SIZE(value);
    }
    else {
        PyErr_Format(PyExc_TypeError, "%s must be str or bytes, not %.200s",
                     what, Py_TYPE(value)->tp_name);
        return NULL;
    }
    if (strlen(s) != (size_t)size) {
        Py_CLEAR(*keep);
        PyErr_Format(PyExc_ValueError, "%s must not contain NUL", what);
        return NULL;
    }
    return s;
}

char *mp_text_dup(apr_pool_t *p, PyObject *value, const char *what)
{
    PyObject *keep;
    const char *s = mp_text_to(value, what, &keep);
    if (s == NULL) {
        return NULL;
    }
    char *copy = apr_pstrdup(p, s);
    Py_DECREF(keep);
    return copy;
}

char *mp_text_path_dup(apr_pool_t *p, PyObject *value, const char *what)
{
    PyObject *path = PyOS_FSPath(value);
    if (path == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError,
                         "%s must be str, bytes or os.PathLike, not %.200s",
                         what, Py_TYPE(value)->tp_name);
        }
        return NULL;
    }
    char *copy = mp_text_dup(p, path, what);
    Py_DECREF(path);
    return copy;
}

int mp_text_body(PyObject *value, Py_buffer *view)
{
    if (!PyUnicode_Check(value)) {
        if (!PyObject_CheckBuffer(value)) {
            PyErr_Format(PyExc_TypeError,
                         "data must be str or bytes-like, not %.200s",
                         Py_TYPE(value)->tp_name);
            return -1;
        }
        return PyObject_GetBuffer(value, view, PyBUF_SIMPLE);
    }

    PyObject *keep;
    Py_ssize_t size;
    const char *s = encode(value, &size, &keep);
    if (s == NULL) {
        return -1;
    }
    /* the view owns a reference of its own */
    int rc = PyBuffer_FillInfo(view, keep, (void *)s, size, 1, PyBUF_SIMPLE);
    Py_DECREF(keep);
    return rc;
}

int mp_text_int(PyObject *value, const char *what, long min, long max,
                long *out)
{
    if (!PyLong_Check(value) || PyBool_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be int, not %.200s", what,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    int overflow;
    long number = PyLong_AsLongAndOverflow(value, &overflow);
    if (number == -1 && overflow == 0 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow != 0 || number < min || number > max) {
        PyErr_Format(PyExc_OverflowError, "%s must be from %ld to %ld", what,
                     min, max);
        return -1;
    }
    *out = number;
    return 0;
}
