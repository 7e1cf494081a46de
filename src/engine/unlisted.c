#include "unlisted.h"

#include <stdlib.h>

#include "heap.h"
#include "leaks.h"
#include "lookup.h"
#include "match.h"
#include "room.h"
#include "same.h"

typedef struct {
    PyObject *op;
    Py_ssize_t refs; /* from young objects; then from older ones */
    int is_second;   /* its name means another object of that type in what lives */
} counted;

typedef struct {
    counted *items;
    Py_ssize_t used, room;
} counted_list;

/* ---- which ones? ---- */

static int
by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const counted *)a)->op;
    uintptr_t y = (uintptr_t)((const counted *)b)->op;
    return (x > y) - (x < y);
}

static int
count_one(PyObject *op, void *arg)
{
    counted_list *list = arg;
    counted key = {op, 0, 0};
    counted *hit = bsearch(&key, list->items, (size_t)list->used, sizeof(key),
                           by_address);
    if (hit != NULL) {
        hit->refs++;
    }
    return 0;
}

static int
append(counted_list *list, PyObject *op, int is_second)
{
    counted *items = rs_room(list->items, list->used, &list->room, sizeof(counted));
    if (items == NULL) {
        return -1;
    }
    list->items = items;
    list->items[list->used++] = (counted){op, 0, is_second};
    return 0;
}

/* Of a namespace, beside the live one. */
static int
collect(rs_session *s, PyObject *dict, PyObject *live, counted_list *list)
{
    Py_ssize_t pos = 0;
    PyObject *name, *value;
    while (PyDict_Next(dict, &pos, &name, &value)) {
        PyObject *kept;
        if (rs_idmap_has(&s->young, value) || rs_is_atom(value) ||
            PyType_Check(value) || !PyUnicode_CheckExact(name)) {
            continue;
        }
        kept = PyDict_GetItemWithError(live, name);
        if (append(list, value,
                   kept != NULL && kept != value && !PyObject_IS_GC(value) &&
                       Py_TYPE(kept) == Py_TYPE(value)) < 0) {
            return -1;
        }
    }
    return 0;
}

static void
drop_doubles(counted_list *list)
{
    Py_ssize_t kept = 0;
    if (list->used == 0) {
        return; /* there is no array */
    }
    qsort(list->items, (size_t)list->used, sizeof(counted), by_address);
    for (Py_ssize_t i = 0; i < list->used; i++) {
        if (kept == 0 || list->items[kept - 1].op != list->items[i].op) {
            list->items[kept++] = list->items[i];
        } else {
            list->items[kept - 1].is_second &= list->items[i].is_second;
        }
    }
    list->used = kept;
}

static int
collect_all(rs_session *s, counted_list *list)
{
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        if (collect(s, s->units[i].scratch, s->units[i].live, list) < 0) {
            return -1;
        }
    }
    for (Py_ssize_t i = 0; i < s->n_pairs; i++) {
        const rs_pair *pair = &s->pairs[i];
        if (pair->kind == RS_PAIR_CLASS &&
            collect(s, rs_class_dict(RS_TYPE(pair->donor)),
                    rs_class_dict(RS_TYPE(pair->live)), list) < 0) {
            return -1;
        }
    }
    drop_doubles(list);
    return 0;
}

/* ---- who refers to them? ---- */

/* If only young objects do, they are young as well. The others stay in the list. */
static int
add_explained(rs_session *s, counted_list *list)
{
    Py_ssize_t pos = 0, left = 0;
    PyObject *op;
    while (rs_idmap_next(&s->young, &pos, &op, NULL)) {
        if (Py_TYPE(op)->tp_traverse != NULL) {
            Py_TYPE(op)->tp_traverse(op, count_one, list);
        }
    }
    for (Py_ssize_t i = 0; i < list->used; i++) {
        const counted item = list->items[i];
        if (item.refs != Py_REFCNT(item.op)) {
            list->items[left++] = item;
        } else if (rs_idmap_set(&s->young, item.op, item.op) < 0) {
            return -1;
        }
    }
    list->used = left;
    return 0;
}

typedef struct {
    const rs_session *s;
    rs_idmap interval;
    counted_list *list;
} older_arg;

static int
visit_new(PyObject *op, void *arg)
{
    return rs_idmap_set(arg, op, op) < 0 ? -1 : 1;
}

static int
visit_older(PyObject *op, void *arg)
{
    older_arg *older = arg;
    if (Py_TYPE(op)->tp_traverse != NULL && !rs_idmap_has(&older->interval, op) &&
        !rs_idmap_has(&older->s->young, op)) {
        Py_TYPE(op)->tp_traverse(op, count_one, older->list);
    }
    return 1;
}

/* Something else does: C code, running code, what the bodies have put it into. Where
 * nothing else had it before, it was made a second time; else it may come from there. */
static int
add_second(rs_session *s, counted_list *list)
{
    older_arg older = {s, {0}, list};
    Py_ssize_t left = 0;
    int result = -1;
    for (Py_ssize_t i = 0; i < list->used; i++) {
        if (list->items[i].is_second) {
            list->items[left++] = (counted){list->items[i].op, 0, 1};
        }
    }
    list->used = left;
    if (left == 0) {
        return 0;
    }
    if (rs_heap_interval(s, visit_new, &older.interval) < 0 ||
        rs_heap_walk(visit_older, &older) < 0 ||
        rs_heap_walk_untracked(visit_older, &older) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < list->used; i++) {
        PyObject *op = list->items[i].op;
        if (list->items[i].refs <= rs_leaks_stored(s, op) &&
            rs_idmap_set(&s->young, op, op) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    rs_idmap_clear(&older.interval);
    return result;
}

int
rs_unlisted_add(rs_session *s)
{
    counted_list list = {NULL, 0, 0};
    int result = collect_all(s, &list);
    if (result == 0 && list.used != 0) {
        result = add_explained(s, &list) < 0 ? -1 : add_second(s, &list);
    }
    PyMem_Free(list.items);
    return result;
}
