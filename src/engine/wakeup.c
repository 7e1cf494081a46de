#include "wakeup.h"

#include <signal.h>

/* Which signals may serve. Of those that macOS has, SIGURG alone is ignored by default. */
#if defined(SIGRTMIN) && defined(SIGRTMAX)
#define HAVE_WAKEUP 1
#define FIRST_SIGNAL SIGRTMIN
#define LAST_SIGNAL SIGRTMAX
#elif defined(SIGURG)
#define HAVE_WAKEUP 1
#define FIRST_SIGNAL SIGURG
#define LAST_SIGNAL SIGURG
#else
#define HAVE_WAKEUP 0
#endif

#if HAVE_WAKEUP
#include <pthread.h>

/* Nobody has touched it, nor blocks it. */
static int
is_unused(PyObject *module, int number)
{
    struct sigaction action;
    sigset_t blocked;
    PyObject *handler;
    int result;
    if (sigaction(number, NULL, &action) != 0 || (action.sa_flags & SA_SIGINFO) != 0 ||
        action.sa_handler != SIG_DFL ||
        pthread_sigmask(SIG_BLOCK, NULL, &blocked) != 0 ||
        sigismember(&blocked, number) != 0) {
        return 0;
    }
    handler = PyObject_CallMethod(module, "getsignal", "i", number);
    if (handler == NULL) {
        return -1;
    }
    result = PyLong_Check(handler) && PyLong_AsLong(handler) == 0; /* SIG_DFL */
    Py_DECREF(handler);
    return result;
}

static int
install(PyObject *module, int number, PyObject *handler)
{
    PyObject *old = PyObject_CallMethod(module, "signal", "iO", number, handler);
    if (old != NULL) {
        Py_DECREF(old);
        return number;
    }
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
        return -1;
    }
    PyErr_Clear(); /* not the main thread of the main interpreter */
    return 0;
}

int
rs_wakeup_open(PyObject *handler)
{
    int result = 0;
    PyObject *module = PyImport_ImportModule("_signal");
    if (module == NULL) {
        return -1;
    }
    for (int number = LAST_SIGNAL; number >= FIRST_SIGNAL; number--) {
        result = is_unused(module, number);
        if (result != 0) {
            result = result < 0 ? -1 : install(module, number, handler);
            break;
        }
    }
    Py_DECREF(module);
    return result;
}

int
rs_wakeup_send(int number, unsigned long thread)
{
    return pthread_kill((pthread_t)thread, number) == 0 ? 0 : -1;
}

/* signal.signal() looks for pending signals first, and fails with what their handlers
 * raise; then it has to be called again, and an interrupt has to be raised again. */
static void
restore_default(PyObject *module, int number)
{
    int interrupted = 0;
    PyObject *old = NULL, *disposition = PyObject_GetAttrString(module, "SIG_DFL");
    for (int tries = 0; disposition != NULL && old == NULL && tries < 100; tries++) {
        old = PyObject_CallMethod(module, "signal", "iO", number, disposition);
        if (old == NULL && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
            interrupted = 1;
            PyErr_Clear();
        } else if (old == NULL) {
            PyErr_WriteUnraisable(NULL);
        }
    }
    Py_XDECREF(old);
    Py_XDECREF(disposition);
    if (interrupted) {
        PyErr_SetInterrupt();
    }
}

void
rs_wakeup_close(int number)
{
    PyObject *exc = PyErr_GetRaisedException();
    PyObject *module;
    /* Ignoring a signal discards those that are pending; the default action of a late one
     * would be to end the process. */
    signal(number, SIG_IGN);
    module = PyImport_ImportModule("_signal");
    if (module != NULL) {
        restore_default(module, number);
        Py_DECREF(module);
    }
    signal(number, SIG_DFL);
    PyErr_Clear();
    PyErr_SetRaisedException(exc);
}
#else
int
rs_wakeup_open(PyObject *handler)
{
    (void)handler;
    return 0;
}

int
rs_wakeup_send(int number, unsigned long thread)
{
    (void)number;
    (void)thread;
    return -1;
}

void
rs_wakeup_close(int number)
{
    (void)number;
}
#endif
