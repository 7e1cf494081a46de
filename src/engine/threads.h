/* threads.h -- whether other threads of this interpreter have run meanwhile.
 * Owns:     the mark that is handed out.
 * Provides: rs_threads_more, rs_threads_mark, rs_threads_ran, rs_threads_free.
 * Depends:  compat.h. The one place that asks the platform for the time a thread used.
 * Threads:  the GIL is held.
 * Invariants:
 *   X1  "did not run" is a proof: the same threads, and none of them used any processor
 *       time. Where the platform can't tell, they ran.
 */
#ifndef RS_THREADS_H
#define RS_THREADS_H

#include "compat.h"

typedef struct rs_threads rs_threads;

/* Is there another thread? 1 or 0. */
int rs_threads_more(void);

/* NULL with MemoryError. */
rs_threads *rs_threads_mark(void);

/* 1 if another thread may have run since the mark, else 0. Never fails. */
int rs_threads_ran(const rs_threads *mark);

void rs_threads_free(rs_threads *mark);

#endif
