/* stacks.h -- frames that are running, and those that are suspended.
 * Owns:     nothing; collected objects belong to the caller.
 * Provides: rs_stacks_running, rs_stacks_own, rs_stacks_importing,
 *           rs_stacks_generators, rs_generator_frame.
 * Depends:  session.h, heap.h.
 * Threads:  the GIL is held; frames of other threads are read, not touched.
 * Invariants:
 *   S1  no frame is passed over: where there is no memory for the object of one, the
 *       search fails.
 */
#ifndef RS_STACKS_H
#define RS_STACKS_H

#include "session.h"

/* 0: go on; anything else ends the search and is its result; -1 with an exception. */
typedef int (*rs_frame_visit)(PyFrameObject *frame, void *arg);

/* The frames of all threads of this interpreter, each thread's newest first. */
int rs_stacks_running(rs_frame_visit visit, void *arg);
/* Those of this thread. */
int rs_stacks_own(rs_frame_visit visit, void *arg);

/* Is that thread of this interpreter inside an import that began after its frame of `code`
 * (NULL: at all)? 1, 0, -1. */
int rs_stacks_importing(unsigned long thread, PyObject *code);

/* A new list of generators, coroutines and async generators: those made since the update
 * began (s given, while rs_heap_is_marked), or all. */
PyObject *rs_stacks_generators(rs_session *s);

/* 1 and *frame (owned) while the generator has one, 0 when it is done, -1. */
int rs_generator_frame(PyObject *generator, PyFrameObject **frame);

#endif
