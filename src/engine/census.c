#include "census.h"

#include "codes.h"
#include "heap.h"
#include "history.h"
#include "hotfix.h"
#include "known.h"
#include "leaks.h"
#include "redirect.h"
#include "same.h"
#include "stacks.h"

/* So many objects are looked at near the units before the heap is walked instead. */
#define NEAR_LIMIT 20000

/* ---- what is wanted ---- */

/* Class bodies, comprehensions and generator expressions run once and are gone. */
static int
is_lasting(PyObject *code)
{
    PyObject *name = RS_CODE(code)->co_name;
    return (RS_CODE(code)->co_flags & CO_OPTIMIZED) != 0 &&
           (PyUnicode_GET_LENGTH(name) == 0 || PyUnicode_READ_CHAR(name, 0) != '<' ||
            rs_text_equals(name, "<lambda>"));
}

int
rs_census_wanted(const rs_session *s, Py_ssize_t number)
{
    const rs_code_note *note = rs_codes_at(s, number);
    if (!is_lasting(note->code)) {
        return 0;
    }
    switch (note->fate) {
    case RS_CODE_LOST_GONE: /* of modules and classes: reported as a name that stays */
        return note->inner;
    case RS_CODE_LOST_AMBIGUOUS:
        return 1;
    case RS_CODE_PAIRED:
        break;
    }
    return note->relation != RS_CODE_SAME || !rs_codes_same_defaults(note);
}

/* Is there a unit whose old source is not known, so that notes can't be complete? A hotfix
 * has no new source of a unit: the functions that it replaces are all. */
static int
any_unknown(const rs_session *s)
{
    for (Py_ssize_t i = 0; s->hot == NULL && i < s->n_units; i++) {
        if (s->units[i].known_code == NULL) {
            return 1;
        }
    }
    return 0;
}

/* ---- functions nearby ---- */

typedef struct {
    const rs_session *s;
    rs_idmap seen; /* in the order in which they are visited */
    PyObject *parent;
} near_search;

/* A class of one of the units; others lead far away. */
static int
is_own_class(const rs_session *s, PyObject *op)
{
    PyTypeObject *type = RS_TYPE(op);
    PyObject *name;
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || type->tp_dict == NULL) {
        return 0;
    }
    name = PyDict_GetItemWithError(type->tp_dict, s->st->names.__module__);
    return name != NULL && rs_session_unit_by_name(s, name) != NULL;
}

static int
visit_near(PyObject *op, void *arg)
{
    near_search *near = arg;
    PyObject *parent = near->parent;
    if (!PyObject_IS_GC(op) || PyModule_Check(op) || PyFrame_Check(op) ||
        rs_idmap_has(&near->seen, op)) {
        return 0;
    }
    if (PyFunction_Check(parent) && (op == RS_FUNCTION(parent)->func_globals ||
                                     op == RS_FUNCTION(parent)->func_builtins)) {
        return 0;
    }
    if (PyType_Check(op) && !is_own_class(near->s, op)) {
        return 0;
    }
    return near->seen.used < NEAR_LIMIT ? rs_idmap_set(&near->seen, op, op) : 0;
}

static int
add_function(rs_census *census, PyObject *op)
{
    return PyFunction_Check(op) && !rs_idmap_has(&census->paired, op)
               ? rs_idmap_set(&census->functions, op, op)
               : 0;
}

