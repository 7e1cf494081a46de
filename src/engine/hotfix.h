/* hotfix.h -- a snippet of Python, run in the live process as a transaction.
 * Owns:     s->hot: the snippet, its namespace, and what it wrote into namespaces.
 * Provides: rs_hotfix; rs_hot_prepare, rs_hot_match and so on for the stages of update.h,
 *           which a hotfix goes through like a reload.
 * Depends:  session.h, instrument.h, leaks.h.
 * Threads:  the updating thread; while the snippet runs other threads do, and see what it
 *           does (DESIGN rule 15).
 * Invariants:
 *   X1  when the snippet has run, the namespaces of modules and classes get back what they
 *       held; what it bound there is planned, and comes with the commit. What it did to
 *       containers and instances stays, is taken back if anything fails, and is adopted by
 *       the history (undo).
 *   X2  functions and classes that the snippet made and bound over old ones are donors
 *       (hotmatch.c); whoever holds the old ones runs the new code.
 *   X3  what the snippet itself refers to of old functions means the old code: a copy
 *       (hotcopies.c).
 *   X4  no code with probes lives on.
 *   X5  what `ask` found out is so until the end: no other update comes in between.
 */
#ifndef RS_HOTFIX_H
#define RS_HOTFIX_H

#include "instrument.h"
#include "leaks.h"
#include "scope.h"

typedef struct {
    PyObject *update;   /* gets the report */
    PyObject *allowed;  /* callable (name, module) -> bool */
    PyObject *label;    /* str */
    PyObject *digest;   /* str: hexadecimal */
    PyObject *filename; /* str: what tracebacks call it */
    PyObject *text;     /* str */
    PyObject *inside;   /* a loaded module, or None */
    PyObject *name;     /* str: of that module, or None */
    PyObject *ask;      /* callable(): raises if it must not be applied to what lives */
    double timeout;     /* seconds; <= 0: none */
    int strict;
} rs_hotfix_options;

/* One name that the snippet gave another value. Owned. */
typedef struct {
    PyObject *dict;
    PyTypeObject *type; /* the class whose namespace it is, or NULL: a module's */
    PyObject *key, *old, *now;
    PyObject *qualname;
    Py_ssize_t unit;
    int poured;    /* `old` takes what `now` is, and stays */
    int rewrapped; /* a property that takes other functions: no pair tells of it */
} rs_hot_write;

typedef struct {
    PyObject *op;                   /* a function whose fields were assigned, or */
    PyObject *bases;                /* a class: its bases */
    PyObject *fields[RS_FN_FIELDS]; /* what they were */
    PyObject *now[RS_FN_FIELDS];    /* what they become: when the snippet has run */
    PyObject *now_bases;
} rs_hot_field;

struct rs_hot {
    rs_hotfix_options o; /* owned references, but update, allowed and ask */
    rs_instrumented code;
    PyObject *ns; /* dict: the snippet's namespace, or that of `inside` */
    rs_hot_write *writes;
    Py_ssize_t n_writes, writes_room;
    rs_hot_field *fields;
    Py_ssize_t n_fields, fields_room;
    rs_idmap field_index; /* function or class -> itself */
    rs_idmap originals;   /* live function, or wrapper -> copy of what it was (X3) */
    PyObject *modules;    /* set: names that were in sys.modules before */
};

/* Runs it. None, or NULL with UpdateError, PrepareError, RefusedError. */
PyObject *rs_hotfix(PyObject *engine, rs_state *st, const rs_hotfix_options *options);

/* -- stages -- */

/* Compiles and runs the snippet, and makes units of the modules that it touched. 0 or -1. */
int rs_hot_prepare(rs_session *s);
/* hotmatch.c. Which old functions and classes take what is new? 0 or -1. */
int rs_hot_match(rs_session *s);
/* hotplan.c. Names of modules and classes, and fields. 0 or -1. */
int rs_hot_plan_names(rs_session *s);
int rs_hot_plan_fields(rs_session *s);
/* hotnames.c. RSL741: global names that new code reads, and nobody binds. 0 or -1. */
int rs_hot_check_names(rs_session *s);
/* hotclass.c. Methods that have to be compiled as part of a class. 0 or -1. */
int rs_hot_place_methods(rs_session *s);
/* hotcopies.c. `live` is a function that gets new code: makes the copy. 0 or -1. */
int rs_hot_copy_original(rs_session *s, PyObject *live);
/* After all of these: a descriptor or cache around such functions. 0 or -1. */
int rs_hot_copy_wrapper(rs_session *s, PyObject *live);
/* Then: what the copies hold of each other. 0 or -1. */
int rs_hot_copy_insides(rs_session *s);
/* References of the snippet's objects to such functions become references to the copies. At
 * once. 0 or -1. */
int rs_hot_redirect_originals(rs_session *s);
/* Puts back fields and imported modules. Keeps a pending exception. */
void rs_hot_take_back(rs_session *s);
/* hotreport.c. Changes of containers and instances, from what the history keeps. 0 or -1. */
struct rs_entry;
int rs_hot_report(rs_session *s, const struct rs_entry *entry);
/* Once the hotfix stands. 0 or -1. */
int rs_hot_settle(rs_session *s);
void rs_hot_free(rs_session *s);

/* -- questions; all may be asked of a reload -- */

/* Is it a function that runs the snippet's code, or a class that the snippet made? */
int rs_hot_made(const rs_session *s, PyObject *op);
/* The same of an object that was made while the snippet ran: a class may have nothing but
 * the name of its module. */
int rs_hot_made_now(const rs_session *s, PyObject *op);
/* Is `dict` the snippet's own namespace? */
int rs_hot_is_namespace(const rs_session *s, const PyObject *dict);
/* The snippet's code, without probes. */
PyObject *rs_hot_code(const rs_session *s);
/* What the snippet is about to set of functions and classes, and that is in no dict: 1 if
 * that was all, 0, -1. */
int rs_hot_note_fields(rs_session *s, rs_note_kind kind, PyObject *object,
                       PyObject *name);
/* visit() for the snippet's namespace, and for what it bound in others. */
int rs_hot_visit_roots(const rs_session *s, visitproc visit, void *arg);
/* References that s->hot has. */
int rs_hot_visit(const rs_session *s, visitproc visit, void *arg);

#endif
