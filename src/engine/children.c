#include "children.h"

#include "roles.h"
#include "same.h"

/* ---- collecting ---- */

static Py_ssize_t
count_children(PyObject *code)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *child = PyTuple_GET_ITEM(consts, i);
        if (PyCode_Check(child)) {
            count += rs_is_type_scope(child) ? count_children(child) : 1;
        }
    }
    return count;
}

static void
collect(PyObject *code, rs_children *children)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *child = PyTuple_GET_ITEM(consts, i);
        if (!PyCode_Check(child)) {
            continue;
        }
        if (rs_is_type_scope(child)) {
            collect(child, children);
        } else {
            children->at[children->count++] = (rs_child){child, -1, -1, 0};
        }
    }
}

/* From 3.14 on compilers make the code for annotations, all of one name, right before the
 * function's own. What a program calls so stands before the next function. */
static int
annotates_next(const rs_children *children, Py_ssize_t i)
{
    PyCodeObject *code = RS_CODE(children->at[i].code);
    return i + 1 < children->count && rs_text_equals(code->co_name, "__annotate__") &&
           code->co_firstlineno >= RS_CODE(children->at[i + 1].code)->co_firstlineno;
}

int
rs_children_of(PyObject *code, rs_children *children)
{
    Py_ssize_t count = count_children(code);
    children->count = 0;
    children->at = PyMem_Calloc((size_t)count + 1, sizeof(rs_child));
    if (children->at == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    collect(code, children);
    for (Py_ssize_t i = 0; i < children->count; i++) {
        if (annotates_next(children, i)) {
            children->at[i].owner = i + 1;
        }
    }
    return 0;
}

/* ---- matching ---- */

/* Not for what has an owner: its name says nothing (K2). */
static int
same_name(const rs_child *a, const rs_child *b)
{
    return a->owner < 0 && b->owner < 0 &&
           rs_same_text(RS_CODE(a->code)->co_name, RS_CODE(b->code)->co_name);
}

static void
marry(rs_children *olds, Py_ssize_t i, rs_children *news, Py_ssize_t k)
{
    olds->at[i].partner = k;
    news->at[k].partner = i;
}

/* How many of `list` have no partner and the name of `like`. */
static Py_ssize_t
free_of_name(const rs_children *list, const rs_child *like)
{
    Py_ssize_t count = 0;
    for (Py_ssize_t i = 0; i < list->count; i++) {
        count += list->at[i].partner < 0 && same_name(&list->at[i], like);
    }
    return count;
}

int
rs_children_share_names(const rs_children *olds, const rs_children *news)
{
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        const rs_child *old = &olds->at[i];
        if (old->partner < 0 &&
            (free_of_name(olds, old) > 1 || free_of_name(news, old) > 1)) {
            return 1;
        }
    }
    return 0;
}

static void
match_single_names(rs_children *olds, rs_children *news)
{
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        const rs_child *old = &olds->at[i];
        if (old->partner >= 0 || free_of_name(olds, old) != 1 ||
            free_of_name(news, old) != 1) {
            continue;
        }
        for (Py_ssize_t k = 0; k < news->count; k++) {
            if (news->at[k].partner < 0 && same_name(old, &news->at[k])) {
                marry(olds, i, news, k);
                break;
            }
        }
    }
}

/* By what two children of one name are told to be the same. */
typedef enum { BY_USE, BY_USE_AND_ANNOTATION, BY_CODE } likeness;

typedef struct {
    likeness by;
    PyObject *old_roles, *new_roles;
} matcher;

static int
same_role(const matcher *m, PyObject *a, PyObject *roles_a, PyObject *b,
          PyObject *roles_b)
{
    PyObject *use_a = rs_role_get(roles_a, a, RS_ROLE_USE);
    PyObject *use_b = rs_role_get(roles_b, b, RS_ROLE_USE);
    if (use_a == Py_None || use_b == Py_None || !rs_same_literal(use_a, use_b)) {
        return 0;
    }
    return m->by == BY_USE ||
           rs_same_literal(rs_role_get(roles_a, a, RS_ROLE_ANNOTATION),
                           rs_role_get(roles_b, b, RS_ROLE_ANNOTATION));
}

/* 1, 0, -1. */
static int
alike(const matcher *m, const rs_child *a, PyObject *roles_a, const rs_child *b,
      PyObject *roles_b)
{
    if (!same_name(a, b)) {
        return 0;
    }
    if (m->by == BY_CODE) {
        int relation = rs_same_code(a->code, b->code);
        return relation < 0 ? -1 : relation != RS_CODE_DIFFERS;
    }
    return same_role(m, a->code, roles_a, b->code, roles_b);
}