static int
search_near(rs_session *s, rs_census *census)
{
    int result = -1;
    Py_ssize_t pos = 0;
    near_search near = {.s = s};
    PyObject *op;

    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (rs_idmap_set(&near.seen, s->units[i].live, s->units[i].live) < 0) {
            goto done;
        }
    }
    while (rs_idmap_next(&near.seen, &pos, &op, NULL)) {
        traverseproc traverse = Py_TYPE(op)->tp_traverse;
        near.parent = op;
        if (add_function(census, op) < 0) {
            goto done;
        }
        if (traverse != NULL && traverse(op, visit_near, &near) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    rs_idmap_clear(&near.seen);
    return result;
}

/* Functions that the update made refer to the live dicts by now. */
static int
add_young(rs_session *s, rs_census *census)
{
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(&s->young, &pos, &op, NULL)) {
        if (add_function(census, op) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- are all references explained? ---- */

static Py_ssize_t
count_values(const rs_idmap *map, PyObject *value)
{
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < map->used; i++) {
        count += map->entries[i].value == value;
    }
    return count;
}

static Py_ssize_t
count_globals(const rs_idmap *functions, PyObject *globals)
{
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < functions->used; i++) {
        count += RS_FUNCTION(functions->entries[i].key)->func_globals == globals;
    }
    return count;
}

typedef struct {
    const PyObject *op;
    Py_ssize_t *count;
} held_count;

static int
count_reference(PyObject *op, void *arg)
{
    const held_count *held = arg;
    *held->count += op == held->op;
    return 0;
}

/* References to a unit's dict beyond the module's, the unit's, the watch for leaks', the
 * hotfix's, and known functions'. */
static Py_ssize_t
unexplained_of_dict(const rs_session *s, const rs_census *census, PyObject *dict)
{
    Py_ssize_t refs = Py_REFCNT(dict) - 2, recorded = 0;
    held_count held = {dict, &recorded};
    rs_hot_visit(s, count_reference, &held);
    rs_leaks_visit_held(s, count_reference, &held);
    for (Py_ssize_t i = 0; s->hot != NULL && i < s->n_units; i++) {
        recorded += s->units[i].scratch == dict; /* inside= */
    }
    refs -= recorded;
    refs -= count_values(&s->map, dict) + rs_journal_holds(&s->journal, dict);
    refs -= rs_leaks_holds(s, dict) + rs_history_holds(s->st, dict);
    refs -= count_globals(&census->paired, dict);
    return refs - count_globals(&census->functions, dict);
}

/* References to old code, functions left out. */
static Py_ssize_t
references(const rs_session *s, const rs_code_note *note)
{
    Py_ssize_t refs;
    Py_ssize_t kept = rs_history_holds(s->st, note->code);
    if (!note->inner) {
        return note->refs - note->parents - kept;
    }
    /* functions may have been made since it was noted; the index holds it twice */
    refs = Py_REFCNT(note->code) - 2 - (note->new_code != NULL) - kept;
    if (note->matched) {
        refs -= rs_journal_holds(&s->journal, note->code);
    }
    return refs - note->parents;
}

static void
subtract(const rs_session *s, Py_ssize_t *left, PyObject *code)
{
    Py_ssize_t number = rs_codes_find(s, code);
    if (number >= 0) {
        left[number]--;
    }
}

/* What the known source of a module refers to, beside u->known_code (known.h). */
static void
subtract_constants(const rs_session *s, Py_ssize_t *left, PyObject *constants)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *code = PyTuple_GET_ITEM(constants, i);
        if (!PyCode_Check(code)) {
            continue;
        }
        subtract(s, left, code);
        if ((RS_CODE(code)->co_flags & CO_OPTIMIZED) == 0) {
            subtract_constants(s, left, RS_CODE(code)->co_consts);
        }
    }
}

typedef struct {
    const rs_session *s;
    Py_ssize_t *left;
} subtract_arg;

static int
subtract_tuple(PyObject *tuple, void *arg)
{
    const subtract_arg *a = arg;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (PyCode_Check(PyTuple_GET_ITEM(tuple, i))) {
            subtract(a->s, a->left, PyTuple_GET_ITEM(tuple, i));
        }
    }
    return 0;
}

/* Class bodies of what lives: they were counted. */
static int
collect_bodies(rs_idmap *seen, PyObject *constants)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *code = PyTuple_GET_ITEM(constants, i);
        if (PyCode_Check(code) && (RS_CODE(code)->co_flags & CO_OPTIMIZED) == 0 &&
            (rs_idmap_set(seen, code, code) < 0 ||
             collect_bodies(seen, RS_CODE(code)->co_consts) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* What it was before the updates that can be undone. Without memory for that nothing is
 * subtracted: the heap is walked. */
static void
subtract_history(const rs_session *s, Py_ssize_t *left, const rs_unit *u,
                 PyObject *const lists[2])
{
    rs_idmap seen = {0};
    subtract_arg arg = {s, left};
    int result = u->known_code != NULL
                     ? collect_bodies(&seen, RS_CODE(u->known_code)->co_consts)
                     : 0;
    for (int k = 0; result == 0 && k < 2; k++) {
        result = lists[k] != NULL ? collect_bodies(&seen, lists[k]) : 0;
    }
    if (result == 0) {
        result = rs_history_known(s->st, u->name, &seen, subtract_tuple, &arg);
    }
    if (result < 0) {
        PyErr_Clear();
    }
    rs_idmap_clear(&seen);
}

static void
subtract_known(const rs_session *s, Py_ssize_t *left)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        PyObject *lists[2];
        if (!s->units[i].parts && s->hot == NULL) {
            continue;
        }
        rs_known_holders(s->st, &s->units[i], lists);
        for (int k = 0; k < 2; k++) {
            if (lists[k] != NULL) {
                subtract_constants(s, left, lists[k]);
            }
        }
        subtract_history(s, left, &s->units[i], lists);
    }
}

static void
subtract_functions(const rs_session *s, Py_ssize_t *left, const rs_idmap *functions)
{
    for (Py_ssize_t i = 0; i < functions->used; i++) {
        subtract(s, left, RS_FUNCTION(functions->entries[i].key)->func_code);
    }
}

static int
subtract_frame(PyFrameObject *frame, void *arg)
{
    const subtract_arg *a = arg;
    PyCodeObject *code = PyFrame_GetCode(frame);
    subtract(a->s, a->left, (PyObject *)code);
    Py_DECREF(code);
    return 0;
}

/* What nobody is known for yet: functions that are found explain it. */
typedef struct {
    Py_ssize_t *codes; /* for each note: references by unknown functions */
    Py_ssize_t *dicts; /* the same for each unit's dict */
    Py_ssize_t open;   /* how many of these numbers are above 0 */
} unexplained;

