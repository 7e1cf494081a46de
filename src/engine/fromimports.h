/* fromimports.h -- the from-imports in the body of a module.
 * Owns:     nothing.
 * Provides: rs_fromimports_of.
 * Depends:  compat.h, opcodes.h.
 * Threads:  the GIL is held; imports `opcode`.
 * Invariants:
 *   M1  only what the body itself executes counts, also inside `if` and `try`; imports in
 *       functions and classes bind nothing in the module.
 */
#ifndef RS_FROMIMPORTS_H
#define RS_FROMIMPORTS_H

#include "compat.h"

/* A dict: name that is bound -> list of (absolute module name, name there). Under "*" are
 * those whose names are all imported, as (module, "*"). `package`: what relative imports
 * start from, a str, or NULL: those are left out. NULL with an exception. */
PyObject *rs_fromimports_of(PyObject *code, PyObject *package);

#endif
