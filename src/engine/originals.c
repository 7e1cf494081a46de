#include "originals.h"

#include "foreign.h"
#include "heap.h"
#include "match.h"

/* A function of the unit that was replaced at run time, by a mock for example, comes back
 * when the mock is taken off: it has to have the new code then. */
static int
match_original(rs_session *s, rs_unit *u, PyObject *originals, PyObject *donor)
{
    PyObject *qualname = RS_CODE(RS_FUNCTION(donor)->func_code)->co_qualname;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(originals); i++) {
        PyObject *func = PyList_GET_ITEM(originals, i);
        if (rs_is_definition(func, u->live, qualname) && !rs_function_is_nested(func) &&
            !rs_idmap_has(&s->claimed, func) &&
            rs_match_function(s, u, qualname, func, donor,
                              !rs_idmap_has(&s->map, donor)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The young functions that a scope binds without a counterpart where something foreign is
 * live: appended to `donors`. */
static int
collect_covered(rs_session *s, const rs_scope *scope, PyObject *donors)
{
    Py_ssize_t pos = 0;
    PyObject *name, *donor;
    while (PyDict_Next(scope->donor, &pos, &name, &donor)) {
        PyObject *live = PyDict_GetItemWithError(scope->live, name);
        if (live == NULL || live == donor || !PyFunction_Check(donor) ||
            rs_idmap_has(&s->map, donor) || !rs_idmap_has(&s->young, donor) ||
            rs_function_is_nested(donor) || !rs_is_foreign(s, scope->unit, live)) {
            continue;
        }
        if (PyList_Append(donors, donor) < 0) {
            return -1;
        }
    }
    return 0;
}

/* One walk of the heap, only if something is covered. */
static int
match_covered(rs_session *s, rs_unit *u, PyObject *donors)
{
    int result = -1;
    rs_idmap globals = {0};
    PyObject *originals = PyList_New(0);
    if (originals == NULL || rs_idmap_set(&globals, u->live, u->live) < 0 ||
        rs_heap_functions(&globals, originals) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(donors); i++) {
        if (match_original(s, u, originals, PyList_GET_ITEM(donors, i)) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    Py_XDECREF(originals);
    rs_idmap_clear(&globals);
    return result;
}

int
rs_match_originals(rs_session *s, rs_unit *u)
{
    int result = -1;
    PyObject *donors = PyList_New(0);
    rs_scope module = rs_scope_of_unit(u);
    if (donors == NULL || collect_covered(s, &module, donors) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_CLASS && s->pairs[i].unit == u) {
            rs_scope scope = rs_scope_of_class(u, s->pairs[i].live, s->pairs[i].donor);
            if (collect_covered(s, &scope, donors) < 0) {
                goto done;
            }
        }
    }
    result = PyList_GET_SIZE(donors) != 0 ? match_covered(s, u, donors) : 0;
done:
    Py_XDECREF(donors);
    return result;
}
