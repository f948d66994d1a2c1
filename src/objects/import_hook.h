/* Licensed under the Apache License, Version 2.0; see LICENSE. */
/* The __import__ of an interpreter, which shows the importer of the package
 * (mod_python/_finder.py) the import statements of covered modules. */
#ifndef MP_OBJECTS_IMPORT_HOOK_H
#define MP_OBJECTS_IMPORT_HOOK_H

#include <Python.h>

/* _apache._import_hook(original, hook, loader_type) */
PyObject *mp_import_hook(PyObject *module, PyObject *args);
#define MP_IMPORT_HOOK_DOC \
    "_import_hook(original, hook, loader_type, /)\n--\n\n" \
    "A function for builtins.__import__: calls hook(loader, globals, name,\n" \
    "fromlist, level) for importers whose __loader__ is exactly of\n" \
    "loader_type and returns its result, unless that is None; else, and for\n" \
    "all others, calls original. No frame of Python code is between."

#endif
