/* leaks.h -- what running module bodies change in live objects, and taking it back.
 * Owns:     s->leaks: the record of dict writes, and a copy of each other container and
 *           attribute within reach; one for each phase.
 * Provides: rs_leaks_begin, rs_leaks_mark_threads, rs_leaks_see_module, rs_leaks_see_names, rs_leaks_note,
 *           rs_leaks_watch, rs_leaks_end, rs_leaks_is_phase, rs_leaks_take_back,
 *           rs_leaks_adopt, rs_leaks_lost, rs_leaks_forget, rs_leaks_holds, rs_leaks_visit_held,
 *           rs_leaks_visit_changed.
 * Depends:  reach.h (what is watched), writes.h (dicts), snapshot.h (the rest),
 *           threads.h (whose doing it was), adopt.h.
 * Threads:  the updating thread.
 * Invariants:
 *   L1  reach (DESIGN rule 2): dicts of modules and classes, and dicts, lists, sets,
 *       deques, bytearrays and instances one attribute step from a name that a body
 *       reads. Bounded.
 *   L2  what another thread wrote is not taken back. Dicts tell who wrote; of a list or
 *       set only what the bodies made is removed, unless no other thread has run. An
 *       attribute that the snippet of a hotfix sets itself (not in what it calls) is
 *       taken back whoever ran beside it.
 *   L3  no user code runs to find out: copies and comparisons are by identity.
 *   L4  what a body made is not kept alive.
 *   L5  after end no dict is watched and no watcher id is taken (T8).
 *   L6  a phase begins when the one before has ended, and is taken back before it; the
 *       commit lies in between.
 */
#ifndef RS_LEAKS_H
#define RS_LEAKS_H

#include "session.h"

typedef enum {
    RS_LEAKS_BODIES,  /* of modules, in scratch namespaces */
    RS_LEAKS_EFFECTS, /* effects.h, in live ones */
    RS_LEAKS_SNIPPET  /* hotfix.h */
} rs_leaks_phase;

/* What a probe (instrument.h) has seen coming. */
typedef enum {
    RS_NOTE_ATTRIBUTE, /* an attribute of the object is set */
    RS_NOTE_DELETE,    /* an attribute of it is deleted */
    RS_NOTE_READ,      /* an item of it is read, which may make it: defaultdict */
    RS_NOTE_ITEMS,     /* an item of it, or the container itself changes in place */
    RS_NOTE_ITEM,      /* of a tuple (object, key): what is there may change in place */
    RS_NOTE_INSIDE,    /* an attribute, or any item of it may be changed in place */
    RS_NOTE_WHOLE, /* setattr() and its like: attributes of it, nobody knows which */
    RS_NOTE_REACH  /* something is called with it: all that is one step away */
} rs_note_kind;

/* Starts recording, with the live dicts of all units; after rs_source_load, before a body
 * (an effect) runs. 0, or -1 and nothing has begun. */
int rs_leaks_begin(rs_session *s, rs_leaks_phase phase);

/* Nothing has changed yet: other threads count from now on. 0 or -1. */
int rs_leaks_mark_threads(rs_session *s);

/* `module` is about to be handed to a running body by an import: what the body can reach
 * through it is recorded from now on. Scratch modules, non-modules and modules that this
 * update imported for the first time are passed over; of a view the live package is
 * meant. 0, or -1. */
int rs_leaks_see_module(rs_session *s, PyObject *module);

/* What the running code can reach through those names in `dict` that it reads is recorded
 * from now on: `dict` is its namespace, and has live objects in it. 0, or -1. */
int rs_leaks_see_names(rs_session *s, PyObject *dict);

/* The snippet is about to change `object`: what it holds is recorded, once. Nothing if the
 * snippet does not run, or if another thread asks. `name` (str) may be NULL. 0, or -1. */
int rs_leaks_note(rs_session *s, rs_note_kind kind, PyObject *object, PyObject *name);

/* Writes to this dict are recorded from now on: the namespace of a module, of `type` (or
 * NULL). 0, or -1. */
int rs_leaks_watch(rs_session *s, PyObject *dict, PyTypeObject *type);

/* The bodies (effects) have run. Stops recording; records stay. Harmless when not begun, and the
 * second time. Keeps a pending exception. */
void rs_leaks_end(rs_session *s);

/* 1 if the newest phase is that one. */
int rs_leaks_is_phase(const rs_session *s, rs_leaks_phase phase);

/* Undoes what was recorded in the newest phase and forgets that; ends first where needed.
 * Keeps a pending exception. What can't be taken back becomes a notice (RSL608). */
void rs_leaks_take_back(rs_session *s);

/* The update stands: what was recorded becomes operations of its journal, which is
 * committed. 0 or -1. */
int rs_leaks_adopt(rs_session *s);

/* Success: drops the records of all phases. Keeps a pending exception. */
void rs_leaks_forget(rs_session *s);

/* visit() for each name of a watched namespace (a key of `namespaces`) that has another value
 * now than before the snippet ran, which is `old` (NULL: none); in the order of the first
 * write. 0, or what visit() returned. After rs_leaks_end. */
typedef int (*rs_leaks_visit)(void *arg, PyObject *dict, PyTypeObject *type,
                              PyObject *key, PyObject *old, PyObject *now);
int rs_leaks_visit_names(rs_session *s, const rs_idmap *namespaces,
                         rs_leaks_visit visit, void *arg);

/* These namespaces get back what they held, and that is forgotten. 1 if all is as it was, 0
 * if something is left. */
int rs_leaks_take_names_back(rs_session *s, const rs_idmap *namespaces);

/* Was there no memory to record something? 1 or 0. */
int rs_leaks_lost(const rs_session *s);

/* Adds the watched namespaces of classes, those in `but` left out: dict -> class. 0 or -1. */
int rs_leaks_visit_classes(const rs_session *s, const rs_idmap *but,
                           rs_idmap *namespaces);

/* Did the updating thread add this key to a watched dict? 1 or 0. */
int rs_leaks_added(const rs_session *s, const PyObject *dict, const PyObject *key);

/* What was written to this dict stays, and is no part of the update. */
void rs_leaks_pass_over(rs_session *s, PyObject *dict);

/* How many references to `op` the bodies are known to have put into live objects. */
Py_ssize_t rs_leaks_stored(const rs_session *s, PyObject *op);

/* How many strong references the records have to `op`, as far as that can be looked up; and
 * visit() for each of the others. */
Py_ssize_t rs_leaks_holds(const rs_session *s, const PyObject *op);
int rs_leaks_visit_held(const rs_session *s, visitproc visit, void *arg);

/* visit() for each object whose changes the newest phase has recorded. `held`: so many
 * references to it are there because it was watched. What visit() returned, or -1. */
int rs_leaks_visit_changed(const rs_session *s,
                           int (*visit)(void *arg, PyObject *op, Py_ssize_t held),
                           void *arg);

#endif
