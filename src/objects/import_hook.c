/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The __import__ of an interpreter. In C, because every import statement of
 * every module passes here: in Python it would cost each of them a call, add
 * a line to tracebacks of other people's failing imports, and take the blame
 * for their warnings. */
#include "objects/import_hook.h"

/* self of the function is the tuple (original, hook, loader_type,
 * "__loader__"). */
enum { ORIGINAL, HOOK, LOADER_TYPE, KEY, COUNT };

/* The loader of an importer that the hook is for.
 * @return new reference, or NULL: without an exception if it is not for it */
static PyObject *covering_loader(PyObject *self, PyObject *globals)
{
    PyObject *type = PyTuple_GET_ITEM(self, LOADER_TYPE);
    PyObject *loader;

    if (!PyDict_Check(globals)) {
        return NULL;
    }
    loader = PyDict_GetItemWithError(globals, PyTuple_GET_ITEM(self, KEY));
    if (loader == NULL || !Py_IS_TYPE(loader, (PyTypeObject *)type)) {
        return NULL;
    }
    return Py_NewRef(loader);
}

/* @return the module, None to go on, or NULL with an exception */
static PyObject *ask_hook(PyObject *self, PyObject *loader,
                          PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *fromlist = nargs > 3 ? args[3] : Py_None;
    PyObject *level = nargs > 4 ? Py_NewRef(args[4]) : PyLong_FromLong(0);
    PyObject *result;

    if (level == NULL) {
        return NULL;
    }
    result = PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(self, HOOK),
                                          loader, args[1], args[0], fromlist,
                                          level, NULL);
    Py_DECREF(level);
    return result;
}

PyDoc_STRVAR(import_doc,
"__import__(name, globals=None, locals=None, fromlist=(), level=0)\n--\n\n"
"What an import statement calls; see the builtin function of that name. For\n"
"modules of handlers it looks beside the importing module first.");

/* Import statements, and PyImport_Import() of C code, pass all arguments by
 * position; the few calls with keywords are not statements. */
static PyObject *import(PyObject *self, PyObject *const *args,
                        Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs > 1 && kwnames == NULL) {
        PyObject *loader = covering_loader(self, args[1]);

        if (loader != NULL) {
            PyObject *module = ask_hook(self, loader, args, nargs);

            Py_DECREF(loader);
            if (module != Py_None) {
                return module;
            }
            Py_DECREF(module);
        }
        else if (PyErr_Occurred()) {
            return NULL;
        }
    }
    return PyObject_Vectorcall(PyTuple_GET_ITEM(self, ORIGINAL), args,
                               (size_t)nargs, kwnames);
}

PyObject *mp_import_hook(PyObject *module, PyObject *args)
{
    static PyMethodDef def = {
        "__import__", (PyCFunction)(void (*)(void))import,
        METH_FASTCALL | METH_KEYWORDS, import_doc,
    };
    PyObject *original, *hook, *type, *key, *self, *function;
    (void)module;

    if (!PyArg_ParseTuple(args, "OOO!:_import_hook", &original, &hook,
                          &PyType_Type, &type)) {
        return NULL;
    }
    key = PyUnicode_InternFromString("__loader__");
    if (key == NULL) {
        return NULL;
    }
    self = PyTuple_Pack(COUNT, original, hook, type, key);
    Py_DECREF(key);
    if (self == NULL) {
        return NULL;
    }
    function = PyCFunction_NewEx(&def, self, NULL);
    Py_DECREF(self);
    return function;
}
