/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* mp_finfo: what apr_stat() found out about a file, a copy that belongs to no
 * request; and _apache.stat(). */
#include "objects/finfo.h"

#include <stddef.h>
#include <string.h>

#include <apr_strings.h>

#include "runtime/error.h"
#include "runtime/text.h"

typedef struct finfo {
    PyObject_HEAD
    apr_finfo_t info; /* its names point to the copies below, its pool is
                         NULL */
    char *fname;
    char *name;
} finfo;

/* ---- members ---- */

typedef enum kind {
    MASK,      /* apr_int32_t */
    FILETYPE,  /* apr_filetype_e */
    PERMS,     /* apr_fileperms_t */
    UID,
    GID,
    INODE,
    DEVICE,
    NLINK,     /* apr_int32_t */
    SIZE,      /* apr_off_t */
    TIME,      /* apr_time_t */
    NAME       /* char * */
} kind;

typedef struct member {
    const char *name;
    kind kind;
    apr_int32_t bits; /* any of them set in valid: there is a value; 0: always
                         one */
    size_t offset;
} member;

/* ROW(attribute, kind, bits, docstring). The first thirteen stand in the order
 * of the FINFO_ indexes. */
/* clang-format off */
#define ROWS(ROW) \
    ROW(protection, PERMS, APR_FINFO_PROT, \
        "Permissions as APR writes them: 0x644 for 0644.") \
    ROW(inode, INODE, APR_FINFO_INODE, "Inode number.") \
    ROW(device, DEVICE, APR_FINFO_DEV, "Number of the device.") \
    ROW(nlink, NLINK, APR_FINFO_NLINK, "Number of hard links.") \
    ROW(user, UID, APR_FINFO_USER, "Number of the owner.") \
    ROW(group, GID, APR_FINFO_GROUP, "Number of the group.") \
    ROW(size, SIZE, APR_FINFO_SIZE, "Bytes.") \
    ROW(atime, TIME, APR_FINFO_ATIME, "Last access, float seconds.") \
    ROW(mtime, TIME, APR_FINFO_MTIME, \
        "Last change of the contents, float seconds.") \
    ROW(ctime, TIME, APR_FINFO_CTIME, \
        "Last change of the inode, float seconds.") \
    ROW(fname, NAME, 0, "The name that was asked for.") \
    ROW(name, NAME, APR_FINFO_NAME, \
        "The name in the case that the file system keeps.") \
    ROW(filetype, FILETYPE, 0, \
        "APR_REG and so on, APR_NOFILE: no such file.") \
    ROW(valid, MASK, 0, \
        "Mask of the APR_FINFO_ bits that hold; without its bit a member is " \
        "None.")
/* clang-format on */

