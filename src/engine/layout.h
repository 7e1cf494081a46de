/* layout.h -- may a live class take the contents of a donor without moving instances?
 * Owns:     nothing.
 * Provides: rs_layout_fits.
 * Depends:  session.h (bases of a donor may be donors themselves).
 * Threads:  the GIL is held; runs no Python code.
 * Invariants:
 *   L1  the answer is that of `instance.__class__ = donor`, without an instance.
 */
#ifndef RS_LAYOUT_H
#define RS_LAYOUT_H

#include "session.h"

int rs_layout_fits(const rs_session *s, PyTypeObject *live, PyTypeObject *donor);

#endif
