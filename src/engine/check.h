/* check.h -- what an update would do, told from the sources alone (DESIGN rule 18).
 * Owns:     nothing.
 * Provides: rs_check.
 * Depends:  update.h, source.h, base.h, select.h, report.c.
 * Threads:  the updating thread; loaders are asked, so Python code may run.
 * Invariants:
 *   H1  nothing of the new source is executed and nothing live changes.
 */
#ifndef RS_CHECK_H
#define RS_CHECK_H

#include "update.h"

/* Fills options->update. None; NULL with PrepareError, RefusedError or another. */
PyObject *rs_check(PyObject *engine, rs_state *st, const rs_update_options *options);

#endif
