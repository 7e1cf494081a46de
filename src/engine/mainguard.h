/* mainguard.h -- `if __name__ == "__main__":` of the script that is running.
 * Owns:     nothing.
 * Provides: rs_mainguard_parse, rs_mainguard_is.
 * Depends:  compat.h, the module `ast`.
 * Threads:  the GIL is held; runs Python code of the standard library.
 */
#ifndef RS_MAINGUARD_H
#define RS_MAINGUARD_H

#include "compat.h"

/* The syntax tree of `source` (str or bytes) in which bodies of that statement never run:
 * the program is running, starting it once more is no update of it. What stands under
 * `else` runs. NULL with the exception of the parser. */
PyObject *rs_mainguard_parse(PyObject *source, PyObject *filename);

/* Is the statement `if __name__ == "__main__":`? 1, 0, -1. */
int rs_mainguard_is(PyObject *statement);

#endif
