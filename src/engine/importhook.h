/* importhook.h -- `import` statements of bodies that are being prepared.
 * Owns:     nothing.
 * Provides: rs_importhook_new, rs_importhook_new_lazy.
 * Depends:  session.h, imports.h, scratch.h, leaks.h.
 * Threads:  the hooks may be called by any thread at any time, also long after the update,
 *           GIL held.
 * Invariants:
 *   H1  other threads and inactive sessions get what the real import gives.
 *   H2  the hooks never import anything themselves (hazard 22).
 *   H3  the real import does all that it would do anyway (locks, first-time imports);
 *       only what is handed out differs: scratch modules for units, run first if they
 *       wait, views for packages that contain units.
 */
#ifndef RS_IMPORTHOOK_H
#define RS_IMPORTHOOK_H

#include "session.h"

/* New `__import__` and `__lazy_import__` for the private builtins. */
PyObject *rs_importhook_new(rs_session *s);
PyObject *rs_importhook_new_lazy(rs_session *s);

#endif
