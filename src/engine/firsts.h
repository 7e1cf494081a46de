/* firsts.h -- what the preparing thread does to sys.modules, and taking it back.
 * Owns:     a record of each first-time import and of each entry that was replaced.
 * Provides: rs_firsts_begin, rs_firsts_touch, rs_firsts_put, rs_firsts_taken,
 *           rs_firsts_settle, rs_firsts_take_back, rs_firsts_clear.
 * Depends:  session.h, heap.h.
 * Threads:  the preparing thread, GIL held.
 * Invariants:
 *   F1  an entry of sys.modules is recorded before the preparing thread changes it.
 *   F2  s->importing counts the bodies of first-time imports that run (and calls of the
 *       real import, imports.c); it is 0 again when none runs.
 *   F3  after settle no module dict refers to the private builtins.
 */
#ifndef RS_FIRSTS_H
#define RS_FIRSTS_H

#include "session.h"

typedef enum {
    RS_FIRST_SET,     /* put there, not by the import system */
    RS_FIRST_LOADING, /* the import system runs its body */
    RS_FIRST_POPPED,  /* the import system moves it to the end of sys.modules */
    RS_FIRST_LOADED
} rs_first_phase;

/* A name that the preparing thread put into sys.modules. Owned. */
typedef struct {
    PyObject *name;
    PyObject *module;
    PyObject
        *replaced;     /* the parent package's attribute of that name before, or NULL */
    Py_ssize_t within; /* number of the import in which this one began, or -1 */
    rs_first_phase phase;
    int is_first; /* was not in sys.modules before */
} rs_first;

typedef struct {
    PyObject *before;  /* set: names in sys.modules when prepare began */
    PyObject *touched; /* dict: name -> module that was there, where it was changed */
    PyObject *index;   /* dict: name -> number in `entries` */
    PyObject *seeded;  /* list: module dicts that got the private builtins */
    rs_first *entries;
    Py_ssize_t used, room;
    Py_ssize_t current; /* the innermost import whose body runs, or -1 */
} rs_firsts;

int rs_firsts_begin(rs_firsts *f);

/* The preparing thread is about to change sys.modules[name]. 0 or -1. */
int rs_firsts_touch(rs_firsts *f, PyObject *name);
/* It is about to put `module` there; importing: by the import system. 0 or -1. */
int rs_firsts_put(rs_session *s, rs_firsts *f, PyObject *name, PyObject *module,
                  int importing);
/* The import system is about to take the entry out: popped, to move it to the end, or
 * for good because the body failed. 0 or -1. */
int rs_firsts_taken(rs_session *s, rs_firsts *f, PyObject *name, int popped);

int rs_firsts_settle(rs_session *s, rs_firsts *f);
int rs_firsts_take_back(rs_session *s, rs_firsts *f);
void rs_firsts_clear(rs_firsts *f);

#endif
