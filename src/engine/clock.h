/* clock.h -- monotonic time.
 * Owns:     nothing.
 * Provides: rs_clock_ns.
 * Depends:  the C library.
 * Threads:  any.
 */
#ifndef RS_CLOCK_H
#define RS_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some moment in the past. */
int64_t rs_clock_ns(void);

#endif
