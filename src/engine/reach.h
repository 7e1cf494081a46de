/* reach.h -- the live objects that a module body can change through the names it reads.
 * Owns:     the set of names, the objects that were seen already.
 * Provides: rs_reach_open, rs_reach_module, rs_reach_namespace, rs_reach_attribute,
 *           rs_reach_whole, rs_reach_item, rs_reach_inside, rs_reach_value,
 *           rs_reach_clear.
 * Depends:  session.h, attrs.h.
 * Threads:  the updating thread. Runs no user code: namespaces are read directly.
 * Invariants:
 *   E1  one attribute step (DESIGN rule 2), and what the functions and methods that are
 *       one step away do with names of their own: `@core.register` changes a list that
 *       the body never names.
 *   E2  of modules that may not be updated (the standard library) only what the body
 *       names itself: their own housekeeping is theirs.
 *       For a hotfix also containers in small containers that an instance has.
 *   E3  at most RS_REACH_MAX objects and RS_REACH_MAX_ATTRIBUTES attributes; what a hotfix
 *       snippet names itself counts a hundredth of that.
 */
#ifndef RS_REACH_H
#define RS_REACH_H

#include "attrs.h"
#include "session.h"

#define RS_REACH_MAX 4000
#define RS_REACH_MAX_ATTRIBUTES 10000
#define RS_REACH_SMALL 64

typedef struct {
    /* A dict whose writes matter. `type` if it is a class's; of a foreign module's only
     * the keys in rs_reach.names matter. 0 or -1. */
    int (*dict)(void *arg, PyObject *dict, PyTypeObject *type, int foreign);
    /* A list, set, deque or bytearray. */
    int (*container)(void *arg, PyObject *container);
    /* An attribute that an instance may have, and that a body may set. */
    int (*attribute)(void *arg, PyObject *object, PyObject *name);
    /* The __dict__ of an instance: all its attributes may change, with their order. */
    int (*whole)(void *arg, PyObject *object, PyObject *dict);
} rs_reach_visitor;

typedef struct {
    rs_session *s;
    const rs_reach_visitor *visitor;
    void *arg;
    PyObject *names;  /* set of str: what bodies and the functions in them read */
    PyObject *stored; /* set of str: attributes that they set, and what they call */
    int thorough;     /* for a snippet: what it calls is followed further */
    int scale;        /* the limits are so many times as high */
    int whole;        /* dicts of instances tell who wrote them, where that matters */
    int all_names;    /* a unit's code is not known: it may read anything */
    rs_attrs_opcodes opcodes;
    rs_idmap seen;         /* -> itself; an instance: -> how many were in `stored` */
    rs_idmap types;        /* class -> set of str: attributes that its methods set */
    rs_idmap losing;       /* those of these classes whose methods delete attributes */
    Py_ssize_t attributes; /* that were looked at */
    Py_ssize_t missed;     /* what was left out because of the limits */
} rs_reach;

/* Collects the names of all units' code, or (effects) of what runs after the commit. 0 or
 * -1. */
int rs_reach_open(rs_reach *r, rs_session *s, int effects,
                  const rs_reach_visitor *visitor, void *arg);

/* Visits what can be reached through `module`. 0 or -1. */
int rs_reach_module(rs_reach *r, PyObject *module);

/* The same for the names in a dict that is the code's own namespace. 0 or -1. */
int rs_reach_namespace(rs_reach *r, PyObject *dict);

/* What may change when an attribute of `object` is set: that one; all of them if
 * its class has code of its own for that. 0 or -1. */
int rs_reach_attribute(rs_reach *r, PyObject *object, PyObject *name);

/* Any of its attributes may be set or deleted: with their order. 0 or -1. */
int rs_reach_whole(rs_reach *r, PyObject *object);

/* The container that is under `key` in `object`. 0 or -1. */
int rs_reach_item(rs_reach *r, PyObject *object, PyObject *key);

/* The container that the attribute holds, or (name NULL) containers that are items of
 * `object`, at most RS_REACH_MAX_ATTRIBUTES of them. 0 or -1. */
int rs_reach_inside(rs_reach *r, PyObject *object, PyObject *name);

/* What can be changed by a call that gets `value`. 0 or -1. */
int rs_reach_value(rs_reach *r, PyObject *value);

void rs_reach_clear(rs_reach *r);

#endif
