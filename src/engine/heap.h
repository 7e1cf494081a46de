/* heap.h -- which objects are young, and walks over all objects.
 * Owns:     the marker objects and the garbage collector's threshold while an update is
 *           prepared and planned (s->heap).
 * Provides: rs_heap_begin, rs_heap_young, rs_heap_end, rs_heap_interval, rs_heap_walk,
 *           rs_heap_walk_untracked, rs_heap_undo, rs_heap_release, rs_heap_resume,
 *           rs_heap_is_marked, rs_heap_functions, rs_heap_holds, rs_heap_count.
 * Depends:  session.h.
 * Threads:  the GIL is held; a walk runs no Python code.
 * Invariants:
 *   H1  between rs_heap_begin and rs_heap_end the collector runs only if a program asks
 *       it to, and then a callback of the collector saves the young interval. gc.enable()
 *       and gc.disable() work as ever.
 *   H2  s->young holds what was made while preparing and can be reached from scratch
 *       namespaces and young functions. Objects of other threads are not kept alive.
 *   H4  after rs_heap_release the order of objects in memory means nothing any more, so that
 *       the collector may run.
 *   H3  if a collection went unseen nobody knows what is young: refused (RSL402).
 */
#ifndef RS_HEAP_H
#define RS_HEAP_H

#include "session.h"

/* 1: go on, 0: stop, -1: stop with an exception. It must not run Python code, nor make
 * or drop the last reference to an object. */
typedef int (*rs_heap_visit)(PyObject *op, void *arg);

/* The collector is held, marker a. 0 or -1. */
int rs_heap_begin(rs_session *s);

/* Marker b: what is made from now on is not young. 0 or -1. */
int rs_heap_mark(rs_session *s);

/* Marker b, where there is none, and fills s->young. Call it when all units have run. 0 or -1. */
int rs_heap_young(rs_session *s);

/* The update waits, prepared: no markers, the collector is as it was before. What is in
 * the interval and, through any number of steps, refers to young objects counts as made
 * while preparing from now on; the rest is anybody's. 0 or -1. */
int rs_heap_release(rs_session *s);

/* It goes on: the collector is held again. 0 or -1. */
int rs_heap_resume(rs_session *s);

/* 1 between rs_heap_begin and rs_heap_release: all that is new is in the interval. */
int rs_heap_is_marked(const rs_session *s);

/* Markers gone. The collector is as the bodies left it if s->journal is committed, else as
 * it was. Safe to call at any time, also twice; keeps a pending exception. */
void rs_heap_end(rs_session *s);

/* The committed update was taken back after rs_heap_end: the collector is as it was before
 * the bodies ran. Keeps a pending exception. */
void rs_heap_undo(rs_session *s);

/* All that was made while preparing and is still there, also what is not in s->young; each
 * object once. 0 or -1. */
int rs_heap_interval(rs_session *s, rs_heap_visit visit, void *arg);

/* walk.c. Every object that the collector knows. 0 or -1. */
int rs_heap_walk(rs_heap_visit visit, void *arg);

/* The dicts, tuples and frozensets that the collector doesn't track, since what they hold
 * can't form a cycle (sentinels, text): those that its objects lead to. 0 or -1. */
int rs_heap_walk_untracked(rs_heap_visit visit, void *arg);

/* One walk: appends to `out_list` each function whose func_globals is a key of `globals`.
 * 0 or -1. */
int rs_heap_functions(const rs_idmap *globals, PyObject *out_list);

/* How many strong references the heap's records have to `op` (for rs_session_holds). */
Py_ssize_t rs_heap_holds(const rs_session *s, const PyObject *op);

/* How many references to `target` the holder's tp_traverse reports. */
Py_ssize_t rs_heap_count(PyObject *holder, PyObject *target);

#endif
