/* source.h -- from what the caller named to units with compiled code.
 * Owns:     nothing; what it makes belongs to the units of the session.
 * Provides: rs_source_resolve, rs_source_read, rs_source_compile, rs_source_load; known.h
 *           and failure.h come with it.
 * Depends:  session.h, loader.h.
 * Threads:  the updating thread. Loaders are asked, so Python code may run.
 * Invariants:
 *   R1  nothing in the program changes: sources are read and compiled, nothing is run.
 *   R2  units are in the order of sys.modules, each module once.
 */
#ifndef RS_SOURCE_H
#define RS_SOURCE_H

#include "failure.h"
#include "known.h"
#include "session.h"

/* Fills s->units from `modules`: a name, a module object, or an iterable of these. What
 * can't be updated becomes a refusal in s->refusals (RSL101, RSL102, RSL103, RSL104) and
 * no unit. 0; -1 with TypeError or what the iterable, s->allowed or s->data raised. */
int rs_source_resolve(rs_session *s, PyObject *modules);

/* Reads every unit's source once, through the module's own loader: u->data, u->text. A
 * source that is gone is a refusal (RSL104): look at s->refusals before anything is run.
 * 0; -1 with PrepareError. */
int rs_source_read(rs_session *s);

/* Compiles what was read into u->code; NULL stays where only the loader's exec_module can
 * run the module. 0; -1 with PrepareError. */
int rs_source_compile(rs_session *s, rs_unit *u);

/* Both, of every unit. */
int rs_source_load(rs_session *s);

#endif
