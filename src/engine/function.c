#include "function.h"

#include "lines.h"
#include "same.h"
#include "superseded.h"

PyObject *
rs_unit_builtins(const rs_session *s, const rs_unit *u)
{
    PyObject *builtins = PyDict_GetItemWithError(u->live, s->st->names.__builtins__);
    if (builtins != NULL && PyModule_Check(builtins)) {
        builtins = PyModule_GetDict(builtins);
    }
    if (builtins == NULL || !PyDict_Check(builtins)) {
        builtins = PyEval_GetBuiltins();
    }
    return builtins;
}

/* The namespace that a donor's code will see: borrowed. */
static PyObject *
live_globals(const rs_session *s, PyObject *donor)
{
    const rs_unit *u = rs_session_unit_by_scratch(s, RS_FUNCTION(donor)->func_globals);
    return u != NULL ? u->live : RS_FUNCTION(donor)->func_globals;
}

static PyObject *
live_builtins(const rs_session *s, PyObject *donor)
{
    const rs_unit *u;
    if (RS_FUNCTION(donor)->func_builtins != s->builtins) {
        return RS_FUNCTION(donor)->func_builtins;
    }
    u = rs_session_unit_by_scratch(s, RS_FUNCTION(donor)->func_globals);
    return u != NULL ? rs_unit_builtins(s, u) : PyEval_GetBuiltins();
}

/* ---- function attributes ---- */

/* What the new source set goes into the live function's own dict (F2). */
static int
plan_attributes(rs_session *s, PyObject *live, PyObject *donor)
{
    PyObject *dict = RS_FUNCTION(live)->func_dict;
    PyObject *new_dict = RS_FUNCTION(donor)->func_dict;
    PyObject *wrapped = s->st->names.__wrapped__;
    PyObject *key, *value;
    Py_ssize_t pos = 0;
    while (new_dict != NULL && PyDict_Next(new_dict, &pos, &key, &value)) {
        PyObject *now = PyDict_GetItemWithError(dict, key);
        PyObject *then = rs_session_live(s, value);
        if (now != then && !(now != NULL && rs_same_literal(now, then)) &&
            rs_plan_dict(&s->journal, dict, key, then) < 0) {
            return -1;
        }
    }
    /* no decorator any more: inspect.signature() would follow the stale link */
    if (PyDict_GetItemWithError(dict, wrapped) != NULL &&
        (new_dict == NULL || PyDict_GetItemWithError(new_dict, wrapped) == NULL)) {
        return rs_plan_dict(&s->journal, dict, wrapped, NULL);
    }
    return 0;
}

/* ---- one function ---- */

static int
same_defaults(const rs_session *s, PyObject *a, PyObject *b)
{
    if (a == b) {
        return 1;
    }
    if (a == NULL || b == NULL || Py_TYPE(a) != Py_TYPE(b)) {
        return 0;
    }
    if (PyTuple_CheckExact(a) && PyTuple_GET_SIZE(a) == PyTuple_GET_SIZE(b)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); i++) {
            PyObject *x = PyTuple_GET_ITEM(a, i), *y = PyTuple_GET_ITEM(b, i);
            if (rs_session_live(s, y) != x && !rs_same_literal(x, y)) {
                return 0;
            }
        }
        return 1;
    }
    return rs_same_literal(a, b);
}

/* Of functions that have the same code: do they mean the same by their free variables? */
static int
same_captured(const rs_session *s, PyFunctionObject *live, PyFunctionObject *donor)
{
    PyObject *a = live->func_closure, *b = donor->func_closure;
    PyCodeObject *code = RS_CODE(donor->func_code);
    int first = code->co_nlocalsplus - code->co_nfreevars;
    Py_ssize_t n = a != NULL ? PyTuple_GET_SIZE(a) : 0;
    if (n != (b != NULL ? PyTuple_GET_SIZE(b) : 0)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *x = PyCell_GET(PyTuple_GET_ITEM(a, i));
        PyObject *y = PyCell_GET(PyTuple_GET_ITEM(b, i));
        if (rs_text_equals(PyTuple_GET_ITEM(code->co_localsplusnames, first + i),
                           "__classdict__")) {
            continue; /* the namespace of the class, each time another dict */
        }
        if (x == NULL || y == NULL) {
            if (x != y) {
                return 0;
            }
        } else if (rs_session_live(s, y) != x && !rs_same_literal(x, y)) {
            return 0;
        }
    }
    return 1;
}

static int
report_function(rs_session *s, const rs_pair *pair)
{
    PyFunctionObject *live = RS_FUNCTION(pair->live), *donor = RS_FUNCTION(pair->donor);
    int line = rs_line_of_function(pair->unit, pair->qualname, pair->donor);
    int relation = rs_same_code(live->func_code, donor->func_code);
    int told = relation < 0 ? -1 : rs_superseded_report(s, pair, line);
    if (told != 0) {
        return told < 0 ? -1 : 0;
    }
    if (relation == RS_CODE_DIFFERS) {
        return rs_change(s, pair->unit, pair->qualname, "function", "updated", line,
                         NULL);
    }
    if (!same_defaults(s, live->func_defaults, donor->func_defaults) ||
        !same_defaults(s, live->func_kwdefaults, donor->func_kwdefaults)) {
        return rs_change(s, pair->unit, pair->qualname, "function", "updated", line,
                         "default values");
    }
    if (!same_captured(s, live, donor)) {
        return rs_change(s, pair->unit, pair->qualname, "function", "updated", line,
                         "captured variables");
    }
    if (s->hot != NULL && live->func_globals != donor->func_globals) {
        return rs_change(s, pair->unit, pair->qualname, "function", "updated", line,
                         "names of the hotfix");
    }
    if (relation == RS_CODE_MOVED) {
        return rs_change(s, pair->unit, pair->qualname, "function", "moved", line,
                         NULL);
    }
    return 0;
}

static int
plan_function(rs_session *s, const rs_pair *pair)
{
    PyObject *live = pair->live, *donor = pair->donor;
    PyObject *fields[RS_FN_FIELDS];
    unsigned mask = (1U << RS_FN_FIELDS) - 1;
    uint32_t version = rs_fn_version_if_codes(donor);

    for (int i = 0; i < RS_FN_FIELDS; i++) {
        fields[i] = *rs_fn_slot(donor, i);
    }
    if (s->hot != NULL) { /* rule 14 */
        mask &= ~(1U << RS_FN_NAME | 1U << RS_FN_QUALNAME | 1U << RS_FN_MODULE);
    }
    fields[RS_FN_GLOBALS] = live_globals(s, donor);
    fields[RS_FN_BUILTINS] = live_builtins(s, donor);
    if (RS_FUNCTION(live)->func_dict != NULL) {
        mask &= ~(1U << RS_FN_DICT);
        if (plan_attributes(s, live, donor) < 0) {
            return -1;
        }
    }
    if (version == 0) {
        version = rs_state_new_version(s->st);
    }
    if (rs_plan_function(&s->journal, live, fields, mask, version) < 0) {
        return -1;
    }
#ifdef RS_WITHOUT_CURE_24 /* exchanged, not copied: whoever holds the donor runs old code */
    for (int i = 0; i < RS_FN_FIELDS; i++) {
        fields[i] = *rs_fn_slot(live, i);
    }
    if (rs_plan_function(&s->journal, donor, fields, mask, 0) < 0) {
        return -1;
    }
#endif
    return report_function(s, pair);
}

int
rs_function_plan(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        if (s->pairs[i].kind == RS_PAIR_FUNCTION &&
            plan_function(s, &s->pairs[i]) < 0) {
            return -1;
        }
    }
    return 0;
}
