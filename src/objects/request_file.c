/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* req.sendfile(): files as part of the response, without their bytes passing
 * through Python. */
#include "objects/request_io.h"

#include <apr_file_io.h>
#include <http_core.h>

#include "runtime/error.h"
#include "runtime/text.h"

/* A piece of a file up to this size is read and joins the pending output, so
 * that a response can still be sent as one; a larger one is passed on. */
#define COPY_MAX 32768

typedef struct sending {
    apr_pool_t *p; /* the open file lives in here */
    const char *path;
    apr_file_t *file;
    apr_off_t offset;
    apr_off_t length; /* as asked for, then what there is */
    char *copy;       /* the bytes of a small piece */
    int beyond;       /* offset lies behind the end */
} sending;

static apr_status_t check_regular(const apr_finfo_t *finfo)
{
    if (finfo->filetype == APR_DIR) {
        return EISDIR;
    }
    return finfo->filetype == APR_REG ? APR_SUCCESS : APR_EINVAL;
}

/* Opens the file and looks how much there is to send. Detached. */
static apr_status_t open_file(sending *job, const core_dir_config *core)
{
    apr_int32_t flags = APR_READ | APR_BINARY;
    apr_finfo_t finfo;
    apr_status_t rv;

#if APR_HAS_SENDFILE
    flags |= AP_SENDFILE_ENABLED(core->enable_sendfile);
#endif
    /* first by name: opening a FIFO would wait for somebody to write */
    rv = apr_stat(&finfo, job->path, APR_FINFO_TYPE, job->p);
    if (rv == APR_SUCCESS) {
        rv = check_regular(&finfo);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_open(&job->file, job->path, flags, APR_OS_DEFAULT,
                           job->p);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&finfo, APR_FINFO_TYPE | APR_FINFO_SIZE,
                               job->file);
    }
    if (rv == APR_SUCCESS) {
        rv = check_regular(&finfo);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    job->beyond = job->offset > finfo.size;
    if (job->length < 0 || job->length > finfo.size - job->offset) {
        job->length = finfo.size - job->offset;
    }
    return APR_SUCCESS;
}

/* Reads a small piece. Detached. */
static apr_status_t read_piece(sending *job)
{
    apr_off_t offset = job->offset;
    apr_size_t got = 0;
    apr_status_t rv = apr_file_seek(job->file, APR_SET, &offset);

    if (rv == APR_SUCCESS) {
        job->copy = apr_palloc(job->p, job->length);
        rv = apr_file_read_full(job->file, job->copy, job->length, &got);
    }
    if (rv == APR_EOF) { /* became shorter meanwhile */
        job->length = got;
        rv = APR_SUCCESS;
    }
    return rv;
}

static int is_small(const sending *job)
{
    return job->length <= COPY_MAX;
}

/* @return 0, or -1 with the exception for what kept us from reading */
static int prepare(sending *job, const request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    apr_status_t rv;

    Py_BEGIN_ALLOW_THREADS
    rv = open_file(job, core);
    if (rv == APR_SUCCESS && !job->beyond && job->length > 0
        && is_small(job)) {
        rv = read_piece(job);
    }
    Py_END_ALLOW_THREADS
    if (rv == APR_SUCCESS && !job->beyond) {
        return 0;
    }
    if (rv == APR_SUCCESS) {
        PyErr_SetString(PyExc_ValueError, "offset is beyond the end of file");
    }
    else if (rv < APR_OS_START_ERROR) {
        PyObject *name = mp_text_from(job->path);

        if (name != NULL) {
            errno = rv;
            PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
            Py_DECREF(name);
        }
    }
    else {
        mp_error_from_apr(rv, job->path);
    }
    return -1;
}

/* Appends the file and passes it on with what was pending; gives the I/O
 * back. */
