#include "nested.h"

#include <assert.h>

#include "census.h"
#include "codes.h"
#include "containers.h"
#include "same.h"

int
rs_nested_pair(rs_session *s)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        const rs_unit *u = &s->units[i];
        int result = u->known_code != NULL ? rs_codes_pair_known(s, u)
                                           : rs_containers_pair(s, u);
        if (result < 0) {
            return -1;
        }
    }
    rs_codes_check(s);
    return 0;
}

/* ---- copies of old code ---- */

/* The first note about code that is the same as `code`, or -1; -2 with an exception. */
static Py_ssize_t
find_copy(const rs_session *s, PyObject *code)
{
    for (Py_ssize_t i = 0; i < rs_codes_count(s); i++) {
        PyObject *old = rs_codes_at(s, i)->code;
        int relation;
        if (RS_CODE(old)->co_firstlineno != RS_CODE(code)->co_firstlineno ||
            !rs_same_text(RS_CODE(old)->co_qualname, RS_CODE(code)->co_qualname)) {
            continue;
        }
        relation = rs_same_code(old, code);
        if (relation < 0) {
            return -2;
        }
        if (relation == RS_CODE_SAME) {
            return i;
        }
    }
    return -1;
}

/* What a search for code of one qualified name in the new source finds. */
typedef struct {
    Py_ssize_t count;
    PyObject *same; /* the last that does the same; borrowed */
    Py_ssize_t n_same;
} finding;

