/* attrs.h -- the attributes that code sets.
 * Owns:     nothing.
 * Provides: rs_attrs_open, rs_attrs_stored.
 * Depends:  compat.h, opcodes.h, same.h.
 * Threads:  the GIL is held.
 */
#ifndef RS_ATTRS_H
#define RS_ATTRS_H

#include "compat.h"

/* Numbers of instructions, from the interpreter's own table. */
typedef struct {
    int store_attr, delete_attr, extended_arg;
} rs_attrs_opcodes;

/* 0 or -1. */
int rs_attrs_open(rs_attrs_opcodes *ops);

/* Adds to the set `names` what `code` itself (not what is nested in it) sets or deletes
 * as an attribute; where it uses setattr() or delattr(), every name among its constants.
 * *deletes becomes 1 if it deletes some. 0 or -1. */
int rs_attrs_stored(const rs_attrs_opcodes *ops, PyObject *code, PyObject *names,
                    int *deletes);

#endif
