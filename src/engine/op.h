/* op.h -- one operation of the journal: how it is done, checked and undone.
 * Owns:     an operation owns all its references and its memory.
 * Provides: rs_op_find and rs_op_append (journal.c) for op_plan.c, which has rs_plan_*;
 *           rs_op_value_*, rs_op_type_* for journal.c; rs_set_class, rs_set_bases for
 *           redirect.c too.
 * Depends:  compat.h, journal.h, body.h.
 * Threads:  as journal.h.
 * Invariants:
 *   O1  an operation whose place doesn't hold what it held when it was planned fails
 *       before it writes.
 *   O2  `done` is set after the last and cleared before the first write of the inverse.
 *   O3  operations that are not fallible allocate nothing.
 */
#ifndef RS_OP_H
#define RS_OP_H

#include "journal.h"

/* In the order in which they are carried out (J2). */
typedef enum {
    RS_PHASE_FALLIBLE,
    RS_PHASE_CERTAIN,
    RS_PHASE_REMOVAL,
    RS_PHASES
} rs_phase;

typedef struct {
    PyObject *fields[RS_FN_FIELDS]; /* what they become */
    PyObject *seen[RS_FN_FIELDS];   /* what they were */
    PyObject *displaced[RS_FN_FIELDS];
    unsigned mask;
    uint32_t version;
} rs_op_fields;

struct rs_op {
    rs_op_kind kind;
    rs_phase phase;
    int done;
    int lost;          /* adopted: others had written there before it was looked at */
    int kept;          /* journal_keep.c */
    int cache;         /* body: what it holds is no matter */
    int torn;          /* type, bases: memory ended in CPython's setter, half way */
    PyObject *target;  /* the object that changes */
    const void *where; /* which place in it: key, word, index + 1 */
    PyObject *key;     /* dict, type */
    PyObject *value;   /* what the place becomes; body: what changes contents with it */
    PyObject *seen;    /* what it held when it was planned; NULL: nothing */
    PyObject *displaced; /* undone: what somebody else has put there since the commit */
    PyObject *wrote;     /* body, committed: a copy of what the target took */
    PyObject *own_key;  /* dict, type: the very key that was removed or is to come back,
                             and ... */
    PyObject *follower; /* ... the one after it, or NULL */
    PyObject **word;    /* cell, word */
    Py_ssize_t index;   /* list; bases: how many followers; weak reference: the
                             hash that it hasn't now */
    rs_op_fields *fields; /* function */
    PyObject *
        *followers; /* bases: who comes next in each old base's __subclasses__() */
    uint64_t fold;  /* body: rs_body_fold of a target it was derived from, or 0 */
    int line;       /* lines: the first line when it was planned */
    int delta;      /* lines */
};

/* The operation planned for that place, or NULL. */
rs_op *rs_op_find(const rs_journal *j, rs_op_kind kind, const void *target,
                  const void *where);
/* A new one for a place that has none; what the place holds and becomes is the caller's to
 * fill in. It moves when others are appended. NULL with an exception. */
rs_op *rs_op_append(rs_journal *j, rs_op_kind kind, PyObject *target,
                    const void *where);

/* Finds the operations of `j` again, which have changed their numbers. */
void rs_journal_index(rs_journal *j);

/* What is in the place now (borrowed, may be NULL); sets no exception. Not for functions
 * and bodies. */
PyObject *rs_op_now(const rs_op *op);

/* After rs_plan_dict or rs_plan_type: `key` comes back in front of `follower`. */
void rs_plan_key_order(rs_journal *j, PyObject *target, PyObject *key,
                       PyObject *own_key, PyObject *follower);

/* op_value.c: dict, cell, word, list, body, lines, function. 0 or -1. */
int rs_op_value_do(rs_op *op);
int rs_op_value_undo(rs_op *op);
int rs_op_fields_unchanged(const rs_op *op);

/* op_lines.c: moves `code`, not what is nested in it. */
void rs_op_lines_shift(PyObject *code, int delta);

/* op_type.c: type, bases, metaclass, class. 0 or -1. */
int rs_op_type_do(rs_op *op);
int rs_op_type_undo(rs_op *op);

/* 1 if `key` of `type` has to be written by type's own __setattr__, else it goes into the
 * dict. */
int rs_type_needs_setter(PyTypeObject *type, PyObject *key);
/* What `type` has under `key` (borrowed or NULL): in its dict, or its name fields. */
PyObject *rs_type_own(PyTypeObject *type, PyObject *key);

/* object's own `__class__` setter: whatever the class of `op` defines. 0 or -1. */
int rs_set_class(PyObject *op, PyTypeObject *type);
/* type's own `__bases__` setter, also for direct children of object. 0 or -1. */
int rs_set_bases(PyTypeObject *type, PyObject *bases);

/* The classes made from it: a dict from addresses to weak references; NULL if there are
 * none, or if they are kept elsewhere (static classes). */
PyObject *rs_type_subclasses(const PyTypeObject *type);

/* op_value.c. The key that comes after `key`, which is an atom, and that key
 * as it is in the dict (`own` may be NULL): borrowed, NULL if there is none. */
PyObject *rs_dict_follower(PyObject *dict, PyObject *key, PyObject **own);
/* Before op->key is removed from `dict`: what it takes to put it back. */
void rs_op_note_order(rs_op *op, PyObject *dict);
/* The last key of `dict` goes in front of `follower`; stays last if that is NULL or gone.
 * 0; -1 without memory, and then nothing has moved. */
int rs_dict_move_last_before(PyObject *dict, PyObject *follower);

/* `*place` becomes `value`. What it held is dropped if that is `other`, of which the
 * operation has a reference; else (somebody else put it there) *displaced gets it. */
static inline void
rs_put(PyObject **place, PyObject *value, PyObject *other, PyObject **displaced)
{
    PyObject *now = *place;
    *place = Py_XNewRef(value);
    if (now == other) {
        Py_XDECREF(now);
    } else {
        *displaced = now;
    }
}

#endif
