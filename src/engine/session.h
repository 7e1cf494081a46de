/* session.h -- one update while it is being made.
 * Owns:     the units, the map from donors to live objects, the journal, refusals and
 *           the report. Everything is released by rs_session_close.
 * Provides: the structures that select, prepare, match, plan and commit hand on.
 * Depends:  state.h, idmap.h, journal.h.
 * Threads:  used by the thread that updates; `active` and `thread` are read by hooks that
 *           any thread may call, under the GIL.
 * Invariants:
 *   T1  before commit no live object has changed (but what leaks.h takes back)
 *   T2  after a failed prepare or commit the program is as it was
 *   T6  scratch dicts live as long as any frame that borrowed them
 *   N1  a session is no GC object: a walk of the heap never sees its references, so
 *       rs_session_holds() tells how many it has to an object
 */
#ifndef RS_SESSION_H
#define RS_SESSION_H

#include "idmap.h"
#include "journal.h"
#include "state.h"

typedef enum { RS_UPDATE_RELOAD, RS_UPDATE_HOTFIX, RS_UPDATE_UNDO } rs_update_kind;

typedef enum { RS_UNIT_WAITING, RS_UNIT_RUNNING, RS_UNIT_DONE } rs_unit_phase;

/* What happens to data whose source changed. */
typedef enum { RS_POLICY_KEEP, RS_POLICY_TAKE, RS_POLICY_MERGE } rs_policy;

typedef struct rs_selection rs_selection; /* select.h */

/* One module that takes part in the update. All owned. */
typedef struct {
    PyObject *name;           /* str: its key in sys.modules */
    PyObject *module;         /* the live module */
    PyObject *live;           /* its dict */
    PyObject *loader;         /* or NULL */
    PyObject *filename;       /* str; "<unknown>" if there is none */
    PyObject *data;           /* the new source as the loader gave it, or NULL */
    PyObject *path;           /* what it is compiled as, or NULL (loader.h) */
    PyObject *text;           /* the new source, decoded, or NULL: not to be had */
    PyObject *code;           /* new code; NULL: the loader's exec_module runs */
    PyObject *known_code;     /* code of the source that is live, or NULL: not known */
    PyObject *effects;        /* code that runs in `live` after the commit, or NULL */
    PyObject *known_text;     /* that source, or NULL: not known, or nobody asked */
    rs_selection *selection;  /* select.h; NULL: nobody compared the sources */
    int guessed;              /* known_text is not verified yet (known.h) */
    int parts;                /* only what is selected runs, not the whole body */
    PyObject *scratch_module; /* a module object with the real __name__ */
    PyObject *scratch;        /* its dict */
    rs_policy policy;         /* for its data, unless a scope speaks for itself */
    rs_unit_phase phase;
    Py_ssize_t entry; /* number of the unit that begins its circle (order.h) */
    int read_kind;    /* rs_source_kind of the new source (source.c) */
    int way;          /* loader_read.c: how the loader gives its source */
    int own_compile;  /* the loader doesn't compile as importlib does */
    int entered;      /* scratch.c: that one was asked to begin */
    PyObject *error;  /* what its body raised, or NULL: raised again (scratch.h) */
    int borrowed;     /* frames.h: a frame uses `scratch`, don't empty it */
} rs_unit;

typedef enum {
    RS_PAIR_FUNCTION, /* live takes the contents of donor */
    RS_PAIR_CLASS
} rs_pair_kind;

/* A live definition and its donor. Owned. */
typedef struct {
    rs_pair_kind kind;
    rs_unit *unit;
    PyObject *live, *donor;
    PyObject *qualname;
} rs_pair;

/* What has become of an update. */
typedef enum {
    RS_STAGE_RUNNING,
    RS_STAGE_PREPARED, /* between rs_update_prepare and rs_update_commit: prepared.h */
    RS_STAGE_COMMITTED,
    RS_STAGE_ABANDONED,
    RS_STAGE_FAILED
} rs_stage;

