/* descriptors.h -- the file descriptors that the process has open.
 * Owns:     nothing.
 * Provides: rs_descriptors.
 * Depends:  compat.h. The one place that knows which platform has /proc/self/fd.
 * Threads:  the GIL is held, and given up once for all descriptors: a server has thousands,
 *           and beside a busy thread each call that gives it up costs a switch interval.
 */
#ifndef RS_DESCRIPTORS_H
#define RS_DESCRIPTORS_H

#include "compat.h"

/* What each is open on and its number, as texts: "/tmp/a (file descriptor 3)". Empty where
 * the platform does not tell. NULL with an exception. */
PyObject *rs_descriptors(void);

#endif
