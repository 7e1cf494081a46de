/* selectjudge.h -- what the data policy "merge" has to know when the whole body runs.
 * Owns:     sel->judging: both sources as lists of statements, and which classes were
 *           looked at.
 * Provides: rs_select_judge, rs_select_judge_name, rs_select_is_open,
 *           rs_judging_free.
 * Depends:  select.h, selecting.h, selectunit.h, cut.h.
 * Threads:  the updating thread. Runs Python code of the standard library (the parser).
 * Invariants:
 *   J1  a definition is parsed only if somebody asks what becomes of data in it.
 *       or if instances may lack what its __init__ assigns (RSL613).
 *   J2  nothing of the selection but verdicts, settings, names that go and what is pending
 *       is of use: the body runs as it stands.
 */
#ifndef RS_SELECTJUDGE_H
#define RS_SELECTJUDGE_H

#include "select.h"

typedef struct rs_judging rs_judging;

/* For execute="all": judges the statements that are no definitions. 0 or -1. */
int rs_select_judge(rs_session *s);

/* Before rs_select_verdict: judges the class that the name is in, unless that was done or
 * the source says the same of it as before. 0 or -1. */
int rs_select_judge_name(rs_session *s, rs_unit *u, PyObject *qualname);

/* Are there classes that nobody asked for yet? 1 or 0. */
int rs_select_is_open(const rs_unit *u);

void rs_judging_free(rs_judging *judging);

#endif
