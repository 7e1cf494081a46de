#include "forking.h"

#include <errno.h>

#ifdef HAVE_FORK
#include <unistd.h>
#endif
#ifdef __linux__
#include <signal.h>
#include <sys/prctl.h>
#endif

#ifdef HAVE_FORK
/* Nobody watches over the child of a parent that was killed. */
static void
end_with_parent(pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
#else
    (void)parent;
#endif
}
#endif

long
rs_fork(rs_state *st)
{
    if (st->lock_owner == PyThread_get_thread_ident()) {
        PyErr_SetString(
            st->UpdateError,
            "an update is running in this thread: a module body or a hook of "
            "it can't rehearse another one");
        return -1;
    }
#ifdef HAVE_FORK
    pid_t pid, parent = getpid();
    int error;
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_RuntimeError,
                        "only the main interpreter can fork a process");
        return -1;
    }
    if (PySys_Audit("os.fork", NULL) < 0) {
        return -1;
    }
    PyOS_BeforeFork();
    pid = fork();
    error = errno;
    if (pid == 0) {
        end_with_parent(parent);
        PyOS_AfterFork_Child();
        return 0;
    }
    PyOS_AfterFork_Parent();
    if (pid < 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    return pid;
#else
    PyErr_SetString(PyExc_NotImplementedError, "this platform can't fork a process");
    return -1;
#endif
}
