#include "clock.h"

#include <time.h>

#define NS_PER_SECOND 1000000000

#ifdef _WIN32
#include <windows.h>

int64_t
rs_clock_ns(void)
{
    LARGE_INTEGER now, rate; /* ticks, and how many of them are a second */
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&rate);
    return now.QuadPart / rate.QuadPart * NS_PER_SECOND +
           now.QuadPart % rate.QuadPart * NS_PER_SECOND / rate.QuadPart;
}
#else
int64_t
rs_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}
#endif

int64_t
rs_clock_unix_ns(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}
