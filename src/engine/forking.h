/* forking.h -- a child process for rehearsals. Platform code: fork().
 * Owns:     nothing.
 * Provides: rs_fork.
 * Depends:  lock.h (which says what becomes of updates in a child).
 * Threads:  any; the GIL is held.
 * Invariants:
 *   G1  the child has this thread only, and no update. It must end by os._exit().
 *   G3  where the platform can do it, the child ends when the thread that made it does.
 *   G2  unlike os.fork() it doesn't warn of other threads: who calls it watches over the
 *       child, which may find locks taken for ever.
 */
#ifndef RS_FORKING_H
#define RS_FORKING_H

#include "state.h"

/* 0 in the child, its process id in the parent, -1 with an exception. */
long rs_fork(rs_state *st);

#endif
