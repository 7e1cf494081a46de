/* recode.h -- a code object like another one, but for some fields.
 * Owns:     nothing.
 * Provides: rs_recode.
 * Depends:  compat.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 */
#ifndef RS_RECODE_H
#define RS_RECODE_H

#include "compat.h"

/* code.replace(**fields). `fields`: a dict, stolen; NULL with an exception: so is the result.
 * New reference. */
static inline PyObject *
rs_recode(PyObject *code, PyObject *fields)
{
    PyObject *result = NULL;
    PyObject *replace = fields != NULL ? PyObject_GetAttrString(code, "replace") : NULL;
    PyObject *nothing = replace != NULL ? PyTuple_New(0) : NULL;
    if (nothing != NULL) {
        result = PyObject_Call(replace, nothing, fields);
    }
    Py_XDECREF(fields);
    Py_XDECREF(replace);
    Py_XDECREF(nothing);
    return result;
}

#endif
