/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The text rule: httpd's bytes are str by UTF-8 with surrogateescape, both
 * ways. An interpreter must be held in all of these. */
#ifndef MP_RUNTIME_TEXT_H
#define MP_RUNTIME_TEXT_H

#include <Python.h>

#include <apr_pools.h>

/* httpd's text as str. @return new reference; None for NULL */
PyObject *mp_text_from(const char *s);
PyObject *mp_text_from_size(const char *s, Py_ssize_t size);

/* UTF-8, if that is not valid latin-1 (user names, passwords). None for
 * NULL. */
PyObject *mp_text_from_user(const char *s);

/* A str or bytes argument as httpd's bytes, NUL terminated.
 * @param what names the argument in error messages
 * @param keep gets a new reference that owns the bytes: release it after use
 * @return NULL with TypeError (neither str nor bytes) or ValueError (NUL
 *         inside, not encodable) */
const char *mp_text_to(PyObject *value, const char *what, PyObject **keep);

/* The same, copied to a pool. */
char *mp_text_dup(apr_pool_t *p, PyObject *value, const char *what);

/* A path argument (str, bytes, os.PathLike), copied to a pool. */
char *mp_text_path_dup(apr_pool_t *p, PyObject *value, const char *what);

/* Body data: str is encoded as UTF-8 (escaped surrogates give their byte
 * back), anything with the buffer protocol is taken as it is.
 * @return 0 and a filled view (PyBuffer_Release it), or -1 */
int mp_text_body(PyObject *value, Py_buffer *view);

/* An int argument, any int or int subclass but not bool (SPEC section 2).
 * @return 0, or -1 with TypeError / OverflowError */
int mp_text_int(PyObject *value, const char *what, long min, long max,
                long *out);

#endif
