#include "clock.h"

#include "compat.h"

#include <time.h>

int64_t
rs_clock_ns(void)
{
    struct timespec now;
#ifdef CLOCK_MONOTONIC
    clock_gettime(CLOCK_MONOTONIC, &now);
#else
    timespec_get(&now, TIME_UTC); /* a system without POSIX clocks: durations only */
#endif
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
