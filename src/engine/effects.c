#include "effects.h"

#include "failure.h"
#include "leaks.h"
#include "probes.h"
#include "watchdog.h"

static int
has_effects(const rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].effects != NULL) {
            return 1;
        }
    }
    return 0;
}

/* What the statements may change: through names of their own module, and through modules
 * that they import. */
static int
record_reach(rs_session *s)
{
    PyObject *modules = PyImport_GetModuleDict();
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        PyObject *names = u->effects != NULL ? RS_CODE(u->effects)->co_names : NULL;
        if (names != NULL && rs_leaks_see_names(s, u->live) < 0) {
            return -1;
        }
        for (Py_ssize_t k = 0; names != NULL && k < PyTuple_GET_SIZE(names); k++) {
            PyObject *module = PyDict_GetItemWithError(modules,
                                                       PyTuple_GET_ITEM(names, k));
            if (module != NULL ? rs_leaks_see_module(s, module) < 0
                               : PyErr_Occurred() != NULL) {
                return -1;
            }
        }
    }
    return 0;
}

static int
run_unit(rs_session *s, const rs_unit *u)
{
    PyObject *result;
    if (u->effects == NULL) {
        return 0;
    }
    s->effect = u->effects;
    result = PyEval_EvalCode(u->effects, u->live, u->live);
    s->effect = NULL;
    if (result == NULL) {
        rs_watchdog_stop(s); /* or it would interrupt telling what went wrong */
        return rs_effects_error(s, u);
    }
    Py_DECREF(result);
    return 0;
}

static int
run_units(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (run_unit(s, &s->units[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_effects_run(rs_session *s)
{
    int result = -1;
    if (rs_probes_effects(s) < 0) {
        return -1;
    }
    if (!has_effects(s)) {
        return 0;
    }
    if (rs_leaks_begin(s, RS_LEAKS_EFFECTS) < 0) {
        return -1;
    }
    if (record_reach(s) == 0 && rs_watchdog_start(s) == 0) {
        result = run_units(s);
    }
    rs_watchdog_stop(s);
    rs_leaks_end(s);
    return result;
}

void
rs_effects_take_back(rs_session *s)
{
    if (rs_leaks_is_phase(s, RS_LEAKS_EFFECTS)) {
        rs_leaks_take_back(s);
    }
}