#define ROW_INDEX(name, kind, bits, doc) ROW_##name,
#define ROW_MEMBER(name, kind, bits, doc) \
    {#name, kind, bits, offsetof(apr_finfo_t, name)},
#define ROW_GETSET(name, kind, bits, doc) \
    {#name, get_member, set_member, doc, (void *)&rows[ROW_##name]},

enum { ROWS(ROW_INDEX) ROW_COUNT };

static const member rows[] = {ROWS(ROW_MEMBER)};

_Static_assert(ROW_filetype == 12, "FINFO_FILETYPE is 12");

#define INDEXES 13

static PyObject *get_row(const finfo *self, const member *row)
{
    const void *at = (const char *)&self->info + row->offset;

    if (row->bits != 0 && !(self->info.valid & row->bits)) {
        Py_RETURN_NONE;
    }
    switch (row->kind) {
    case MASK:
    case NLINK:
        return PyLong_FromLong(*(const apr_int32_t *)at);
    case FILETYPE:
        return PyLong_FromLong((long)*(const apr_filetype_e *)at);
    case PERMS:
        return PyLong_FromLong(*(const apr_fileperms_t *)at);
    case UID:
        return PyLong_FromUnsignedLong(*(const apr_uid_t *)at);
    case GID:
        return PyLong_FromUnsignedLong(*(const apr_gid_t *)at);
    case INODE:
        return PyLong_FromUnsignedLongLong(*(const apr_ino_t *)at);
    case DEVICE:
        return PyLong_FromUnsignedLongLong(*(const apr_dev_t *)at);
    case SIZE:
        return PyLong_FromLongLong(*(const apr_off_t *)at);
    case TIME:
        return PyFloat_FromDouble((double)*(const apr_time_t *)at
                                  / APR_USEC_PER_SEC);
    default:
        return mp_text_from(*(char *const *)at);
    }
}

static PyObject *get_member(PyObject *op, void *closure)
{
    return get_row((finfo *)op, closure);
}

static int set_member(PyObject *op, PyObject *value, void *closure)
{
    return mp_state_read_only(op, value,
                              (void *)((const member *)closure)->name);
}

static PyGetSetDef getset[] = {
    ROWS(ROW_GETSET)
    {NULL, NULL, NULL, NULL, NULL},
};

static Py_ssize_t length(PyObject *op)
{
    (void)op;
    return INDEXES;
}

static PyObject *item(PyObject *op, Py_ssize_t index)
{
    if (index < 0 || index >= INDEXES) {
        PyErr_SetString(PyExc_IndexError, "finfo index out of range");
        return NULL;
    }
    return get_row((finfo *)op, &rows[index]);
}

static PyObject *repr(PyObject *op)
{
    PyObject *dict = PyDict_New();
    PyObject *text = NULL;

    for (Py_ssize_t i = 0; dict != NULL && i < ROW_COUNT; i++) {
        PyObject *value = get_row((finfo *)op, &rows[i]);

        if (value == NULL
            || PyDict_SetItemString(dict, rows[i].name, value) != 0) {
            Py_CLEAR(dict);
        }
        Py_XDECREF(value);
    }
    if (dict != NULL) {
        text = PyObject_Repr(dict);
        Py_DECREF(dict);
    }
    return text;
}

/* ---- the type ---- */

static int traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

static void dealloc(PyObject *op)
{
    finfo *self = (finfo *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    PyMem_Free(self->fname);
    PyMem_Free(self->name);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(type_doc,
"Status of a file: APR's apr_finfo_t. Members that are not known are None.\n"
"The FINFO_ constants are indexes: finfo[FINFO_SIZE] is finfo.size.");

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)type_doc},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_getset, getset},
    {Py_tp_repr, repr},
    {Py_sq_length, length},
    {Py_sq_item, item},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "builtins.mp_finfo",
    .basicsize = sizeof(finfo),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC
             | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

int mp_finfo_setup_type(PyObject *op)
{
    mp_state *state = mp_state_of_module(op);

    return mp_state_add_type(op, &spec, &state->finfo_type, "mp_finfo");
}

/* ---- from and to APR ---- */

/* A copy of s. @return 0, or -1 with an exception */
static int copy_name(const char *s, char **out)
{
    size_t size;

    if (s == NULL) {
        return 0;
    }
    size = strlen(s) + 1;
    *out = PyMem_Malloc(size);
    if (*out == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(*out, s, size);
    return 0;
}

PyObject *mp_finfo_new(mp_state *state, const apr_finfo_t *info)
{
    PyTypeObject *type = state->finfo_type;
    finfo *self = (finfo *)type->tp_alloc(type, 0);

    if (self == NULL) {
        return NULL;
    }
    if (copy_name(info->fname, &self->fname) != 0
        || ((info->valid & APR_FINFO_NAME)
            && copy_name(info->name, &self->name) != 0)) {
        Py_DECREF(self);
        return NULL;
    }
    self->info = *info;
    self->info.pool = NULL;
    self->info.filehand = NULL;
    self->info.fname = self->fname;
    self->info.name = self->name;
    return (PyObject *)self;
}

int mp_finfo_copy(mp_state *state, PyObject *object, apr_pool_t *p,
                  apr_finfo_t *out)
{
    const finfo *self = (finfo *)object;

    if (!PyObject_TypeCheck(object, state->finfo_type)) {
        PyErr_Format(PyExc_TypeError,
                     "a result of apache.stat() is needed, not %.200s",
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    *out = self->info;
    out->pool = p;
    out->fname = apr_pstrdup(p, self->fname);
    out->name = apr_pstrdup(p, self->name);
    return 0;
}

/* ---- stat() ---- */

/* The object for what apr_stat() answered. */
static PyObject *stat_result(mp_state *state, apr_status_t rv,
                             apr_finfo_t *info, const char *fname)
{
    if (APR_STATUS_IS_ENOENT(rv) || APR_STATUS_IS_ENOTDIR(rv)) {
        memset(info, 0, sizeof(*info));
        info->filetype = APR_NOFILE;
    }
    else if (rv != APR_SUCCESS && !APR_STATUS_IS_INCOMPLETE(rv)) {
        return mp_error_from_apr(rv, fname);
    }
    info->fname = fname;
    return mp_finfo_new(state, info);
}

PyObject *mp_finfo_stat(PyObject *op, PyObject *args)
{
    PyObject *path, *mask;
    PyObject *result = NULL;
    long wanted;
    const char *fname;
    apr_pool_t *p;
    apr_finfo_t info;
    apr_status_t rv;

    if (!PyArg_ParseTuple(args, "OO:stat", &path, &mask)
        || mp_text_int(mask, "wanted", 0, INT_MAX, &wanted) != 0) {
        return NULL;
    }
    if (apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return PyErr_NoMemory();
    }
    fname = mp_text_path_dup(p, path, "file name");
    if (fname != NULL) {
        memset(&info, 0, sizeof(info));
        Py_BEGIN_ALLOW_THREADS
        rv = apr_stat(&info, fname, (apr_int32_t)wanted, p);
        Py_END_ALLOW_THREADS
        result = stat_result(mp_state_of_module(op), rv, &info, fname);
    }
    apr_pool_destroy(p);
    return result;
}
