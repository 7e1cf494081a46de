/* settle.h -- what has to be done once new contents live.
 * Owns:     nothing.
 * Provides: rs_settle, rs_settle_remember.
 * Depends:  session.h and those who do it.
 * Threads:  the updating thread; the world goes on.
 * Invariants:
 *   S1  an update stands, whatever fails here: that is told by sys.unraisablehook. It can
 *       fail only for want of memory, or because something raised while it was dropped.
 */
#ifndef RS_SETTLE_H
#define RS_SETTLE_H

#include "session.h"

/* Right after the commit; effects and hooks may still put the old contents back. */
void rs_settle(rs_session *s);

/* When nothing can. */
void rs_settle_remember(rs_session *s);

#endif
