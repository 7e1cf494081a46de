/* recorder.h -- remembering what source modules were imported from (DESIGN rule 23).
 * Owns:     st->known entries; the exec_module of importlib's own loaders, which it wraps.
 * Provides: rs_recorder_install, rs_recorder_remember.
 * Depends:  state.h.
 * Threads:  any thread imports; GIL held.
 * Invariants:
 *   P1  an import does what it did: the same calls, the same exceptions, trimmed
 *       tracebacks included.
 *   P2  it costs one dict entry for a module outside of `excluded`, nothing elsewhere (T8).
 */
#ifndef RS_RECORDER_H
#define RS_RECORDER_H

#include "state.h"

/* From now on the code of modules that importlib's file loaders run is known, but for
 * files below the folders in `excluded` (tuple of str). 0 or -1. Repeating it only
 * replaces `excluded`. */
int rs_recorder_install(PyObject *engine, PyObject *excluded);

/* `code` is what the live `module`, called `name`, was made by. 0 or -1. */
int rs_recorder_remember(rs_state *st, PyObject *name, PyObject *module,
                         PyObject *code);

#endif
