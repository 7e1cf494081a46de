/* importers.h -- bindings in other modules that come from `from m import NAME` (rule 10).
 * Owns:     s->imports_of: what the bodies of modules import, read once per update.
 * Provides: rs_importers_plan, rs_importers_bound, rs_importers_binds,
 *           rs_importers_origin.
 * Depends:  session.h, journal.h, loader.h, fromimports.h.
 * Threads:  the GIL is held; reads sources and so runs Python code (loaders, compile).
 * Invariants:
 *   P1  a binding follows only where the source of its module imports that very name
 *       from the module that changed (`as`, `*`, relative and passed-on imports
 *       included) and its value is still the identical old object.
 */
#ifndef RS_IMPORTERS_H
#define RS_IMPORTERS_H

#include "session.h"

/* u's `name` becomes `new_value` and was `old`: plan the same, with a Change, for every
 * allowed module that imports it, units left out: their own names are planned from what
 * their bodies did. For values that are rebound, not for contents that are poured in
 * place. 0 or -1. */
int rs_importers_plan(rs_session *s, const rs_unit *u, PyObject *name, PyObject *old,
                      PyObject *new_value);

/* 1 if u's old source imports `name` at module level and `value` is what the module still
 * has it imported from, so that the source bound it, not the program; 0 if not or not known;
 * -1. */
int rs_importers_bound(rs_session *s, const rs_unit *u, PyObject *name,
                       PyObject *value);

/* 1 if u's new source imports `name` at module level and the value in u's scratch namespace
 * is the one that the module has it imports from, so that it is a binding, not u's data; 0
 * if not or not known; -1. */
int rs_importers_binds(rs_session *s, const rs_unit *u, PyObject *name);

/* If u's new source imports `name` from another unit: that unit, and the name there in
 * *original (new reference). NULL without an exception if it doesn't. */
rs_unit *rs_importers_origin(rs_session *s, const rs_unit *u, PyObject *name,
                             PyObject **original);

#endif
