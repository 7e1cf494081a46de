/* loader.h -- a module's own loader, and code compiled through it.
 * Owns:     nothing.
 * Provides: rs_loader_find, rs_loader_compile.
 * Depends:  session.h, mainguard.h.
 * Threads:  the updating thread. Loaders are Python code.
 * Invariants:
 *   D1  a .pyc never stands in for a source that can be read.
 *   D2  a loader that replaced exec_module decides itself how its modules run.
 */
#ifndef RS_LOADER_H
#define RS_LOADER_H

#include "session.h"

typedef enum {
    RS_LOADER_PYTHON, /* a loader of Python code, in *loader */
    RS_LOADER_BINARY, /* built-in, frozen, extension module */
    RS_LOADER_NONE    /* nothing says where the module came from */
} rs_loader_kind;

/* How the live module with namespace `live` was loaded. *loader (owned) only for
 * RS_LOADER_PYTHON. -1 with an exception. */
int rs_loader_find(PyObject *live, PyObject *name, PyObject **loader);

typedef enum {
    RS_SOURCE_CODE, /* *code is what the source now says */
    RS_SOURCE_EXEC, /* only the loader's exec_module can run the module */
    RS_SOURCE_GONE  /* there is no source any more */
} rs_source_kind;

/* Reads and compiles the unit's source. -1 with the exception of loader or compiler. */
int rs_loader_compile(const rs_unit *u, PyObject **code);

#endif
