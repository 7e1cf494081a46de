/* leaks.h -- what running module bodies change in live objects, and taking it back.
 * Owns:     s->leaks: the record of dict writes, and a copy of each other container and
 *           attribute within reach; one for each phase.
 * Provides: rs_leaks_begin, rs_leaks_see_module, rs_leaks_see_names, rs_leaks_end,
 *           rs_leaks_is_phase, rs_leaks_take_back, rs_leaks_forget, rs_leaks_holds.
 * Depends:  reach.h (what is watched), writes.h (dicts), snapshot.h (the rest),
 *           threads.h (whose doing it was).
 * Threads:  the updating thread.
 * Invariants:
 *   L1  reach (DESIGN rule 2): dicts of modules and classes, and dicts, lists, sets,
 *       deques, bytearrays and instances one attribute step from a name that a body
 *       reads. Bounded.
 *   L2  what another thread wrote is not taken back. Dicts tell who wrote; of a list or
 *       set only what the bodies made is removed, unless no other thread has run.
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
    RS_LEAKS_BODIES, /* of modules, in scratch namespaces */
    RS_LEAKS_EFFECTS /* effects.h, in live ones */
} rs_leaks_phase;

/* Starts recording, with the live dicts of all units; after rs_source_load, before a body
 * (an effect) runs. 0, or -1 and nothing has begun. */
int rs_leaks_begin(rs_session *s, rs_leaks_phase phase);

/* `module` is about to be handed to a running body by an import: what the body can reach
 * through it is recorded from now on. Scratch modules, non-modules and modules that this
 * update imported for the first time are passed over; of a view the live package is
 * meant. 0, or -1. */
int rs_leaks_see_module(rs_session *s, PyObject *module);

/* What the running code can reach through those names in `dict` that it reads is recorded
 * from now on: `dict` is its namespace, and has live objects in it. 0, or -1. */
int rs_leaks_see_names(rs_session *s, PyObject *dict);

/* The bodies (effects) have run. Stops recording; records stay. Harmless when not begun, and the
 * second time. Keeps a pending exception. */
void rs_leaks_end(rs_session *s);

/* 1 if the newest phase is that one. */
int rs_leaks_is_phase(const rs_session *s, rs_leaks_phase phase);

/* Undoes what was recorded in the newest phase and forgets that; ends first where needed.
 * Keeps a pending exception. What can't be taken back becomes a notice (RSL608). */
void rs_leaks_take_back(rs_session *s);

/* Success: drops the records of all phases. Keeps a pending exception. */
void rs_leaks_forget(rs_session *s);

/* How many references to `op` the bodies are known to have put into live objects. */
Py_ssize_t rs_leaks_stored(const rs_session *s, PyObject *op);

/* How many strong references the records have to `op`. */
Py_ssize_t rs_leaks_holds(const rs_session *s, const PyObject *op);

#endif
