/* journal.h -- the plan of an update, and the record that takes it back.
 * Owns:     one strong reference to everything that it will write, has written, or may
 *           have to restore.
 * Provides: rs_plan_* (append an operation), rs_lines_fixed, rs_journal_validate,
 *           rs_journal_commit, rs_journal_undo, rs_journal_forget; for history.h
 *           rs_journal_adopt_*, rs_journal_keep.
 * Depends:  compat.h, idmap.h. Knows nothing of modules, donors or policies.
 * Threads:  commit and undo: GIL held, and they run no Python code, so no other thread
 *           sees a part.
 * Invariants (rs_journal_check asserts them):
 *   J1  all memory is reserved when an operation is appended; each has room for what it
 *       replaces, so the entry exists before the change (T4).
 *   J2  commit carries out what can fail first, then what can't, then removals. If one
 *       fails, what was done is undone, newest first (T3).
 *   J3  no reference is dropped before rs_journal_forget: nothing is deallocated, so no
 *       finalizer runs between the first and the last write (T5).
 *   J4  undo is exact: the same objects in the same places, dicts in the same order.
 *   J5  a place is planned once; planning it again replaces what it will become.
 *   J6  once committed, an operation knows what its place held before and what it wrote;
 *       a kept journal has only operations that can be planned backwards (undo.h).
 */
#ifndef RS_JOURNAL_H
#define RS_JOURNAL_H

#include "compat.h"
#include "idmap.h"

typedef enum {
    RS_OP_FUNCTION, /* fields of a function */
    RS_OP_DICT,     /* one key of a dict */
    RS_OP_TYPE,     /* one name of a class */
    RS_OP_CELL,     /* contents of a cell */
    RS_OP_WORD,     /* a reference inside an object */
    RS_OP_LIST,     /* one item of an exact list */
    RS_OP_ATTRIBUTE, /* an attribute that an instance has of its own: in its dict, a slot */
    RS_OP_WEAKREF,   /* what a weak reference means */
    RS_OP_BODY,      /* the whole contents of an exact container */
    RS_OP_LINES,     /* the first line of a code object */
    RS_OP_BASES,     /* bases of a class */
    RS_OP_METACLASS, /* type of a class */
    RS_OP_CLASS      /* class of an instance */
} rs_op_kind;

typedef struct rs_op rs_op; /* journal.c */

typedef struct {
    rs_op *ops;
    Py_ssize_t used, room;
    uint32_t *index; /* places -> ops: open addressing, number + 1, 0 is empty (J5) */
    size_t mask;     /* size of index - 1 */
    Py_ssize_t adopted; /* number of the operation that was adopted last */
    rs_idmap touched;   /* classes whose caches must be told -> themselves */
    int committed;
    int keeps;  /* commit also notes what bodies take, for rs_journal_keep */
    int broken; /* taking back failed: what lives is neither old nor new */
    Py_ssize_t
        fail_after; /* tests: the operation that fails; -1: none; -2 - n: operation n
                              fails, and taking back as well */
} rs_journal;

/* All rs_plan_*: 0, or -1 with an exception. References passed in are borrowed. */

/* fields[i] for each i whose bit is set in `mask` (bit 1 << RS_FN_...) is what the field
 * becomes (may be NULL: empty). `version` is what call sites will know the function by. */
int rs_plan_function(rs_journal *j, PyObject *func,
                     PyObject *const fields[RS_FN_FIELDS], unsigned mask,
                     uint32_t version);
/* value NULL: remove the key. Other keys than exact str only where they are and stay in
 * the dict, and only if their __hash__ and __eq__ are no Python code. */
int rs_plan_dict(rs_journal *j, PyObject *dict, PyObject *key, PyObject *value);
/* A dunder goes through type's own __setattr__ so that slots follow, unless a data
 * descriptor of the metaclass would catch it; other names go into the class's dict. */
int rs_plan_type(rs_journal *j, PyTypeObject *type, PyObject *key, PyObject *value);
int rs_plan_cell(rs_journal *j, PyObject *cell, PyObject *value);
/* `word` lies inside `holder` (or in memory that `holder` owns and won't move). */
int rs_plan_word(rs_journal *j, PyObject *holder, PyObject **word, PyObject *value);
int rs_plan_list(rs_journal *j, PyObject *list, Py_ssize_t index, PyObject *value);
/* `live` takes the contents of `donor`, both of the same exact type out of dict, list,
 * set, bytearray, deque (rs_body_can_take tells); `donor` gets the old contents. */
int rs_plan_body(rs_journal *j, PyObject *live, PyObject *donor);
/* The same for a cache, which takes an `empty` donor: an undo empties it once more. */
int rs_plan_body_cache(rs_journal *j, PyObject *cache, PyObject *empty);
/* The same for a `donor` that was derived from the contents of `live`: validate also finds
 * out whether these changed since. Frozensets and subclasses take contents too, of the
 * built-in type. Whatever takes the contents of `live` takes those of `donor` instead. */
