/* superseded.h -- a reload meets a function that a hotfix has changed.
 * Owns:     nothing.
 * Provides: rs_superseded_report.
 * Depends:  session.h, same.h, foreign.h.
 * Threads:  the GIL is held; runs no Python code of the user.
 * Invariants:
 *   S1  a source that has the same code as the fix contains it; names don't count. What else
 *       takes its place removes it, and that is told (RSL620).
 */
#ifndef RS_SUPERSEDED_H
#define RS_SUPERSEDED_H

#include "session.h"

/* The pair's live function runs code of a hotfix: says what becomes of the fix. 1 if it did,
 * 0 if it is none, -1. */
int rs_superseded_report(rs_session *s, const rs_pair *pair, int line);

#endif
