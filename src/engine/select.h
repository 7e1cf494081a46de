/* select.h -- which statements of a module's new source run (DESIGN "What runs").
 * Owns:     u->selection.
 * Provides: rs_select, rs_selection_new, rs_selection_clear, rs_select_verdict, rs_select_is_gone,
 *           rs_select_gone_line.
 * Depends:  session.h, chunks.h, syntax.h; selectunit.h, which does it.
 * Threads:  the updating thread. Runs Python code of the standard library (the parser).
 * Invariants:
 *   E1  an unchanged statement is never executed again, but for definitions that read at
 *       module level what changed, and what `take=` names.
 *   E2  statements are compared as a multiset of syntax: order and position don't count.
 *   E3  nothing is executed to find out what runs; live values are compared by exact
 *       built-in types only.
 *   E4  what is left out knowingly is in sel->pending.
 */
#ifndef RS_SELECT_H
#define RS_SELECT_H

#include "session.h"

/* What becomes of a name that a changed statement binds to data. */
typedef enum {
    RS_VERDICT_NONE, /* nothing is said */
    RS_VERDICT_TAKE, /* the new value */
    RS_VERDICT_KEEP, /* the live value; the change is pending */
    RS_VERDICT_SAME  /* its statement did not change: the live object stays */
} rs_verdict;

/* A function definition in the reduced body. Owned. */
typedef struct {
    PyObject *qualname;
    PyObject *live;  /* the live function that it becomes, or NULL */
    PyObject *keeps; /* set of parameters whose live default values stay, or NULL */
    PyObject *donor; /* the function, as soon as it was made */
    int inner;       /* only its code is new: decorators don't run */
    int shadowed;    /* a later statement binds the name: it keeps what it means */
    int apart;       /* one more of its name: it is none of those that live */
    int annotations; /* the live annotations stay */
    int line;
} rs_select_def;

/* A class of which only parts run, in a namespace that reads as the live one. Owned. */
typedef struct {
    PyObject *qualname;
    PyObject *live;  /* the class */
    PyObject *space; /* dict: what the parts bound; NULL until they have run */
    PyObject *static_attributes; /* frozenset of str, or NULL */
    int line;
} rs_select_shell;

/* Live code that only moves. */
typedef struct {
    int first, last; /* lines of the old source */
    int delta;
} rs_select_move;

struct rs_selection {
    PyObject *old_body; /* list of statements: what the new ones answer to */
    PyObject *new_body;
    PyObject *effects;
    PyObject *verdicts; /* dict: qualname -> int */
    PyObject *settings; /* dict: qualname of `_reload_data` and its like -> new value */
    PyObject *gone;    /* dict: qualname that only the old source binds -> line there */
    PyObject *rebound; /* set of names of the module that take another value */
    PyObject *changed; /* set of names of the module whose definition changed */
    PyObject
        *pending; /* dict: qualname -> (kind, line, reason, has base, base): what the
                           source said when the live value was given (merge) */
    rs_select_def *defs;
    Py_ssize_t n_defs, defs_room;
    int apart; /* one of them is */
    rs_select_shell *shells;
    Py_ssize_t n_shells, shells_room;
    rs_select_move *moves;
    Py_ssize_t n_moves, moves_room;
    PyObject *pieces;       /* list of code objects that live after the update: */
    Py_ssize_t kept_pieces; /* first those that live already */
    int runs;               /* more than definitions runs: code that can be called */
    int other_futures; /* imports from __future__ changed: all code is other code */
    int flags;         /* of the compiler, from __future__ imports */
    int documented;    /* the module's docstring is selected */
    int annotated;     /* annotations of the module changed */
    struct rs_judging *judging; /* selectjudge.h; NULL: all verdicts are there */
};

/* For all units: decides, and makes u->code, u->known_code and u->effects of it
 * (selectunit.h). After rs_source_load. 0, or -1 with an exception. */
int rs_select(rs_session *s);

/* An empty one for the unit: borrowed, or NULL with an exception. */
rs_selection *rs_selection_new(rs_unit *u);
void rs_selection_clear(rs_unit *u);
/* Drops definitions, shells and moves: nobody runs them. */
void rs_selection_forget_parts(rs_selection *sel);
/* References that it has to live objects and donors. */
int rs_selection_visit(const rs_unit *u, visitproc visit, void *arg);

rs_verdict rs_select_verdict(const rs_unit *u, PyObject *qualname);
/* Is it one more function of a name that others have and keep (`@f.register def _`)? */
int rs_select_is_apart(const rs_unit *u, PyObject *donor);
/* 1 if only the old source binds the name, 0 if not. */
int rs_select_is_gone(const rs_unit *u, PyObject *qualname);
/* The line of the old source that bound it; 0 if it is not known. */
int rs_select_gone_line(const rs_unit *u, PyObject *qualname);

/* How far the live code moves that begins on this line of the old source; NULL: it does
 * not stay. */
const rs_select_move *rs_select_move_of(const rs_unit *u, int line);

#endif
