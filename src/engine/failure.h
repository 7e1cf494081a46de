/* failure.h -- what went wrong in new code, told with module, file and line.
 * Owns:     nothing.
 * Provides: rs_prepare_error, rs_effects_error, rs_migrate_error.
 * Depends:  session.h.
 * Threads:  the updating thread. str() of the original exception may run Python code.
 */
#ifndef RS_FAILURE_H
#define RS_FAILURE_H

#include "session.h"

/* Replaces the exception that is set by a PrepareError that names the module and the
 * line, with the original as its cause; st->PrepareTimeout becomes a TimeoutError. A
 * PrepareError stays as it is. `unit` may be NULL. Always returns -1. */
int rs_prepare_error(rs_session *s, const rs_unit *unit);

/* The same for what the statements that run after the commit raised (effects.h). */
int rs_effects_error(rs_session *s, const rs_unit *unit);

/* The same for what __migrate_instance__ raised for an instance of that class (migrate.h).
 * `module` may be NULL. */
int rs_migrate_error(rs_session *s, PyObject *module, PyObject *qualname);

#endif
