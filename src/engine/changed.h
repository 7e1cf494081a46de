/* changed.h -- which modules' sources are other ones than those that live?
 * Owns:     nothing.
 * Provides: rs_changed_sources.
 * Depends:  session.h, loader.h, known.h, the modules `os` and `importlib`.
 * Threads:  any thread; loaders and `allowed` are Python code.
 * Invariants:
 *   Z1  where the source was recorded, its contents count, never a time stamp.
 */
#ifndef RS_CHANGED_H
#define RS_CHANGED_H

#include "session.h"

/* (changed, gone): two lists of names of loaded modules that `allowed` (callable (name,
 * module) -> bool) lets be updated. NULL with what that raised. */
PyObject *rs_changed_sources(rs_state *st, PyObject *allowed);

#endif
