/* scratch.h -- the private namespaces in which new module bodies run.
 * Owns:     nothing; fills s->builtins and each unit's scratch module, dict and phase,
 *           which the session owns.
 * Provides: rs_scratch_open, rs_scratch_run, rs_scratch_forward.
 * Depends:  session.h, imports.h, importhook.h, quiet.h.
 * Threads:  the preparing thread, GIL held. Running a body may release the GIL.
 * Invariants:
 *   C1  a body runs at most once; a unit whose body raised raises the same again.
 *   C2  a scratch dict has the real __name__, the live machinery names and the private
 *       builtins before its body runs; no live dict is written.
 *   C3  the hooks in the private builtins outlive the update: they forward to the real
 *       builtins when the session isn't active or another thread calls.
 */
#ifndef RS_SCRATCH_H
#define RS_SCRATCH_H

#include "session.h"

/* Makes the private builtins (s->builtins, s->real_*) and a scratch module for each unit.
 * Call after rs_heap_begin, so that what it makes is young, and before
 * rs_imports_begin. 0 or -1. */
int rs_scratch_open(rs_session *s);

/* Runs the unit's new body in its scratch namespace, those of its parent packages that
 * wait first; done or running: nothing happens. 0, or -1 with the body's exception.
 * Call it for every unit whatever its phase: the error of a body that ran inside another
 * one's `import`, and was swallowed there, is raised again. */
int rs_scratch_run(rs_session *s, rs_unit *u);

/* Calls builtins.`name` as it is now: what the hooks do for others. */
PyObject *rs_scratch_forward(const char *name, PyObject *args, PyObject *kwargs);

#endif
