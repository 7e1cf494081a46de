/* prepare.h -- from source to donors: the part of an update that runs new code.
 * Owns:     nothing.
 * Provides: rs_prepare, rs_prepare_take_back.
 * Depends:  source.h, scratch.h, imports.h, leaks.h, heap.h, watchdog.h, frames.h.
 * Threads:  the updating thread; other threads run while bodies do.
 * Invariants:
 *   T1  before commit no live object has changed, but what take_back takes back
 *   T2  after a failed prepare the program is as it was
 *   T8  when it returns no hook, watcher or proxy is left in the process
 */
#ifndef RS_PREPARE_H
#define RS_PREPARE_H

#include "session.h"

/* Resolves, compiles and runs the modules. 0; -1 with PrepareError or RefusedError; call
 * rs_prepare_take_back then. */
int rs_prepare(rs_session *s, PyObject *modules);

/* Undoes what bodies did to live objects and sys.modules. Keeps a pending exception. */
void rs_prepare_take_back(rs_session *s);

#endif