struct rs_session {
    PyObject_HEAD
    rs_state *st;     /* borrowed; the module outlives every session */
    PyObject *engine; /* the engine module, keeps st alive */
    rs_stage stage;
    rs_update_kind kind;
    PyObject *label;           /* name of the update; history.c names reloads */
    PyObject *digest;          /* of its sources, 64 hexadecimal digits; the same */
    struct rs_entry *undoes;   /* an undo: of what. Owned */
    int only_code, keep;       /* undo.h */
    int partly;                /* undo.c: something that the update did stays */
    struct rs_entry **dropped; /* of the history, by this update. Owned */
    Py_ssize_t n_dropped;
    rs_session *next;     /* borrowed: of st->prepared */
    int active;           /* preparing: hooks redirect; later they only forward */
    unsigned long thread; /* identifier of the preparing thread */

    rs_unit *units;
    Py_ssize_t n_units;

    PyObject *builtins;    /* private builtins dict of all scratch namespaces */
    PyObject *real_import; /* builtins.__import__ etc. as they were at the start */
    PyObject *real_lazy_import;
    PyObject *real_build_class;
    PyObject *first_imports; /* list of names this update imported for the first time */
    int importing;           /* depth of first-time imports: the timeout waits */
    PyObject *effect; /* borrowed: of a unit, while it runs (effects.c), or NULL */
    int timed_out;    /* the watchdog fired; no failure by itself */
    int abandoned;    /* this process was forked off while preparing (lock.c) */
    int gc_was_on;    /* what to restore; also in a forked child (lock.c) */
    PyObject *gc_threshold;       /* the same: what gc.get_threshold() said, or NULL */
    struct rs_watchdog *watchdog; /* watchdog.c */
    struct rs_leaks *leaks;       /* leaks.c: the newest phase */
    struct rs_heap *heap;         /* heap.c: markers */
    struct rs_imports *imports;   /* imports.c */
    struct rs_codes *codes;       /* codes.c */
    struct rs_migrating *migrating; /* migrate.c: instances that had their turn */
    struct rs_still *still;         /* still.c: what a prepared update was matched on */
    Py_ssize_t serial;    /* still.c: of the last update when it was prepared */
    int overtaken;        /* other code has run since the match, so that counts of
                                     references that were noted then are old (census.c) */
    PyObject *imports_of; /* importers.c: what modules import; a dict or NULL */

    rs_idmap stand_ins; /* made for the update -> what lives (parts.h) */
    rs_idmap young;     /* what was made while preparing: object -> itself */
    rs_idmap map;       /* donor -> live */
    rs_idmap quiet;     /* donor class -> live class it was created for (quiet.c); None:
                           a decorator made another one of it, which stands for it */
    rs_idmap born;      /* class made by a body -> itself (quiet.c) */
    rs_idmap old_codes; /* old code -> new code (codes.h) */
    rs_idmap claimed;   /* live definition -> donor that it was first paired with */
    rs_idmap lines;     /* body code -> dict of lines (lines.c) */
    rs_idmap rewraps;   /* live wrapper -> donor whose parts it takes (rewrap.c) */
    rs_idmap
        combinations;  /* live combination of flags -> the donor's (enumeration.c) */
    rs_idmap replaced; /* live definition -> what its name means instead (kinds.c) */
    rs_idmap replaced_names; /* the same -> (module, qualname) */
    rs_idmap nested_done;    /* nested functions that get new code (nested.c) */
    rs_idmap changed;        /* young objects whose hash is another now (redirect.c) */
    rs_idmap late;           /* those whose hash will be (late.c) ... */
    Py_ssize_t late_first, late_end; /* ... and what the journal does to them */
    rs_idmap bodies; /* live container -> donor whose contents it takes (data.c) */
    rs_pair *pairs;  /* match.c, in order of discovery */
    Py_ssize_t n_pairs, pairs_room;
    PyObject *caches; /* list: lru_caches to empty right after the commit */
    PyObject *abcs; /* list of (class, what was registered with it after the commit) */
    rs_journal journal;

