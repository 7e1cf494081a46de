/* pyc.h -- code that an earlier import left on disk.
 * Owns:     nothing.
 * Provides: rs_pyc_code.
 * Depends:  session.h, the module `importlib.util`.
 * Threads:  the updating thread.
 */
#ifndef RS_PYC_H
#define RS_PYC_H

#include "session.h"

/* The code in the .pyc of the unit's source. It may be that of another source than the one
 * that lives. NULL without an exception if there is none for this CPython. */
PyObject *rs_pyc_code(const rs_unit *u);

#endif
