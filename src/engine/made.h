/* made.h -- whose work a value is: that of the bodies of an update, or that of others.
 * Owns:     nothing.
 * Provides: rs_made, rs_made_test.
 * Depends:  compat.h.
 * Threads:  the GIL is held; a test runs no Python code.
 */
#ifndef RS_MADE_H
#define RS_MADE_H

#include "compat.h"

typedef enum {
    RS_MADE_NOT,     /* nothing says that a body made it */
    RS_MADE_HARDLY,  /* a constant of the new source that is everybody's: True, 7 */
    RS_MADE_PERHAPS, /* another one; text and numbers that others may use, too */
    RS_MADE          /* a function, class or instance of the new source */
} rs_made;

typedef rs_made (*rs_made_test)(PyObject *op, void *arg);

#endif
