/* recorder.h -- remembering what source modules were imported from (DESIGN rule 23).
 * Owns:     the exec_module of importlib's own loaders, which it wraps; st->installed.
 * Provides: rs_recorder_install.
 * Depends:  state.h, known.h, stacks.h.
 * Threads:  any thread imports; GIL held.
 * Invariants:
 *   P1  an import does what it did: the same calls but for one more get_data(), the same
 *       exceptions, trimmed tracebacks included.
 *   P2  for a module outside of `excluded` it costs a dict entry and reading the file once
 *       more, elsewhere nothing (T8).
 */
#ifndef RS_RECORDER_H
#define RS_RECORDER_H

#include "state.h"

/* From now on code and source of modules that importlib's file loaders run are known, but for
 * files below the folders in `excluded` (tuple of str). 0 or -1. Repeating it only
 * replaces `excluded`. */
int rs_recorder_install(PyObject *engine, PyObject *excluded);

#endif