static int
unexplained_open(const rs_session *s, unexplained *left)
{
    left->open = 0;
    left->codes = PyMem_Calloc((size_t)rs_codes_count(s) + 1, sizeof(Py_ssize_t));
    left->dicts = PyMem_Calloc((size_t)s->n_units + 1, sizeof(Py_ssize_t));
    if (left->codes == NULL || left->dicts == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static void
unexplained_close(unexplained *left)
{
    PyMem_Free(left->codes);
    PyMem_Free(left->dicts);
}

static Py_ssize_t
count_open(const rs_session *s, const Py_ssize_t *codes)
{
    Py_ssize_t open = 0;
    for (Py_ssize_t i = 0; i < rs_codes_count(s); i++) {
        open += codes[i] > 0;
    }
    return open;
}

/* Code in which something changed may be run by functions that are not known yet. */
static int
count_codes(const rs_session *s, const rs_census *census, unexplained *left)
{
    subtract_arg arg = {s, left->codes};
    for (Py_ssize_t i = 0; i < rs_codes_count(s); i++) {
        left->codes[i] = rs_census_wanted(s, i) ? references(s, rs_codes_at(s, i)) : 0;
    }
    subtract_known(s, left->codes);
    subtract_functions(s, left->codes, &census->paired);
    subtract_functions(s, left->codes, &census->functions);
    if (count_open(s, left->codes) > 0 && rs_stacks_running(subtract_frame, &arg) < 0) {
        return -1;
    }
    left->open += count_open(s, left->codes);
    return 0;
}

/* The same for code that is no note's but equal to one's: it came out of another run of
 * the compiler, and functions that run it refer to the unit's dict. */
static void
count_dicts(const rs_session *s, const rs_census *census, unexplained *left)
{
    int deep = any_unknown(s);
    for (Py_ssize_t i = 0; !deep && i < rs_codes_count(s); i++) {
        const rs_code_note *note = rs_codes_at(s, i);
        deep = (note->inner || !note->matched) && rs_census_wanted(s, i);
    }
    for (Py_ssize_t i = 0; deep && i < s->n_units; i++) {
        left->dicts[i] = unexplained_of_dict(s, census, s->units[i].live);
        left->open += left->dicts[i] > 0;
    }
}

/* ---- the walk ---- */

typedef struct {
    rs_session *s;
    rs_census *census;
    unexplained *left;
} walk_arg;

static void
explain(unexplained *left, Py_ssize_t *number)
{
    if (--*number == 0) {
        left->open--;
    }
}

/* All functions of the units and of wanted code, until there can be no more of them. */
static int
visit_function(PyObject *op, void *arg)
{
    walk_arg *w = arg;
    rs_unit *u;
    Py_ssize_t note;
    if (!PyFunction_Check(op) || rs_idmap_has(&w->census->paired, op) ||
        rs_idmap_has(&w->census->functions, op)) {
        return 1;
    }
    u = rs_session_unit_by_live(w->s, RS_FUNCTION(op)->func_globals);
    note = rs_codes_find(w->s, RS_FUNCTION(op)->func_code);
    if (note >= 0 && !rs_census_wanted(w->s, note)) {
        note = -1;
    }
    if (u == NULL && note < 0) {
        return 1;
    }
    if (add_function(w->census, op) < 0) {
        return -1;
    }
    if (u != NULL) {
        explain(w->left, &w->left->dicts[u - w->s->units]);
    }
    if (note >= 0) {
        explain(w->left, &w->left->codes[note]);
    }
    return w->left->open > 0;
}

static int
any_wanted(const rs_session *s)
{
    for (Py_ssize_t i = 0; i < rs_codes_count(s); i++) {
        if (rs_census_wanted(s, i)) {
            return 1;
        }
    }
    return 0;
}

int
rs_census_take(rs_session *s, rs_census *census)
{
    int result = -1;
    unexplained left = {NULL, NULL, 0};
    walk_arg w = {s, census, &left};
    *census = (rs_census){0};
    if (!any_wanted(s) && !any_unknown(s)) {
        return 0;
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        PyObject *live = s->pairs[i].live;
        if (PyFunction_Check(live) && rs_idmap_set(&census->paired, live, live) < 0) {
            return -1;
        }
    }
    if (s->hot != NULL) {
        Py_ssize_t pos = 0;
        PyObject *copy;
        while (rs_idmap_next(&s->hot->originals, &pos, NULL, &copy)) {
            if (PyFunction_Check(copy) &&
                rs_idmap_set(&census->paired, copy, copy) < 0) {
                return -1;
            }
        }
    }
    if (rs_leftovers_add(s, &census->paired) < 0 || search_near(s, census) < 0 ||
        add_young(s, census) < 0) {
        return -1;
    }
    if (unexplained_open(s, &left) == 0) {
        left.open = s->overtaken; /* no number is final: all have to be found */
        result = count_codes(s, census, &left);
        count_dicts(s, census, &left);
        if (result == 0 && left.open > 0) {
            result = rs_heap_walk(visit_function, &w);
        }
    }
    unexplained_close(&left);
    return result;
}

void
rs_census_clear(rs_census *census)
{
    rs_idmap_clear(&census->paired);
    rs_idmap_clear(&census->functions);
}
