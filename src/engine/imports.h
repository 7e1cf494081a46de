/* imports.h -- what an `import` means while an update is prepared.
 * Owns:     s->imports: the proxy of sys.modules, views of packages, the record of
 *           first-time imports. Freed by rs_imports_close.
 * Provides: rs_imports_begin, rs_imports_end, rs_imports_settle, rs_imports_take_back,
 *           rs_imports_map, rs_imports_holds, rs_imports_close; for its neighbours
 *           scratch.c, importhook.c, sysmodules.c and view.c: the rest.
 * Depends:  session.h, firsts.h, sysmodules.h, view.h, quiet.h.
 * Threads:  the preparing thread, GIL held; end also in a forked child.
 * Invariants:
 *   M1  other threads and inactive sessions see live modules only.
 *   M2  a session has one scratch module for each unit, and one view for each package
 *       that contains units and is none itself.
 *   M3  after rs_imports_take_back sys.modules and the parent packages are as they were,
 *       except for packages with extension modules (RSL606).
 */
#ifndef RS_IMPORTS_H
#define RS_IMPORTS_H

#include "session.h"

/* Prepare begins / ends: sys.modules is rebound to a proxy that redirects only the
 * preparing thread, and back. end keeps a pending exception and may be called twice. */
int rs_imports_begin(rs_session *s);
void rs_imports_end(rs_session *s);

/* Gives modules that were imported for the first time the real __builtins__, and leaves
 * in s->first_imports those that are still in sys.modules. 0 or -1. */
int rs_imports_settle(rs_session *s);

/* After a failed prepare: first-time imports and other changes that the preparing thread
 * made to sys.modules are taken back. Keeps a pending exception. 0 or -1. */
int rs_imports_take_back(rs_session *s);

/* Adds scratch module -> live module, view -> live package, proxy -> the real
 * sys.modules, private builtins and hooks -> the real ones to s->map. 0 or -1. */
int rs_imports_map(rs_session *s);

/* Strong references that s->imports has to `op` (for rs_session_holds). */
Py_ssize_t rs_imports_holds(const rs_session *s, PyObject *op);

/* Drops s->imports (for rs_session_close); releasing may run Python code. */
void rs_imports_close(rs_session *s);

/* -- for scratch.c, sysmodules.c and view.c -- */

/* Allocates s->imports; by rs_scratch_open. */
int rs_imports_open(rs_session *s);

/* `own`, made for the update, stands for `real`: an entry of s->map later. 0 or -1. */
int rs_imports_shadow(rs_session *s, PyObject *own, PyObject *real);

/* 1 if the calling thread is the one that prepares `s`. */
static inline int
rs_imports_mine(const rs_session *s)
{
    return s->active && s->thread == PyThread_get_thread_ident();
}

/* The unit of that name or NULL; *package (may be NULL) is set to 1 if it is a package
 * that contains units, else 0. Never fails. */
rs_unit *rs_imports_unit(const rs_session *s, PyObject *name, int *package);

/* What the preparing thread gets to see instead of `live`, the module `name`: a scratch
 * module, a view, or itself. New reference. */
PyObject *rs_imports_present(rs_session *s, PyObject *name, PyObject *live);

/* The child `full` ("pkg.sub") was loaded or run: scratch packages of its parent get the
 * attribute, as an import would set it. 0 or -1. */
int rs_imports_bind_child(rs_session *s, PyObject *full, int overwrite);

/* For the proxy: what the preparing thread is about to do to sys.modules[name]; see
 * rs_firsts_touch, rs_firsts_put, rs_firsts_taken. 0 or -1. */
int rs_imports_touch(rs_session *s, PyObject *name);
int rs_imports_put(rs_session *s, PyObject *name, PyObject *module, int importing);
int rs_imports_taken(rs_session *s, PyObject *name, int popped);

/* The live module that `op` stands for, if it is a scratch module or a view (borrowed);
 * else `op`. */
PyObject *rs_imports_live(const rs_session *s, PyObject *op);

#endif
