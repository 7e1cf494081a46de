/* clock.h -- monotonic time.
 * Owns:     nothing.
 * Provides: rs_clock_ns.
 * Depends:  compat.h; the C library of the platform.
 * Threads:  any.
 */
#ifndef RS_CLOCK_H
#define RS_CLOCK_H

#include "compat.h"

/* Nanoseconds since some moment in the past. */
int64_t rs_clock_ns(void);

#endif
