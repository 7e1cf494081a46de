/* clock.h -- times.
 * Owns:     nothing.
 * Provides: rs_clock_ns, rs_clock_unix_ns.
 * Depends:  compat.h; the C library of the platform.
 * Threads:  any.
 */
#ifndef RS_CLOCK_H
#define RS_CLOCK_H

#include "compat.h"

/* Nanoseconds since some moment in the past. */
int64_t rs_clock_ns(void);
/* Since 1970. */
int64_t rs_clock_unix_ns(void);

#endif
