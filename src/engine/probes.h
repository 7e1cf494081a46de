/* probes.h -- ways in for tests, into parts that have no other.
 * Owns:     nothing.
 * Provides: rs_probes_add, rs_probes_effects; they do nothing in builds for users.
 * Depends:  session.h and what is tested.
 * Threads:  any; the GIL is held.
 */
#ifndef RS_PROBES_H
#define RS_PROBES_H

#include "session.h"

/* Adds the methods to the engine module. 0 or -1. */
int rs_probes_add(PyObject *engine);

/* Gives units the code objects of the dict engine._effects (module name -> code), if a test
 * has set it. 0 or -1. */
int rs_probes_effects(rs_session *s);

#endif
