/* selecting.h -- what the parts of selection share: verdicts on single statements.
 * Owns:     nothing.
 * Provides: rs_select_statements and what it is made of.
 * Depends:  select.h, pairing.h, syntax.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   G1  statements that are appended to a body may be changed in place: they are compared
 *       before.
 */
#ifndef RS_SELECTING_H
#define RS_SELECTING_H

#include "cut.h"
#include "pairing.h"
#include "room.h"
#include "scope.h"
#include "select.h"
#include "syntax.h"

/* The place whose statements are looked at. All borrowed. */
typedef struct {
    rs_session *s;
    rs_unit *u;
    rs_selection *sel;
    PyObject *prefix;   /* qualified name of the class, or NULL: the module */
    PyObject *live;     /* its live namespace: a dict */
    PyTypeObject *type; /* the live class, or NULL */
    PyObject *maker;    /* rs_select_maker of it, or NULL */
    int nested;         /* inside a block */
    PyObject *forced;  /* set of names of the module whose statement is looked at though
                           it did not change; NULL: none */
    PyObject *rebound; /* set of names whose readers run again; grows */
    rs_cut *cut;       /* the new source */
    PyObject *siblings; /* list: all statements of the class body; NULL: the module */
    int annotated;      /* out: an annotated assignment changed */
    PyObject *old_body, *new_body, *effects; /* lists to append to */
} rs_selecting;

/* Decides on each statement. 0 or -1. */
int rs_select_statements(rs_selecting *c, PyObject *olds, PyObject *news);

/* selectdef.c. One pair of definitions; `hoist`: only its code counts, the statement it
 * stands in does not run. 0 or -1. */
int rs_select_function(rs_selecting *c, PyObject *old_node, PyObject *new_node,
                       int same, int hoist);
/* selectwhole.c. Does the whole class run (1), or parts of it (0)? -1. `inner` is the class. */
int rs_select_whole(rs_selecting *c, const rs_selecting *inner, PyObject *old_node,
                    PyObject *new_node, const rs_pairing *pairing);
/* selectclass.c. */
int rs_select_class(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same,
                    int hoist);
/* A decorator that only wraps, for the sake of attribute access: nobody need hear of it. */
int rs_select_plain_decorator(PyObject *decorator);
int rs_select_is_weighty(PyObject *name);
int rs_select_is_docstring(PyObject *node);

/* selectmaker.c. Who made the live class in its own way, and can't make it again: a
 * metaclass of a package, or (an expression) a decorator; NULL: nobody. 0 or -1. */
int rs_select_maker(const rs_selecting *c, PyTypeObject *type, PyObject *node,
                    PyObject **maker);
/* Refuses what that would have to see. The rest may run in parts. 0 or -1. */
int rs_select_check_maker(const rs_selecting *inner, PyObject *new_node,
                          int same_header, const rs_pairing *pairing);
/* RSL617: the whole class runs, and an __init_subclass__ of a package hears nothing. 0 or
 * -1. */
int rs_select_warn_untold(const rs_selecting *inner, PyObject *node);
/* `NAME = literal`, or the same of a ClassVar? 1, 0, -1. */
int rs_select_is_plain_value(PyObject *node);

/* selectdata.c. An assignment to names. */
int rs_select_data(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same);
/* Notes `_reload_data` and its like among the new statements: before others are decided. */
int rs_select_settings(rs_selecting *c, PyObject *statements);
/* The policy for one name: takes (1), keeps (0), merges (2), -1. `*named`: somebody
 * named it, so that it is evaluated even if it did not change. */
int rs_select_policy(rs_selecting *c, PyObject *name, int *named);

/* selectblock.c. A compound statement. */
int rs_select_block(rs_selecting *c, PyObject *old_node, PyObject *new_node, int same);

/* selectlook.c. RSL611: does an unchanged statement use what changed? 0 or -1. */
int rs_select_warn_of(rs_selecting *c, PyObject *node);

/* A statement that runs as a whole, here or after the swap. 0 or -1. */
int rs_select_run(rs_selecting *c, PyObject *old_node, PyObject *new_node);

/* Does a function in it make classes, whose first line stands in its code (3.13)? Then it
 * can't just be moved. 1, 0, -1. */
int rs_select_makes_classes(PyObject *node);

/* Does something else in this place bind the name, too? 1, 0, -1. */
int rs_select_bound_elsewhere(rs_selecting *c, PyObject *name, PyObject *but);

/* Does the node read one of the names? 1, 0, -1. */
int rs_select_reads(rs_selecting *c, PyObject *node, PyObject *names);

/* "prefix.name" or name: new reference. */
PyObject *rs_select_qualname(const rs_selecting *c, PyObject *name);

/* `if __resoul_never__: statement`, a name that is false: compiled, and not run. New
 * reference. */
PyObject *rs_select_unreached(PyObject *statement);

/* Records. 0 or -1. */
int rs_select_set_verdict(rs_selecting *c, PyObject *name, rs_verdict verdict);
int rs_select_pend(rs_selecting *c, PyObject *name, const char *kind, int line,
                   PyObject *old_expression, const char *reason);
/* A statement that did not change and does not run: 1 if all of it stands on other lines (or
 * the same), which is noted; 0 if its code has to be made again; -1. */
int rs_select_shift(rs_selection *sel, PyObject *old_node, PyObject *new_node);
int rs_select_moved(rs_selection *sel, int first, int last, int delta);
/* The name, bound on `line` of the old source, is gone from the new one, unless something
 * else binds it. */
int rs_select_goes(rs_selecting *c, PyObject *name, int line);
/* An annotation among the statements of the place changed: if none is left, those that
 * live go. 0 or -1. */
int rs_select_annotations_go(rs_selecting *c, PyObject *statements);
/* All names that the statement binds take another value. 0 or -1. */
int rs_select_rebinds(rs_selecting *c, PyObject *node);

/* Has the module deferred annotations, or are they evaluated by the definition? */
int rs_select_lazy_annotations(const rs_selecting *c);

#endif
