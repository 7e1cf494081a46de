/* opcodes.h -- the numbers of instructions in this CPython.
 * Owns:     nothing.
 * Provides: rs_opcodes_read.
 * Depends:  compat.h, the module `opcode`.
 * Threads:  the GIL is held; runs Python code of the standard library.
 * Invariants:
 *   N1  any mapping of names to numbers will do: 3.15's is a frozendict, which is no dict.
 */
#ifndef RS_OPCODES_H
#define RS_OPCODES_H

#include "compat.h"

typedef struct {
    const char *name;
    int *number; /* is set; -1 if this CPython has no such instruction */
} rs_opcode;

/* 0 or -1. */
int rs_opcodes_read(const rs_opcode *wanted, size_t count);

#endif