static int
search_new(PyObject *parent, PyObject *code, finding *found)
{
    PyObject *consts = RS_CODE(parent)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *child = PyTuple_GET_ITEM(consts, i);
        if (!PyCode_Check(child)) {
            continue;
        }
        if (rs_same_text(RS_CODE(child)->co_qualname, RS_CODE(code)->co_qualname)) {
            int relation = rs_same_code(child, code);
            if (relation < 0) {
                return -1;
            }
            found->count++;
            if (relation != RS_CODE_DIFFERS) {
                found->same = child;
                found->n_same++;
            }
        }
        if (search_new(child, code, found) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Code that nothing is noted about, of a unit whose old source is not known. */
static int
note_stray(rs_session *s, const rs_unit *u, PyObject *code)
{
    finding found = {0, NULL, 0};
    if (u->known_code != NULL || u->code == NULL ||
        !rs_same_text(RS_CODE(code)->co_filename, u->filename)) {
        return 0;
    }
    if (search_new(u->code, code, &found) < 0) {
        return -1;
    }
    if (found.n_same == 1) {
        return rs_codes_pair(s, code, found.same);
    }
    return found.count > 0 && found.n_same == 0 ? rs_codes_lose(s, code) : 0;
}

/* Live functions may run other copies of old code than those that are noted: a .pyc was
 * read again, or an earlier update left alone what was the same. */
static int
note_strays(rs_session *s, const rs_census *census)
{
    for (Py_ssize_t i = 0; i < census->functions.used; i++) {
        PyObject *func = census->functions.entries[i].key;
        PyObject *code = RS_FUNCTION(func)->func_code;
        const rs_unit *u = rs_session_unit_by_live(s, RS_FUNCTION(func)->func_globals);
        Py_ssize_t number;
        if (u == NULL || rs_codes_note(s, code) != NULL ||
            rs_idmap_has(&s->young, func)) {
            continue;
        }
        number = find_copy(s, code);
        if (number < -1 || (number >= 0 && rs_codes_alias(s, code, number) < 0) ||
            (number == -1 && note_stray(s, u, code) < 0)) {
            return -1;
        }
    }
    return 0;
}

/* ---- does the new code fit? ---- */

/* One live function and what it becomes. */
typedef struct {
    PyObject *func;                 /* borrowed */
    PyObject *old_code;             /* borrowed */
    PyObject *new_code;             /* borrowed */
    PyObject *fields[RS_FN_FIELDS]; /* borrowed, but the closure */
    unsigned mask;
    PyObject *why; /* owned; why it does not fit, or NULL */
} change;

static void
set_field(change *c, rs_fn_field field, PyObject *value)
{
    c->fields[field] = value;
    c->mask |= 1U << field;
}

static int
same_parameters(const PyCodeObject *a, const PyCodeObject *b)
{
    const int stars = CO_VARARGS | CO_VARKEYWORDS;
    int count = a->co_argcount + a->co_kwonlyargcount;
    if (a->co_argcount != b->co_argcount ||
        (a->co_flags & stars) != (b->co_flags & stars) ||
        a->co_posonlyargcount != b->co_posonlyargcount ||
        a->co_kwonlyargcount != b->co_kwonlyargcount) {
        return 0;
    }
    for (int i = 0; i < count; i++) {
        if (!rs_same_text(PyTuple_GET_ITEM(a->co_localsplusnames, i),
                          PyTuple_GET_ITEM(b->co_localsplusnames, i))) {
            return 0;
        }
    }
    return 1;
}

/* The cell of the live function's closure for `name`: borrowed or NULL. */
static PyObject *
find_cell(const change *c, PyObject *name)
{
    const PyCodeObject *code = RS_CODE(c->old_code);
    PyObject *closure = RS_FUNCTION(c->func)->func_closure;
    int first = code->co_nlocalsplus - code->co_nfreevars;
    for (int i = 0; closure != NULL && i < code->co_nfreevars; i++) {
        if (rs_same_text(PyTuple_GET_ITEM(code->co_localsplusnames, first + i), name)) {
            return PyTuple_GET_ITEM(closure, i);
        }
    }
    return NULL;
}

/* 1, 0 with c->why, -1. */
static int
fit_closure(change *c)
{
    const PyCodeObject *code = RS_CODE(c->new_code);
    int first = code->co_nlocalsplus - code->co_nfreevars;
    PyObject *closure = code->co_nfreevars != 0 ? PyTuple_New(code->co_nfreevars)
                                                : NULL;
    if (closure == NULL && code->co_nfreevars != 0) {
        return -1;
    }
    for (int i = 0; i < code->co_nfreevars; i++) {
        PyObject *name = PyTuple_GET_ITEM(code->co_localsplusnames, first + i);
        PyObject *cell = find_cell(c, name);
#ifdef RS_WITHOUT_CURE_2
        if (cell == NULL) { /* the code reads behind the end of its closure */
            Py_DECREF(closure);
            return 1;
        }
#endif
        if (cell == NULL) {
            c->why = PyUnicode_FromFormat(
                "the new code needs the variable '%U', which they never captured",
                name);
            Py_DECREF(closure);
            return c->why != NULL ? 0 : -1;
        }
        PyTuple_SET_ITEM(closure, i, Py_NewRef(cell));
    }
    set_field(c, RS_FN_CLOSURE, closure);
    return 1;
}

static Py_ssize_t
size_of(PyObject *defaults)
{
    if (defaults == NULL) {
        return 0;
    }
    return PyTuple_Check(defaults) ? PyTuple_GET_SIZE(defaults) : PyDict_Size(defaults);
}

/* Default values were computed when the function was made. They stay, but where the new
 * source has constants. Returns 1 or 0. */
static int
fit_defaults(change *c, const rs_code_note *note)
{
    PyObject *live = RS_FUNCTION(c->func)->func_defaults;
    PyObject *now = note->new_defaults;
    if (note->old_defaults == NULL) {
        return 1;
    }
    if (PyLong_Check(note->new_kwdefaults) &&
        PyLong_AsSsize_t(note->new_kwdefaults) !=
            size_of(RS_FUNCTION(c->func)->func_kwdefaults)) {
        return 0;
    }
    if (PyLong_Check(now)) {
        return PyLong_AsSsize_t(now) == size_of(live);
    }
    if (PyTuple_Check(now)) {
        if (PyTuple_GET_SIZE(now) != size_of(live)) {
            return 0;
        }
        if (live != NULL && !rs_same_literal(note->old_defaults, now)) {
            set_field(c, RS_FN_DEFAULTS, now);
        }
    }
    return 1;
}

/* Both the code of functions, or both of class bodies? */
static int
same_sort(PyObject *a, PyObject *b)
{
    return ((RS_CODE(a)->co_flags ^ RS_CODE(b)->co_flags) & CO_OPTIMIZED) == 0;
}

/* 1, 0 with c->why, -1. */
static int
fit(change *c, const rs_code_note *note)
{
    if (!same_sort(c->old_code, c->new_code)) {
        c->why = PyUnicode_FromString("the new code is the body of a class");
        return c->why != NULL ? 0 : -1;
    }
    if (!same_parameters(RS_CODE(c->old_code), RS_CODE(c->new_code))) {
        c->why = PyUnicode_FromString("the new code has other parameters");
        return c->why != NULL ? 0 : -1;
    }
    if (!fit_defaults(c, note)) {
        c->why = PyUnicode_FromString("the new code has other default values");
        return c->why != NULL ? 0 : -1;
    }
    return fit_closure(c);
}

/* ---- names and doc ---- */

static int
same_text_or_none(PyObject *a, PyObject *b)
{
    a = a == Py_None ? NULL : a;
    b = b == Py_None ? NULL : b;
    return a == b || rs_same_text(a, b);
}

/* What the function still has from its old code follows; what functools.wraps or the
 * program has given it stays. 0 or -1. */
static int
follow_names(change *c, PyObject *old_fresh, PyObject *new_fresh)
{
    static const rs_fn_field names[] = {RS_FN_NAME, RS_FN_QUALNAME, RS_FN_DOC};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        PyObject *live = *rs_fn_slot(c->func, names[i]);
        PyObject *was = *rs_fn_slot(old_fresh, names[i]);
        PyObject *becomes = *rs_fn_slot(new_fresh, names[i]);
        if (live != becomes && same_text_or_none(live, was)) {
            set_field(c, names[i], becomes);
        }
    }
    return 0;
}

/* ---- planning ---- */

/* The version by which call sites know functions fresh from `new_code`, if this one will
 * be like them. */
static uint32_t
version_of(rs_session *s, const change *c)
{
    uint32_t version = RS_CODE(c->new_code)->co_version;
    return version > 1 && rs_fn_version_if_codes(c->func) != 0
               ? version
               : rs_state_new_version(s->st);
}

static int
plan_change(rs_session *s, change *c)
{
    int result = -1;
    PyObject *globals = RS_FUNCTION(c->func)->func_globals;
    /* owned; functions as the two pieces of code would make them */
    PyObject *old_fresh = PyFunction_New(c->old_code, globals);
    PyObject *new_fresh = old_fresh != NULL ? PyFunction_New(c->new_code, globals)
                                            : NULL;
    if (new_fresh != NULL) {
        follow_names(c, old_fresh, new_fresh);
        set_field(c, RS_FN_CODE, c->new_code);
        assert(size_of(c->fields[RS_FN_CLOSURE]) == RS_CODE(c->new_code)->co_nfreevars);
        result = rs_plan_function(&s->journal, c->func, c->fields, c->mask,
                                  version_of(s, c));
    }
    if (result == 0) {
        result = rs_idmap_set(&s->nested_done, c->func, c->func);
    }
    Py_XDECREF(old_fresh);
    Py_XDECREF(new_fresh);
    return result;
}

static int
keep_old(rs_code_note *note, PyObject *why)
{
    note->stay++;
    if (note->why == NULL) {
        note->why = Py_XNewRef(why);
    }
    return 0;
}

static int
plan_function(rs_session *s, PyObject *func)
{
    int fits;
    change c = {.func = func, .old_code = RS_FUNCTION(func)->func_code};
    rs_code_note *note = rs_codes_note(s, c.old_code);
    if (note == NULL || !rs_census_wanted(s, note - s->codes->notes)) {
        return 0;
    }
    if (note->fate != RS_CODE_PAIRED) {
        return keep_old(note, NULL);
    }
    c.new_code = note->new_code;
    if (!same_sort(c.old_code, c.new_code) && rs_idmap_has(&s->replaced, func)) {
        return 0; /* kinds.c redirects its holders, or tells of them */
    }
    fits = fit(&c, note);
    if (fits > 0) {
        note->updated++;
        fits = plan_change(s, &c);
    } else if (fits == 0) {
        fits = keep_old(note, c.why);
    }
    Py_XDECREF(c.fields[RS_FN_CLOSURE]);
    Py_XDECREF(c.why);
    return fits;
}

/* ---- report ---- */

/* The unit that the code belongs to, or NULL. */
static const rs_unit *
unit_of(const rs_session *s, const rs_code_note *note)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (rs_same_text(s->units[i].filename, RS_CODE(note->code)->co_filename)) {
            return &s->units[i];
        }
    }
    return NULL;
}

