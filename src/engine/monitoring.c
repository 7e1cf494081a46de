#include "monitoring.h"

/* sys.monitoring has tool ids 0 to 5. */
#define N_TOOLS 6

static int
move_events(rs_session *s, PyObject *monitoring, int tool)
{
    Py_ssize_t pos = 0;
    PyObject *old_code, *new_code;
    while (rs_idmap_next(&s->old_codes, &pos, &old_code, &new_code)) {
        PyObject *events, *done;
        if (!PyCode_Check(old_code) || !PyCode_Check(new_code)) {
            continue;
        }
        events = PyObject_CallMethod(monitoring, "get_local_events", "iO", tool,
                                     old_code);
        if (events == NULL) {
            return -1;
        }
        if (PyLong_CheckExact(events) && PyLong_AsLong(events) != 0) {
            done = PyObject_CallMethod(monitoring, "set_local_events", "iOO", tool,
                                       new_code, events);
            Py_DECREF(events);
            if (done == NULL) {
                return -1;
            }
            Py_DECREF(done);
        } else {
            Py_DECREF(events);
        }
    }
    return 0;
}

int
rs_monitoring_move(rs_session *s)
{
#ifndef RS_WITHOUT_CURE_27
    PyObject *monitoring = PySys_GetObject("monitoring");
    for (int tool = 0; monitoring != NULL && tool < N_TOOLS; tool++) {
        PyObject *name = PyObject_CallMethod(monitoring, "get_tool", "i", tool);
        int used = name != NULL && name != Py_None;
        if (name == NULL) {
            return -1;
        }
        Py_DECREF(name);
        if (used && move_events(s, monitoring, tool) < 0) {
            return -1;
        }
    }
#else
    (void)s;
#endif
    return 0;
}
