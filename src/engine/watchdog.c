#include "watchdog.h"

#include <assert.h>

#include "stacks.h"
#include "wakeup.h"

/* Microseconds: between two exceptions; between two looks at an import that has to come
 * to its end first; for the end of the thread while the GIL is held. */
#define AGAIN 100000
#define LOOK 5000
#define PATIENCE 200
#define LONGEST 1000000000000.0

struct rs_watchdog {
    rs_session *s; /* borrowed: the thread ends before the session */
    PyInterpreterState *interp;
    PyThread_type_lock stop; /* held until the thread shall end */
    PyThread_type_lock done; /* held until it has ended */
    PY_TIMEOUT_T limit;      /* microseconds */
    int stopped;             /* under the GIL */
    int fired;
    int signal;       /* 0: asynchronous exceptions are used */
    int asynchronous; /* one may be pending; under the GIL */
};

/* Is an import on its way that has to come to its end? Bodies import through our hook,
 * which counts; effects don't. */
static int
is_importing(const rs_session *s)
{
    int importing = s->importing > 0;
    if (!importing && s->effect != NULL) {
        importing = rs_stacks_importing(s->thread, s->effect);
    }
    if (importing < 0) {
        PyErr_Clear(); /* nobody can tell: it is let alone */
    }
    return importing != 0;
}

/* The handler of the signal, in the main thread. */
static PyObject *
on_signal(PyObject *session, PyObject *Py_UNUSED(args))
{
    rs_session *s = (rs_session *)session;
    if (s->watchdog != NULL && !s->watchdog->stopped && s->watchdog->fired &&
        !is_importing(s)) {
        PyErr_SetNone(s->st->PrepareTimeout);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Under the GIL: raise it, unless an import must come to its end first. Returns how long
 * to wait until the next time. */
static PY_TIMEOUT_T
fire(struct rs_watchdog *dog)
{
    rs_session *s = dog->s;
    if (is_importing(s)) {
        return LOOK;
    }
    s->timed_out = 1;
    dog->fired = 1;
    /* A process that was forked off by another thread than the main one sees signals when a
     * system call is interrupted, but not while it executes Python code (3.13.0 to 3.15.0). */
    if (dog->signal == 0 || rs_wakeup_send(dog->signal, s->thread) < 0 ||
        s->st->forked) {
        PyThreadState_SetAsyncExc(s->thread, s->st->PrepareTimeout);
        dog->asynchronous = 1;
    }
    return AGAIN;
}

static void
watch(void *arg)
{
    struct rs_watchdog *dog = arg;
    PyThread_type_lock done = dog->done;
    PY_TIMEOUT_T wait = dog->limit;
    int stopped = 0;
    while (!stopped) {
        PyThreadState *ts;
        if (PyThread_acquire_lock_timed(dog->stop, wait, 0) == PY_LOCK_ACQUIRED) {
            PyThread_release_lock(dog->stop);
            break;
        }
        ts = PyThreadState_New(dog->interp);
        if (ts == NULL) {
            wait = AGAIN;
            continue;
        }
        PyEval_RestoreThread(ts);
        stopped = dog->stopped;
        if (!stopped) {
            wait = fire(dog);
        }
        PyThreadState_Clear(ts);
        PyThreadState_DeleteCurrent();
    }
    PyThread_release_lock(done);
}

static void
free_watchdog(struct rs_watchdog *dog)
{
    if (dog->stop != NULL) {
        PyThread_free_lock(dog->stop);
    }
    if (dog->done != NULL) {
        PyThread_free_lock(dog->done);
    }
    PyMem_Free(dog);
}

static struct rs_watchdog *
new_watchdog(rs_session *s)
{
    struct rs_watchdog *dog = PyMem_Calloc(1, sizeof(struct rs_watchdog));
    if (dog == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    dog->s = s;
    dog->interp = PyInterpreterState_Get();
    dog->limit = (PY_TIMEOUT_T)(Py_MIN(s->timeout * 1e6, LONGEST));
    dog->stop = PyThread_allocate_lock();
    dog->done = PyThread_allocate_lock();
    if (dog->stop == NULL || dog->done == NULL) {
        free_watchdog(dog);
        PyErr_NoMemory();
        return NULL;
    }
    PyThread_acquire_lock(dog->stop, WAIT_LOCK);
    PyThread_acquire_lock(dog->done, WAIT_LOCK);
    return dog;
}

static int
open_wakeup(rs_session *s)
{
    /* A method object refers to its definition; CPython never writes to it. */
    static const PyMethodDef definition = {
        "on_timeout", on_signal, METH_VARARGS,
        "Interrupts the preparation of an update whose time is over."};
    int number;
    PyObject *handler = PyCFunction_New((PyMethodDef *)&definition, (PyObject *)s);
    if (handler == NULL) {
        return -1;
    }
    number = rs_wakeup_open(handler);
    Py_DECREF(handler);
    return number;
}

int
rs_watchdog_start(rs_session *s)
{
    struct rs_watchdog *dog;
    assert(s->watchdog == NULL);
    if (!(s->timeout > 0)) {
        return 0;
    }
    dog = new_watchdog(s);
    if (dog == NULL) {
        return -1;
    }
    dog->signal = open_wakeup(s);
    if (dog->signal < 0) {
        free_watchdog(dog);
        return -1;
    }
    s->watchdog = dog;
    if (PyThread_start_new_thread(watch, dog) == PYTHREAD_INVALID_THREAD_ID) {
        rs_watchdog_abandon(s);
        PyErr_SetString(PyExc_RuntimeError,
                        "can't start the thread that keeps the time limit");
        return -1;
    }
    return 0;
}

void
rs_watchdog_stop(rs_session *s)
{
    struct rs_watchdog *dog = s->watchdog;
    if (dog == NULL) {
        return;
    }
    dog->stopped = 1;
    PyThread_release_lock(dog->stop);
    /* It ends at once unless it waits for the GIL. Giving that up costs a turn of every
     * thread that wants it, so it is tried without first. */
    if (PyThread_acquire_lock_timed(dog->done, PATIENCE, 0) != PY_LOCK_ACQUIRED) {
        Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(dog->done, WAIT_LOCK);
        Py_END_ALLOW_THREADS
    }
    if (dog->asynchronous) {
        PyThreadState_SetAsyncExc(s->thread, NULL);
    }
    PyThread_release_lock(dog->done);
    rs_watchdog_abandon(s);
}

void
rs_watchdog_abandon(rs_session *s)
{
    struct rs_watchdog *dog = s->watchdog;
    if (dog == NULL) {
        return;
    }
    dog->stopped = 1;
    if (dog->signal > 0) {
        rs_wakeup_close(dog->signal);
    }
    s->watchdog = NULL;
    if (!s->abandoned) {
        free_watchdog(dog); /* else a thread of the parent waits for its locks */
    }
}
