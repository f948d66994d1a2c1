/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The names that headers have in a WSGI environ: HTTP_USER_AGENT. Clients use
 * the same few, which are remembered. */
#include "objects/wsgi.h"

#include <string.h>

#include <apr_lib.h>

/* How a character of a header's name stands in that of its variable, 0: it
 * does not. */
static Py_UCS1 in_variable(char c)
{
    if (apr_isalnum(c)) {
        return (Py_UCS1)apr_toupper(c);
    }
    return c == '-' ? '_' : 0;
}

static const char prefix[] = "HTTP_";
#define PREFIX_LENGTH (sizeof(prefix) - 1)

static int is_variable_of(PyObject *name, const char *header, size_t length)
{
    const Py_UCS1 *text;

    if (name == NULL
        || (size_t)PyUnicode_GET_LENGTH(name) != PREFIX_LENGTH + length) {
        return 0;
    }
    text = PyUnicode_1BYTE_DATA(name) + PREFIX_LENGTH;
    for (size_t i = 0; i < length; i++) {
        if (in_variable(header[i]) != text[i]) {
            return 0;
        }
    }
    return 1;
}

/* @return new reference, or NULL, without an exception when the header has
 * characters that would make its variable look like that of another */
static PyObject *make_variable(const char *header, size_t length)
{
    PyObject *name = PyUnicode_New((Py_ssize_t)(PREFIX_LENGTH + length), 127);
    Py_UCS1 *text;

    if (name == NULL) {
        return NULL;
    }
    text = PyUnicode_1BYTE_DATA(name);
    memcpy(text, prefix, PREFIX_LENGTH);
    text += PREFIX_LENGTH;
    for (size_t i = 0; i < length; i++) {
        text[i] = in_variable(header[i]);
        if (text[i] == 0) {
            Py_DECREF(name);
            return NULL;
        }
    }
    return name;
}

PyObject *mp_wsgi_name(PyObject **known, const char *header)
{
    const size_t length = strlen(header);
    PyObject **slot;
    PyObject *name;

    if (length == 0) {
        return NULL;
    }
    slot = &known[(length * 31 + (unsigned char)header[0] * 7
                   + (unsigned char)header[length - 1])
                  % MP_WSGI_NAMES];
    if (!is_variable_of(*slot, header, length)) {
        name = make_variable(header, length);
        if (name == NULL) {
            return NULL;
        }
        Py_XSETREF(*slot, name);
    }
    return *slot;
}
