/* effects.h -- changed statements that are neither definitions nor bindings (rule 1).
 * Owns:     nothing; runs u->effects, which the session owns.
 * Provides: rs_effects_run, rs_effects_take_back.
 * Depends:  leaks.h, watchdog.h, failure.h.
 * Threads:  the updating thread; other threads run meanwhile, and see what effects do.
 * Invariants:
 *   E1  an effect runs after the commit, in the live namespace, in the order of the units,
 *       each at most once; what it makes lives like anything that the program makes.
 *   E2  what effects change within reach is recorded (leaks.h), apart from what bodies
 *       changed.
 *   E3  afterwards no hook, watcher or time limit is left (T8).
 * A child that is forked off by an effect has the committed update; nothing is recorded in
 * it any more.
 */
#ifndef RS_EFFECTS_H
#define RS_EFFECTS_H

#include "session.h"

/* 0; -1 with a PrepareError that names file and line: then all has to be taken back. */
int rs_effects_run(rs_session *s);

/* Puts back what effects changed, before the commit is undone. Harmless if none ran. Keeps
 * a pending exception. */
void rs_effects_take_back(rs_session *s);

#endif