static int
report_updated(rs_session *s, const rs_code_note *note)
{
    const PyCodeObject *code = RS_CODE(note->new_code);
    int moved = note->relation != RS_CODE_DIFFERS && rs_codes_same_defaults(note);
    return rs_change(s, unit_of(s, note), code->co_qualname, "function",
                     moved ? "moved" : "updated", code->co_firstlineno,
                     "%zd live function%s that no definition holds", note->updated,
                     note->updated == 1 ? "" : "s");
}

static int
report_stay(rs_session *s, const rs_code_note *note)
{
    const PyCodeObject *code = RS_CODE(note->code);
    const rs_unit *u = unit_of(s, note);
    const char *plural = note->stay == 1 ? "" : "s";
    if (note->fate == RS_CODE_LOST_AMBIGUOUS && u != NULL && u->known_code == NULL) {
        return rs_notice(
            s, "RSL604", u, code->co_qualname, code->co_firstlineno,
            "%zd live function%s kept the old code: the source that it was "
            "compiled from is not known, so nothing tells what it has become",
            note->stay, plural);
    }
    if (note->fate == RS_CODE_LOST_AMBIGUOUS) {
        return rs_notice(s, "RSL604", u, code->co_qualname, code->co_firstlineno,
                         "%zd live function%s kept the old code: the new source has "
                         "several of that name, and nothing tells which one is meant",
                         note->stay, plural);
    }
    if (note->fate == RS_CODE_LOST_GONE) {
        return rs_notice(
            s, "RSL603", u, code->co_qualname, code->co_firstlineno,
            "%zd live function%s kept the old code: the new source does not "
            "define it any more",
            note->stay, plural);
    }
    return rs_notice(
        s, "RSL603", u, code->co_qualname, RS_CODE(note->new_code)->co_firstlineno,
        "%zd live function%s kept the old code: %U", note->stay, plural, note->why);
}

static int
report(rs_session *s)
{
    for (Py_ssize_t i = 0; i < rs_codes_count(s); i++) {
        const rs_code_note *note = rs_codes_at(s, i);
        if (note->updated > 0 && report_updated(s, note) < 0) {
            return -1;
        }
        if (note->stay > 0 && report_stay(s, note) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A plan may be made again. */
static void
forget_results(rs_session *s)
{
    for (Py_ssize_t i = 0; i < rs_codes_count(s); i++) {
        rs_code_note *note = rs_codes_at(s, i);
        note->updated = note->stay = 0;
        Py_CLEAR(note->why);
    }
}

int
rs_nested_plan(rs_session *s)
{
    int result = -1;
    rs_census census;
    forget_results(s);
    if (rs_census_take(s, &census) < 0 || note_strays(s, &census) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < census.functions.used; i++) {
        if (plan_function(s, census.functions.entries[i].key) < 0) {
            goto done;
        }
    }
    rs_codes_check(s);
    result = report(s);
done:
    rs_census_clear(&census);
    return result;
}