    int hooks_ran;       /* user code ran between plan and commit (hooks.c) */
    Py_ssize_t n_before; /* units whose __before_reload__ was asked (hooks.c) */

    /* options */
    PyObject *allowed;  /* callable (name, module) -> bool */
    PyObject *base;     /* dict: module name -> old source (str or bytes), or NULL */
    PyObject *data;     /* callable (name) -> "keep" or "take" */
    PyObject *take;     /* set of "module.name" or "module.Class.name" */
    PyObject *del;      /* the same, delete= */
    int only_changed;   /* execute="changed" */
    int strict;         /* warnings refuse */
    struct rs_hot *hot; /* hotfix.h; NULL: a reload */
    double timeout;     /* seconds; <= 0: none */

    /* results */
    PyObject *refusals;       /* list of Reason */
    PyObject *changes;        /* list of Change */
    PyObject *notices;        /* list of Notice */
    Py_ssize_t early_notices; /* so many of them are from before the first plan */
    PyObject *lagging;        /* list of Lagging */
    PyObject *leftovers;      /* list of (live, donor), or NULL: leftovers.c */
    PyObject *update;         /* the face's Update object, handed to hooks */
    int64_t prepare_ns, plan_ns, pause_ns, blocked_ns;
    int64_t breath; /* when other threads could run the last time, on rs_clock_ns */
};

PyObject *rs_session_make_type(PyObject *engine);
rs_session *rs_session_new(PyObject *engine, rs_state *st);
/* Releases all that the update needed; the object stays for hooks. May run Python code. */
void rs_session_close(rs_session *s);

/* Lets other threads run, if any waits, and notes how long they could not (blocked_ns).
 * Nothing borrowed from a live object may be held across it. */
void rs_session_breathe(rs_session *s);

/* Closes and releases the session; keeps a pending exception. */
void rs_session_finish(rs_session *s);

int rs_session_pair(rs_session *s, rs_pair_kind kind, rs_unit *u, PyObject *qualname,
                    PyObject *live, PyObject *donor);
void rs_pairs_clear(rs_session *s);

/* How many strong references the session itself and the history have to `op`. */
Py_ssize_t rs_session_holds(const rs_session *s, PyObject *op);
/* The same in two parts, for those who ask for many objects: what look-ups tell, and each
 * reference of pairs and journal. */
Py_ssize_t rs_session_holds_by_index(const rs_session *s, PyObject *op);
int rs_session_visit_lists(const rs_session *s, visitproc visit, void *arg);

/* The unit whose live dict (or scratch dict) is `dict`, or NULL. */
rs_unit *rs_session_unit_by_live(const rs_session *s, const PyObject *dict);
rs_unit *rs_session_unit_by_scratch(const rs_session *s, const PyObject *dict);
/* The unit of that name (compared as str, no Python code), or NULL. */
rs_unit *rs_session_unit_by_name(const rs_session *s, PyObject *name);

/* What `op` is after the update: its live counterpart if it is a donor, else itself. */
static inline PyObject *
rs_session_live(const rs_session *s, PyObject *op)
{
    PyObject *live = rs_idmap_get(&s->map, op);
    return live != NULL ? live : op;
}

/* report.c. Each appends one record; 0 or -1. `line` 0: unknown. Formats as
 * PyUnicode_FromFormat. `unit` may be NULL. */
int rs_refuse(rs_session *s, const char *code, const rs_unit *unit, PyObject *qualname,
              int line, const char *todo, const char *found, ...);
int rs_notice(rs_session *s, const char *code, const rs_unit *unit, PyObject *qualname,
              int line, const char *message, ...);
int rs_change(rs_session *s, const rs_unit *unit, PyObject *qualname, const char *kind,
              const char *action, int line, const char *reason, ...);

/* strict=True: a refusal for each of s->notices. 0 or -1. */
int rs_refuse_notices(rs_session *s);

/* Raises RefusedError with all of s->refusals. An exception is set in any case; 0 if it
 * is that one. */
int rs_raise_refusals(rs_session *s);

#endif