/* Those that are alike in no other way: one old, one new. 0 or -1. */
static int
match_unique(rs_children *olds, rs_children *news, const matcher *m)
{
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        Py_ssize_t found = -1, count = 0;
        if (olds->at[i].partner >= 0) {
            continue;
        }
        for (Py_ssize_t k = 0; k < news->count; k++) {
            int same = news->at[k].partner < 0 ? alike(m, &olds->at[i], m->old_roles,
                                                       &news->at[k], m->new_roles)
                                               : 0;
            if (same < 0) {
                return -1;
            }
            if (same) {
                found = k;
                count++;
            }
        }
        for (Py_ssize_t o = 0; count == 1 && o < olds->count; o++) {
            int same = o != i && olds->at[o].partner < 0
                           ? alike(m, &olds->at[i], m->old_roles, &olds->at[o],
                                   m->old_roles)
                           : 0;
            if (same < 0) {
                return -1;
            }
            count += same;
        }
        if (count == 1) {
            marry(olds, i, news, found);
        }
    }
    return 0;
}

/* The next of `list` after `from` that has the name of `like`; list->count if none. */
static Py_ssize_t
next_of_name(const rs_children *list, Py_ssize_t from, const rs_child *like)
{
    do {
        from++;
    } while (from < list->count && !same_name(&list->at[from], like));
    return from;
}

/* An unmatched run of olds that starts at `first`, whose neighbour before it has the
 * partner `before` (-1: none): the same number of unmatched news lies in the same gap. */
static void
match_run(rs_children *olds, Py_ssize_t first, rs_children *news, Py_ssize_t before)
{
    const rs_child *like = &olds->at[first];
    Py_ssize_t length = 0, gap = 0;
    Py_ssize_t after, k;
    Py_ssize_t i = first;
    while (i < olds->count && olds->at[i].partner < 0) {
        length++;
        i = next_of_name(olds, i, like);
    }
    after = i < olds->count ? olds->at[i].partner : news->count;
    for (k = next_of_name(news, before, like); k < after && news->at[k].partner < 0;
         k = next_of_name(news, k, like)) {
        gap++;
    }
    if (k != after || gap != length) {
        return;
    }
    for (i = first, k = next_of_name(news, before, like); length > 0; length--) {
        Py_ssize_t next = next_of_name(olds, i, like);
        marry(olds, i, news, k);
        i = next;
        k = next_of_name(news, k, like);
    }
}

static void
match_between_neighbours(rs_children *olds, rs_children *news)
{
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        Py_ssize_t before = i;
        if (olds->at[i].partner >= 0) {
            continue;
        }
        do {
            before--;
        } while (before >= 0 && !same_name(&olds->at[before], &olds->at[i]));
        if (before < 0) {
            match_run(olds, i, news, -1);
        } else if (olds->at[before].partner >= 0) {
            match_run(olds, i, news, olds->at[before].partner);
        } /* else: inside a run that was looked at from its start */
    }
}

/* What is left of several that are the same: any of the new ones will do. 0 or -1. */
static int
match_copies(rs_children *olds, rs_children *news)
{
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        for (Py_ssize_t k = 0; olds->at[i].partner < 0 && k < news->count; k++) {
            int relation = same_name(&olds->at[i], &news->at[k])
                               ? rs_same_code(olds->at[i].code, news->at[k].code)
                               : RS_CODE_DIFFERS;
            if (relation < 0) {
                return -1;
            }
            if (relation != RS_CODE_DIFFERS) {
                olds->at[i].partner = k;
            }
        }
    }
    return 0;
}

/* K2. */
static void
match_owned(rs_children *olds, rs_children *news)
{
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        rs_child *old = &olds->at[i];
        if (old->owner < 0 || old->partner >= 0) {
            continue;
        }
        old->rivals = olds->at[old->owner].rivals;
        for (Py_ssize_t k = 0; k < news->count; k++) {
            if (news->at[k].owner >= 0 &&
                news->at[k].owner == olds->at[old->owner].partner) {
                old->partner = k;
                news->at[k].partner = i;
            }
        }
    }
}

int
rs_children_match(rs_children *olds, PyObject *old_roles, rs_children *news,
                  PyObject *new_roles)
{
    static const likeness order[] = {BY_USE, BY_USE_AND_ANNOTATION, BY_CODE};
    match_single_names(olds, news);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        matcher m = {order[i], old_roles, new_roles};
        if (match_unique(olds, news, &m) < 0) {
            return -1;
        }
    }
    match_between_neighbours(olds, news);
    if (match_copies(olds, news) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        olds->at[i].rivals = olds->at[i].partner < 0 &&
                             free_of_name(news, &olds->at[i]) > 0;
    }
    match_owned(olds, news);
    return 0;
}

void
rs_children_match_in_order(rs_children *olds, rs_children *news)
{
    for (Py_ssize_t i = 0; i < olds->count && i < news->count; i++) {
        marry(olds, i, news, i);
    }
}
