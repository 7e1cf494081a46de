#include "lock.h"

#include <assert.h>

#include "heap.h"
#include "imports.h"
#include "leaks.h"
#include "prepared.h"
#include "stacks.h"
#include "watchdog.h"

/* How long a waiting thread sleeps before it looks for signals, in microseconds. */
#define WAIT_SLICE 50000

static int
wait_for_lock(rs_state *st)
{
    PyLockStatus status = PY_LOCK_FAILURE;
    while (status != PY_LOCK_ACQUIRED) {
        /* A fork replaces the lock, but then no waiting thread lives in the child. */
        PyThread_type_lock lock = st->lock;
        Py_BEGIN_ALLOW_THREADS status = PyThread_acquire_lock_timed(lock, WAIT_SLICE,
                                                                    1);
        Py_END_ALLOW_THREADS if (PyErr_CheckSignals() < 0)
        {
            if (status == PY_LOCK_ACQUIRED) {
                PyThread_release_lock(lock);
            }
            return -1;
        }
    }
    return 0;
}

int
rs_lock_acquire(rs_state *st)
{
    unsigned long me = PyThread_get_thread_ident();
    if (st->lock_owner == me) {
        PyErr_SetString(
            st->UpdateError,
            "an update is running in this thread: a module body or a hook of "
            "it can't start another one; do it when the update has returned");
        return -1;
    }
    if (PyThread_acquire_lock(st->lock, NOWAIT_LOCK) == 0) {
        int importing = rs_stacks_importing(me, NULL);
        if (importing < 0) {
            return -1;
        }
        if (importing) {
            PyErr_SetString(
                st->UpdateError,
                "another thread is making an update, and this one is inside an "
                "import, so waiting could block both for ever; start the "
                "update when the import is over");
            return -1;
        }
        if (wait_for_lock(st) < 0) {
            return -1;
        }
    }
    assert(st->lock_owner == 0 && st->running == NULL); /* K1 */
    st->lock_owner = me;
    return 0;
}

int
rs_lock_try(rs_state *st)
{
    if (PyThread_acquire_lock(st->lock, NOWAIT_LOCK) == 0) {
        return 0;
    }
    assert(st->lock_owner == 0 && st->running == NULL); /* K1 */
    st->lock_owner = PyThread_get_thread_ident();
    return 1;
}

void
rs_lock_release(rs_state *st)
{
    if (st->lock_owner != PyThread_get_thread_ident()) {
        return;
    }
    st->lock_owner = 0;
    st->running = NULL;
    PyThread_release_lock(st->lock);
}

int
rs_lock_check_fork(rs_session *s)
{
    if (!s->abandoned) {
        return 0;
    }
    PyErr_SetString(
        s->st->PrepareError,
        "this process was forked off while the update was prepared; the parent "
        "goes on with it, this process does not");
    return -1;
}

/* What the parent's update did to the process, in a child whose update it is not. */
static void
abandon(rs_session *s)
{
    s->abandoned = 1;
    s->active = 0;
    rs_watchdog_abandon(s);
    rs_imports_end(s);
    rs_leaks_end(s);
    if (PyThread_get_thread_ident() != s->thread && !s->journal.committed) {
        /* The thread that would do this on its way out does not exist here. */
        rs_leaks_take_back(s);
        if (rs_imports_take_back(s) < 0) {
            PyErr_WriteUnraisable(s->engine);
        }
    }
    rs_heap_end(s);
}

static PyObject *
after_fork_in_child(PyObject *engine, PyObject *Py_UNUSED(ignored))
{
    rs_state *st = rs_state_of(engine);
    rs_session *s = st->running;
    PyThread_type_lock lock;
    st->forked = 1;
    rs_prepared_after_fork(st);
    if (st->lock_owner == 0) {
        Py_RETURN_NONE;
    }
    /* The old lock may be held by a thread that does not exist here; CPython leaks its
     * own locks in this place, too. */
    lock = PyThread_allocate_lock();
    if (lock == NULL) {
        return PyErr_NoMemory();
    }
    st->lock = lock;
    st->lock_owner = 0;
    st->running = NULL;
    if (s != NULL) {
        Py_INCREF(s);
        abandon(s);
        Py_DECREF(s);
    }
    Py_RETURN_NONE;
}

int
rs_lock_init(PyObject *engine)
{
    /* A method object refers to its definition; CPython never writes to it. */
    static const PyMethodDef definition = {
        "after_fork_in_child", after_fork_in_child, METH_NOARGS,
        "Gives up an update that the parent process is making."};
    int result = -1;
    PyObject *function = NULL, *args = NULL, *kwargs = NULL, *nothing = NULL;
    PyObject *os = PyImport_ImportModule("os");
    PyObject *register_at_fork = os != NULL
                                     ? PyObject_GetAttrString(os, "register_at_fork")
                                     : NULL;
    if (register_at_fork == NULL) {
        if (os != NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear(); /* no fork on this platform */
            result = 0;
        }
        goto done;
    }
    function = PyCFunction_New((PyMethodDef *)&definition, engine);
    args = PyTuple_New(0);
    if (function != NULL && args != NULL) {
        kwargs = Py_BuildValue("{s:O}", "after_in_child", function);
    }
    if (kwargs != NULL) {
        nothing = PyObject_Call(register_at_fork, args, kwargs);
    }
    result = nothing != NULL ? 0 : -1;
done:
    Py_XDECREF(os);
    Py_XDECREF(register_at_fork);
    Py_XDECREF(function);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    Py_XDECREF(nothing);
    return result;
}