static apr_status_t pass_file(const sending *job, mp_reqctx *ctx)
{
    request_rec *r = ctx->r;
    apr_bucket_brigade *bb = mp_output_brigade(ctx);
    apr_bucket *e;
    apr_status_t rv;

    e = apr_brigade_insert_file(bb, job->file, job->offset, job->length,
                                job->p);
#if APR_HAS_MMAP
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    if (core->enable_mmap == ENABLE_MMAP_OFF) {
        apr_bucket_file_enable_mmap(e, 0);
    }
#else
    (void)e;
    (void)r;
#endif
    rv = mp_output_pass(ctx);
    /* filters that keep the file longer have set it aside in their pools */
    apr_pool_destroy(job->p);
    mp_request_io_end(ctx);
    return rv;
}

static PyObject *send_piece(const mp_request *self, const sending *job)
{
    mp_reqctx *ctx = self->ctx;
    apr_bucket_brigade *bb = mp_output_brigade(ctx);
    mp_output_fate what = mp_output_decide(self, job->length, 0);

    if (job->length > 0) {
        apr_brigade_write(bb, NULL, NULL, job->copy, job->length);
    }
    ctx->out_length += job->length;
    apr_pool_destroy(job->p);
    return mp_output_end(self, what);
}

const char mp_request_sendfile_doc[] = PyDoc_STR(
"sendfile($self, path, offset=0, len=-1)\n--\n\n"
"Send a file, or len bytes of it from offset, as part of the response body.\n"
"\n"
"path is str, bytes or os.PathLike, relative to the working directory of\n"
"the process; symbolic links are followed, only regular files are sent. A\n"
"negative len means up to the end, which is also where a greater len stops.\n"
"What was written before goes first. The bytes do not pass through Python;\n"
"EnableSendfile and EnableMMAP of httpd apply.\n"
"\n"
"Returns the number of bytes (int). OSError (FileNotFoundError and so on,\n"
"with errno): it cannot be opened; ValueError: offset negative or beyond the\n"
"end; what write() raises. Based on apr_brigade_insert_file().");

/* @return 0, or -1 with an exception */
static int parse_range(PyObject *offset, PyObject *length, sending *job)
{
    long number;

    if (offset != NULL) {
        if (mp_text_int(offset, "offset", LONG_MIN, LONG_MAX, &number) < 0) {
            return -1;
        }
        if (number < 0) {
            PyErr_SetString(PyExc_ValueError, "offset must not be negative");
            return -1;
        }
        job->offset = number;
    }
    if (length != NULL && length != Py_None) {
        if (mp_text_int(length, "len", LONG_MIN, LONG_MAX, &number) < 0) {
            return -1;
        }
        job->length = number;
    }
    return 0;
}

/* @return new reference to None, or NULL with an exception */
static PyObject *send_file(const mp_request *self, sending *job)
{
    mp_reqctx *ctx;
    apr_status_t rv;

    if (mp_output_begin(self) < 0) {
        return NULL;
    }
    apr_pool_create(&job->p, self->r->pool);
    apr_pool_tag(job->p, "mod_python sendfile");
    if (prepare(job, self->r) < 0) {
        apr_pool_destroy(job->p);
        mp_request_io_end(self->ctx);
        return NULL;
    }
    if (is_small(job)) {
        return send_piece(self, job);
    }
    ctx = self->ctx;
    Py_BEGIN_ALLOW_THREADS
    rv = pass_file(job, ctx);
    Py_END_ALLOW_THREADS
    if (rv != APR_SUCCESS) {
        return mp_output_raise(self->state, rv);
    }
    Py_RETURN_NONE;
}

PyObject *mp_request_sendfile(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path", "offset", "len", NULL};
    sending job = {.length = -1};
    PyObject *offset = NULL;
    PyObject *length = NULL;
    PyObject *keep = NULL;
    PyObject *done = NULL;
    PyObject *path;

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:sendfile", names,
                                     &path, &offset, &length)
        || parse_range(offset, length, &job) < 0) {
        return NULL;
    }
    /* before the I/O begins: this may run code of the caller */
    path = PyOS_FSPath(path);
    if (path == NULL) {
        return NULL;
    }
    job.path = mp_text_to(path, "path", &keep);
    if (job.path != NULL) {
        done = send_file((mp_request *)op, &job);
        Py_DECREF(keep);
    }
    Py_DECREF(path);
    if (done == NULL) {
        return NULL;
    }
    Py_DECREF(done);
    return PyLong_FromLongLong(job.length);
}
