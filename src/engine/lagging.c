#include "lagging.h"

#include "codes.h"
#include "stacks.h"

typedef struct {
    const rs_idmap *old_codes;
    PyObject *groups; /* dict: (module, qualname) -> [count, [places]] */
    rs_idmap frames;  /* that were counted */
} search;

/* New list [count, [places]] of the function, or borrowed from the dict. */
static PyObject *
group_of(search *all, PyObject *label)
{
    PyObject *group = PyDict_GetItemWithError(all->groups, label);
    if (group != NULL || PyErr_Occurred()) {
        return group;
    }
    group = Py_BuildValue("[i[]]", 0);
    if (group != NULL) {
        int result = PyDict_SetItem(all->groups, label, group);
        Py_DECREF(group); /* the dict has it */
        if (result < 0) {
            return NULL;
        }
    }
    return group;
}

static int
add_place(PyObject *group, PyFrameObject *frame, PyCodeObject *code)
{
    PyObject *places = PyList_GET_ITEM(group, 1);
    PyObject *count, *place;
    int known;
    count = PyLong_FromLong(PyLong_AsLong(PyList_GET_ITEM(group, 0)) + 1);
    if (count == NULL || PyList_SetItem(group, 0, count) < 0) {
        return -1;
    }
    place = PyUnicode_FromFormat("%U:%d", code->co_filename,
                                 PyFrame_GetLineNumber(frame));
    if (place == NULL) {
        return -1;
    }
    known = PySequence_Contains(places, place);
    if (known == 0) {
        known = PyList_Append(places, place);
    }
    Py_DECREF(place);
    return known < 0 ? -1 : 0;
}

static int
count_frame(PyFrameObject *frame, void *arg)
{
    search *all = arg;
    int result = 0;
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *label = rs_idmap_get(all->old_codes, code);
    if (label != NULL && !rs_idmap_has(&all->frames, frame)) {
        PyObject *group = group_of(all, label);
        result = group != NULL ? add_place(group, frame, code) : -1;
        if (result == 0) {
            result = rs_idmap_set(&all->frames, (PyObject *)frame, (PyObject *)frame);
        }
    }
    Py_DECREF(code);
    return result;
}

static int
count_suspended(search *all)
{
    int result = 0;
    PyObject *generators = rs_stacks_generators(NULL);
    if (generators == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; result >= 0 && i < PyList_GET_SIZE(generators); i++) {
        PyFrameObject *frame;
        result = rs_generator_frame(PyList_GET_ITEM(generators, i), &frame);
        if (result == 1) {
            result = count_frame(frame, all);
            Py_DECREF(frame);
        }
    }
    Py_DECREF(generators);
    return result;
}

/* Adds `code` and what is nested in it to `trees`. */
static int
add_tree(rs_idmap *trees, PyObject *code)
{
    PyObject *constants = RS_CODE(code)->co_consts;
    if (rs_idmap_has(trees, code)) {
        return 0;
    }
    if (rs_idmap_set(trees, code, code) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i);
        if (PyCode_Check(constant) && add_tree(trees, constant) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
collect_trees(rs_session *s, const rs_idmap *old_codes, rs_idmap *trees)
{
    Py_ssize_t pos = 0;
    PyObject *code;
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (s->units[i].known_code != NULL &&
            add_tree(trees, s->units[i].known_code) < 0) {
            return -1;
        }
    }
    while (rs_idmap_next(old_codes, &pos, &code, NULL)) {
        if (add_tree(trees, code) < 0) {
            return -1;
        }
    }
    return 0;
}

static Py_ssize_t
count_in_constants(const rs_idmap *trees, const PyObject *target)
{
    Py_ssize_t pos = 0, count = 0;
    PyObject *code;
    while (rs_idmap_next(trees, &pos, &code, NULL)) {
        PyObject *constants = RS_CODE(code)->co_consts;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
            count += PyTuple_GET_ITEM(constants, i) == target;
        }
    }
    return count;
}

static Py_ssize_t
count_in_frames(const search *all, const PyObject *target)
{
    Py_ssize_t pos = 0, count = 0;
    PyObject *frame;
    while (rs_idmap_next(&all->frames, &pos, &frame, NULL)) {
        PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)frame);
        count += (PyObject *)code == target;
        Py_DECREF(code);
    }
    return count;
}

/* 1 if a suspended frame may run one of the old codes, 0 if all references to those that
 * can be suspended are explained, -1. */
static int
may_be_suspended(rs_session *s, const search *all)
{
    const int kinds = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;
    rs_idmap trees = {0};
    Py_ssize_t pos = 0;
    PyObject *code;
    int result = collect_trees(s, all->old_codes, &trees);
    while (result == 0 && rs_idmap_next(all->old_codes, &pos, &code, NULL)) {
        Py_ssize_t explained;
        if ((RS_CODE(code)->co_flags & kinds) == 0) {
            continue;
        }
        explained = 2; /* keys of old_codes and of `trees`; its values below */
        explained += rs_idmap_has(&trees, code);
        explained += rs_idmap_has(&s->old_codes, code);
        explained += 2 * (rs_codes_note(s, code) != NULL);
        explained += rs_session_holds(s, code);
        explained += count_in_constants(&trees, code);
        explained += count_in_frames(all, code);
        result = Py_REFCNT(code) > explained;
    }
    rs_idmap_clear(&trees);
    return result;
}

static int
report(rs_session *s, PyObject *groups)
{
    PyObject *label, *group;
    Py_ssize_t pos = 0;
    while (PyDict_Next(groups, &pos, &label, &group)) {
        PyObject *places = PyList_AsTuple(PyList_GET_ITEM(group, 1));
        PyObject *record = places != NULL
                               ? PyStructSequence_New(RS_TYPE(s->st->Lagging))
                               : NULL;
        int result;
        if (record == NULL) {
            Py_XDECREF(places);
            return -1;
        }
        PyStructSequence_SetItem(record, 0, Py_NewRef(PyTuple_GET_ITEM(label, 0)));
        PyStructSequence_SetItem(record, 1, Py_NewRef(PyTuple_GET_ITEM(label, 1)));
        PyStructSequence_SetItem(record, 2, Py_NewRef(PyList_GET_ITEM(group, 0)));
        PyStructSequence_SetItem(record, 3, places);
        result = PyList_Append(s->lagging, record);
        Py_DECREF(record);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_frames_lagging(rs_session *s, const rs_idmap *old_codes)
{
    search all = {old_codes, PyDict_New(), {0}};
    int result = all.groups != NULL ? rs_stacks_running(count_frame, &all) : -1;
    if (result == 0) {
        result = may_be_suspended(s, &all);
        if (result == 1) {
            result = count_suspended(&all);
        }
    }
    if (result == 0) {
        result = report(s, all.groups);
    }
    rs_idmap_clear(&all.frames);
    Py_XDECREF(all.groups);
    return result;
}
