/* state.h -- what one interpreter's copy of the engine keeps between updates.
 * Owns:     exception classes, record types, interned names, the update lock, the
 *           graveyard, the source that is known of each module, leftover donors.
 * Provides: rs_state_of, rs_state_init, rs_state_traverse, rs_state_clear.
 * Depends:  compat.h.
 * Threads:  the GIL is held.
 * Invariants:
 *   S1  no writable static in any file: everything lives here or in a session.
 */
#ifndef RS_STATE_H
#define RS_STATE_H

#include "compat.h"
#include "tally.h"

/* Strings that the engine looks up; st->names.__wrapped__ and so on. */
#define RS_NAMES(X)                \
    X(__name__)                    \
    X(__qualname__)                \
    X(__module__)                  \
    X(__doc__)                     \
    X(__dict__)                    \
    X(__weakref__)                 \
    X(__slots__)                   \
    X(__class__)                   \
    X(__bases__)                   \
    X(__mro__)                     \
    X(__init_subclass__)           \
    X(__set_name__)                \
    X(__wrapped__)                 \
    X(__code__)                    \
    X(__all__)                     \
    X(__annotations__)             \
    X(__annotate__)                \
    X(__annotate_func__)           \
    X(__annotations_cache__)       \
    X(__conditional_annotations__) \
    X(__firstlineno__)             \
    X(__static_attributes__)       \
    X(__match_args__)              \
    X(__orig_bases__)              \
    X(__parameters__)              \
    X(__type_params__)             \
    X(__abstractmethods__)         \
    X(__isabstractmethod__)        \
    X(__hash__)                    \
    X(__eq__)                      \
    X(__new__)                     \
    X(__dataclass_fields__)        \
    X(__dataclass_params__)        \
    X(__builtins__)                \
    X(__file__)                    \
    X(__path__)                    \
    X(__package__)                 \
    X(__spec__)                    \
    X(__loader__)                  \
    X(__cached__)                  \
    X(__import__)                  \
    X(__lazy_import__)             \
    X(__build_class__)             \
    X(__main__)                    \
    X(__before_reload__)           \
    X(__after_reload__)            \
    X(__reload_failed__)           \
    X(__migrate_instance__)        \
    X(_abc_impl)                   \
    X(_fields)                     \
    X(_reload_data)                \
    X(_reload_all_data)            \
    X(_del_func)                   \
    X(_value_)                     \
    X(_name_)                      \
    X(_member_map_)                \
    X(_member_names_)              \
    X(_value2member_map_)          \
    X(_member_type_)               \
    X(_inverted_)                  \
    X(_sort_order_)                \
    X(cache_clear)                 \
    X(cache_parameters)            \
    X(func)                        \
    X(args)                        \
    X(keywords)                    \
    X(fget)                        \
    X(fset)                        \
    X(fdel)                        \
    X(attrname)                    \
    X(cell_contents)               \
    X(registry)                    \
    X(dispatch_cache)              \
    X(dispatcher)                  \
    X(data)                        \
    X(maxlen)                      \
    X(modules)                     \
    X(mro)                         \
    X(get)                         \
    X(get_code)

typedef struct {
#define RS_NAME_FIELD(name) PyObject *name;
    RS_NAMES(RS_NAME_FIELD)
#undef RS_NAME_FIELD
} rs_names;

typedef struct rs_session rs_session;
struct rs_entry; /* history.h */

typedef struct {
    struct rs_entry **entries; /* oldest first */
    Py_ssize_t used, room;
    Py_ssize_t limit; /* so many are kept */
    rs_tally tally;   /* references of those entries that are counted */
} rs_history;

typedef struct {
    rs_names names;

    PyObject *UpdateError;
    PyObject *PrepareError;
    PyObject *RefusedError;
    PyObject *PrepareTimeout; /* raised by the watchdog; never leaves the engine */
    PyObject *Reason; /* struct sequences: Reason, Change, Notice, Lagging, Conflict */
    PyObject *Change;
    PyObject *Notice;
    PyObject *Lagging;
    PyObject *Conflict;
    PyObject *ConflictError;
    PyObject *Entry_Type;      /* history.c */
    PyObject *Session_Type;    /* session.c: keeps hooks valid after an update */
    PyObject *Prepared_Type;   /* prepared.c */
    PyObject *SysModules_Type; /* sysmodules.c */
    PyObject *View_Type;       /* view.c */
    PyObject *Maker_Type;      /* quiet.c */
    PyObject *Builtins_Type;   /* builtins.c */
    PyObject *Space_Type;      /* space.c */
    PyObject *Probe_Type;      /* instrument.c */

    destructor subtype_dealloc; /* tp_dealloc of a class that `type()` made */
    PyTypeObject *lru_cache_type;
    PyTypeObject *partial_type;
    PyTypeObject *cached_property_type;
    PyTypeObject *deque_type;
    PyTypeObject *weak_method_type;
    PyObject *clear_caches; /* rs_clear_caches() or NULL */

    PyThread_type_lock lock;  /* held by the one update that runs */
    unsigned long lock_owner; /* thread identifier, 0: free */
    int forked;               /* this process is the child of a fork (watchdog.c) */
    rs_session *running;      /* borrowed; NULL when no update runs */
    rs_session *prepared;     /* borrowed; the first of those that wait (prepared.h) */

    Py_ssize_t serial;      /* how many updates were committed */
    Py_ssize_t lost_serial; /* that of the last one that `updated` could not be told */
    PyObject *updated; /* dict: module name -> serial of its last update (still.h) */

    PyObject *graveyard; /* list: scratch namespaces that frames still borrow (T6) */
    PyObject *known;     /* dict: the source that is live of each module (known.h) */
    int64_t installed;   /* when the recorder was, in ns since 1970 (recorder.c) */
    PyObject *exec;      /* recorder.c: builtins.exec */
    PyObject *call_without_frames; /* importlib's _call_with_frames_removed */
    PyObject *source_loader;       /* its SourceFileLoader */
    PyObject
        *pending; /* dict: module name -> dict: qualname -> (kind, line, reason, has
                          base, base): changes that an update left out (select.h) */
    PyObject
        *excluded;    /* recorder.c: tuple of folders whose modules are not recorded */
    PyObject *broken; /* what went wrong when an update could not be taken back: from
                            then on every update is refused; NULL: nothing did */
    rs_history history;    /* history.h */
    PyObject *leftovers;   /* list of (weakref live, weakref donor): rule 11 */
    Py_ssize_t fail_after; /* tests: which operation of a commit fails; -1: none */
    uint32_t own_version; /* the next function version that the engine hands out itself,
                             counted down from the top; CPython counts up from 1 */
} rs_state;

rs_state *rs_state_of(PyObject *engine_module);
int rs_state_init(rs_state *st);
int rs_state_traverse(rs_state *st, visitproc visit, void *arg);
void rs_state_clear(rs_state *st);

/* A function version that no code object has and no call site knows. */
static inline uint32_t
rs_state_new_version(rs_state *st)
{
    return st->own_version--;
}

#endif
