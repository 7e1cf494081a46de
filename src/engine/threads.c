#include "threads.h"

#include <time.h>

typedef struct {
    uint64_t id;
    int64_t used; /* ns of processor time, -1: unknown */
} thread_time;

struct rs_threads {
    Py_ssize_t count;
    thread_time times[];
};

#ifdef __linux__
/* The clock of a thread by its kernel id; the kernel's own encoding, which glibc hides
 * behind pthread_getcpuclockid. Unlike that function it is safe for a thread that has
 * ended, and it knows only threads of this process. */
static clockid_t
clock_of_thread(unsigned long native_id)
{
    enum { CPUCLOCK_SCHED = 2, CPUCLOCK_PERTHREAD = 4 };
    return (clockid_t)((~(unsigned int)native_id << 3) |
                       (unsigned int)(CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD));
}

static int64_t
time_used(unsigned long native_id)
{
    struct timespec time;
    if (native_id == 0 || clock_gettime(clock_of_thread(native_id), &time) != 0) {
        return -1;
    }
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
#else
static int64_t
time_used(unsigned long native_id)
{
    (void)native_id;
    return -1;
}
#endif

/* The next thread state after `ts` (NULL: the first) that isn't the caller's. */
static PyThreadState *
next_other(PyThreadState *ts)
{
    PyThreadState *me = PyThreadState_Get();
    ts = ts != NULL ? PyThreadState_Next(ts)
                    : PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    return ts == me && ts != NULL ? PyThreadState_Next(ts) : ts;
}

static Py_ssize_t
count_others(void)
{
    Py_ssize_t count = 0;
    for (PyThreadState *ts = next_other(NULL); ts != NULL; ts = next_other(ts)) {
        count++;
    }
    return count;
}

int
rs_threads_more(void)
{
    return next_other(NULL) != NULL;
}

rs_threads *
rs_threads_mark(void)
{
    Py_ssize_t room = count_others();
    rs_threads *mark = PyMem_Malloc(sizeof(rs_threads) +
                                    (size_t)room * sizeof(thread_time));
    if (mark == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    mark->count = 0;
    for (PyThreadState *ts = next_other(NULL); ts != NULL && mark->count < room;
         ts = next_other(ts)) {
        thread_time *entry = &mark->times[mark->count++];
        entry->id = PyThreadState_GetID(ts);
        entry->used = time_used(ts->native_thread_id);
    }
    return mark;
}

static int
was_idle(const rs_threads *mark, PyThreadState *ts)
{
    uint64_t id = PyThreadState_GetID(ts);
    for (Py_ssize_t i = 0; i < mark->count; i++) {
        if (mark->times[i].id == id) {
            return mark->times[i].used >= 0 &&
                   mark->times[i].used == time_used(ts->native_thread_id);
        }
    }
    return 0;
}

int
rs_threads_ran(const rs_threads *mark)
{
    if (count_others() != mark->count) {
        return 1;
    }
    for (PyThreadState *ts = next_other(NULL); ts != NULL; ts = next_other(ts)) {
        if (!was_idle(mark, ts)) {
            return 1;
        }
    }
    return 0;
}

void
rs_threads_free(rs_threads *mark)
{
    PyMem_Free(mark);
}