int rs_plan_body_derived(rs_journal *j, PyObject *live, PyObject *donor);
/* `code` and all that is nested in it is `delta` lines further down: their lines are changed
 * in place, whoever runs them goes on. 0 or -1; or 1, and nothing is planned: a function in
 * it makes classes (rs_lines_fixed), so that it has to get new code. */
int rs_plan_lines(rs_journal *j, PyObject *code, int delta);
/* The same for that code object alone. 0 or -1. */
int rs_plan_own_lines(rs_journal *j, PyObject *code, int delta);
/* `object` has, or gets, the attribute in its dict or a slot: no code of its class is asked
 * (attribute.h). NULL: it is removed. */
int rs_plan_attribute(rs_journal *j, PyObject *object, PyObject *name, PyObject *value);
/* `ref` means something that is alive, and both that and `to` have weak references. */
int rs_plan_weakref(rs_journal *j, PyObject *ref, PyObject *to);
int rs_plan_bases(rs_journal *j, PyTypeObject *type, PyObject *bases);
int rs_plan_metaclass(rs_journal *j, PyTypeObject *type, PyTypeObject *metaclass);
int rs_plan_class(rs_journal *j, PyObject *instance, PyTypeObject *type);
/* `type` has to forget its caches though none of its names is written. */
int rs_plan_touch(rs_journal *j, PyTypeObject *type);

/* 1 if lines of `code` can't be changed in place: since 3.13 a class body stores its line as
 * a constant of its own, so classes that a function in it makes later would be told the old
 * one. A class body that has run for good, as those of a module, is no hindrance. */
int rs_lines_fixed(PyObject *code);

/* ---- what others have done and taken note of ---- */

/* Before the commit (a module body, a snippet), or after it (an effect). */
typedef enum { RS_EARLIER, RS_LATER } rs_when;

/* The journal is committed. A place held `seen` (NULL: nothing) and holds `now` since: an
 * operation that is done. If the place has one, it becomes older or newer by that. A key
 * that was removed goes back in front of `follower`, NULL: to the end. 0 or -1. */
int rs_journal_adopt_dict(rs_journal *j, PyObject *dict, PyObject *key, PyObject *seen,
                          PyObject *now, PyObject *follower, rs_when when);
int rs_journal_adopt_type(rs_journal *j, PyTypeObject *type, PyObject *key,
                          PyObject *seen, PyObject *now, PyObject *follower,
                          rs_when when);
int rs_journal_adopt_cell(rs_journal *j, PyObject *cell, PyObject *seen, PyObject *now,
                          rs_when when);
int rs_journal_adopt_attribute(rs_journal *j, PyObject *object, PyObject *name,
                               PyObject *seen, PyObject *now, rs_when when);
/* A list, deque, set, dict or bytearray held what is in `held` (list; list; set; dict;
 * bytes), and holds since what is in it now. */
int rs_journal_adopt_body(rs_journal *j, PyObject *container, PyObject *held,
                          rs_when when);
/* What was adopted last is not what the place holds: others have written there since. */
void rs_journal_adopt_lost(rs_journal *j);

/* ---- what is kept ---- */

typedef int (*rs_journal_test)(PyObject *op, void *arg);

/* Moves what can be planned backwards into `kept`, an empty journal. What is_new has no
 * past; what is_gone lives only in the update and is put nowhere again. 0; or -1, and
 * nothing has moved. */
int rs_journal_keep(rs_journal *j, rs_journal *kept, rs_journal_test is_new,
                    rs_journal_test is_gone, void *arg);

/* How many strong references the journal has to `op`. */
Py_ssize_t rs_journal_holds(const rs_journal *j, const PyObject *op);

/* Plans for `twin` what is planned for `func`; nothing if nothing is. */
int rs_plan_twin(rs_journal *j, PyObject *func, PyObject *twin);

/* Is the whole contents of this container planned to be exchanged? */
int rs_journal_replaces(const rs_journal *j, PyObject *container);
/* visit(op, arg) for each of them; stops at the first result that isn't 0. */
int rs_journal_visit(const rs_journal *j, visitproc visit, void *arg);

/* 1 if all that was planned on is still so, 0 if not; never fails, runs no Python code. */
int rs_journal_validate(const rs_journal *j);
/* 0; or -1 with an exception, and nothing has changed. `pause` gets the ns from the first
 * to the last write. clear_caches: sys._clear_internal_caches or NULL. */
int rs_journal_commit(rs_journal *j, PyObject *clear_caches, int64_t *pause);
/* Takes a committed journal back. 0; or -1 with an exception: then the engine is broken. */
int rs_journal_undo(rs_journal *j, PyObject *clear_caches);
/* Drops everything; releasing may run Python code. */
void rs_journal_forget(rs_journal *j);
void rs_journal_check(const rs_journal *j);

#endif
