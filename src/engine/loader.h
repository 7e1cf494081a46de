/* loader.h -- a module's own loader (loader.c), and source read and compiled through it
 * (loader_read.c).
 * Owns:     nothing.
 * Provides: rs_loader_find, rs_loader_read, rs_loader_code, rs_loader_compile,
 *           rs_loader_decode, rs_loader_text.
 * Depends:  session.h, mainguard.h.
 * Threads:  the updating thread. Loaders are Python code.
 * Invariants:
 *   D1  a .pyc never stands in for a source that can be read.
 *   D2  a loader that replaced exec_module decides itself how its modules run.
 *   D3  an update reads a source once: what is compiled is what is remembered.
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

/* Reads the unit's new source once: u->data (bytes, or str from get_source) and u->path,
 * which it is compiled as; NULL where the loader gives code only. Sets u->own_compile.
 * -1 with the loader's exception. */
int rs_loader_read(rs_unit *u);

/* Compiles `data` (bytes or str) as the loader of `u`, which has been read, compiles its
 * own; `data` is not looked at where that gives code only. -1 with the exception of loader
 * or compiler. */
int rs_loader_code(const rs_unit *u, PyObject *data, PyObject **code);

/* Both for a unit that stays as it is. */
int rs_loader_compile(const rs_unit *u, PyObject **code);

/* What importlib.util.decode_source makes of bytes; a str stays. NULL with SyntaxError or
 * UnicodeDecodeError. */
PyObject *rs_loader_decode(PyObject *data);

/* Reads and decodes the new source of a unit that stays as it is; *text is NULL where the
 * loader gives none. -1 with the exception of the loader, or of decoding. */
int rs_loader_text(const rs_unit *u, PyObject **text);

/* Both files: 1 and *value (owned), 0 without the attribute, -1. */
int rs_optional_attribute(PyObject *op, const char *name, PyObject **value);
/* `value` of the module's namespace; borrowed, None counts as absent. */
PyObject *rs_namespace_get(PyObject *live, const char *name);
/* 1 if `loader` is machinery.<name> or an instance of it; 0; -1. */
int rs_is_machinery(PyObject *machinery, PyObject *loader, const char *name);

#endif
