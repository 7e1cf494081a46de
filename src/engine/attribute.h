/* attribute.h -- attributes that an instance has of its own.
 * Owns:     nothing.
 * Provides: rs_attribute_read, rs_attribute_write.
 * Depends:  compat.h.
 * Threads:  the GIL is held. No code of the object's class runs.
 */
#ifndef RS_ATTRIBUTE_H
#define RS_ATTRIBUTE_H

#include "compat.h"

/* In its dict, in a slot, or in a field of a built-in type that can be set (__class__,
 * __dict__, args of exceptions, what a cell holds). 1 and *value (new reference, NULL: the instance has none of
 * its own); 0 if reading would run code; -1. */
int rs_attribute_read(PyObject *object, PyObject *name, PyObject **value);

/* NULL removes it. Only where reading gave 1. 0 or -1. */
int rs_attribute_write(PyObject *object, PyObject *name, PyObject *value);

#endif
