/* readfile.h -- the contents of a file, for as little as the platform asks for it.
 * Owns:     nothing.
 * Provides: rs_read_file.
 * Depends:  compat.h.
 * Threads:  any, GIL held: it costs less than giving the GIL up and getting it back.
 */
#ifndef RS_READFILE_H
#define RS_READFILE_H

#include "compat.h"

/* bytes; NULL without an exception if the file can't be read so: its name isn't ASCII, an
 * error, 256 MiB or more. The loader can be asked then. NULL with an exception: no memory. */
PyObject *rs_read_file(PyObject *path);

#endif
