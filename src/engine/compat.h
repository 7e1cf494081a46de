/* compat.h -- the one place that knows CPython versions (RS_PYVERSIONS).
 * Owns:     nothing.
 * Provides: one inline function per thing that differs between CPython 3.12 and 3.15,
 *           with the same contract on each of them.
 * Depends:  Python.h, public headers only. No other file tests PY_VERSION_HEX.
 * Threads:  the GIL is held.
 * Invariants:
 *   V1  a CPython that is not listed in RS_PYVERSION_KNOWN imports, and refuses updates.
 */
#ifndef RS_COMPAT_H
#define RS_COMPAT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <frameobject.h>

#include <stdint.h>

#if PY_VERSION_HEX < 0x030C0000
#error "resoul needs CPython 3.12 or newer"
#endif

/* The versions whose structures were measured (RS_PYVERSIONS). */
#define RS_PYVERSION_KNOWN (PY_VERSION_HEX < 0x03100000)

/* A build without the GIL has no instant at which no other thread runs. */
#ifdef Py_GIL_DISABLED
#define RS_FREE_THREADED 1
#else
#define RS_FREE_THREADED 0
#endif

#define RS_FUNCTION(op) ((PyFunctionObject *)(op))
#define RS_TYPE(op) ((PyTypeObject *)(op))
#define RS_HEAPTYPE(op) ((PyHeapTypeObject *)(op))
#define RS_CODE(op) ((PyCodeObject *)(op))

/* The parts of a function that an update replaces. 3.14 brought `annotate`. */
typedef enum {
    RS_FN_GLOBALS,
    RS_FN_BUILTINS,
    RS_FN_NAME,
    RS_FN_QUALNAME,
    RS_FN_CODE,
    RS_FN_DEFAULTS,
    RS_FN_KWDEFAULTS,
    RS_FN_CLOSURE,
    RS_FN_DOC,
    RS_FN_MODULE,
    RS_FN_ANNOTATIONS,
    RS_FN_TYPEPARAMS,
    RS_FN_DICT,
#if PY_VERSION_HEX >= 0x030E0000
    RS_FN_ANNOTATE,
#endif
    RS_FN_FIELDS
} rs_fn_field;

static inline PyObject **
rs_fn_slot(PyObject *func, int field)
{
    PyFunctionObject *f = RS_FUNCTION(func);
    switch ((rs_fn_field)field) {
    case RS_FN_GLOBALS:
        return &f->func_globals;
    case RS_FN_BUILTINS:
        return &f->func_builtins;
    case RS_FN_NAME:
        return &f->func_name;
    case RS_FN_QUALNAME:
        return &f->func_qualname;
    case RS_FN_CODE:
        return &f->func_code;
    case RS_FN_DEFAULTS:
        return &f->func_defaults;
    case RS_FN_KWDEFAULTS:
        return &f->func_kwdefaults;
    case RS_FN_CLOSURE:
        return &f->func_closure;
    case RS_FN_DOC:
        return &f->func_doc;
    case RS_FN_MODULE:
        return &f->func_module;
    case RS_FN_ANNOTATIONS:
        return &f->func_annotations;
    case RS_FN_TYPEPARAMS:
        return &f->func_typeparams;
    case RS_FN_DICT:
        return &f->func_dict;
#if PY_VERSION_HEX >= 0x030E0000
    case RS_FN_ANNOTATE:
        return &f->func_annotate;
#endif
    case RS_FN_FIELDS:
        break;
    }
    Py_UNREACHABLE();
}

/* 3.13: the body of a class stores its first line in __firstlineno__. */
#define RS_CLASS_LINES (PY_VERSION_HEX >= 0x030D0000)

/* 3.14: annotations are a function, evaluated when somebody asks. */
#define RS_LAZY_ANNOTATIONS (PY_VERSION_HEX >= 0x030E0000)

/* Forget the version under which call sites know `func`, through a public setter: it
 * cannot fail, tells function watchers, and empties the version cache of 3.13+. */
static inline void
rs_fn_clear_version(PyObject *func)
{
    PyObject *defaults = RS_FUNCTION(func)->func_defaults;
    PyFunction_SetDefaults(func, defaults != NULL ? defaults : Py_None);
}

/* The version of a function whose defaults nobody touched is that of its code; 0: none.
 * 3.14 uses 1 for "cleared". */
static inline uint32_t
rs_fn_version_if_codes(PyObject *func)
{
    uint32_t version = RS_FUNCTION(func)->func_version;
    if (version > 1 && version == RS_CODE(RS_FUNCTION(func)->func_code)->co_version) {
        return version;
    }
    return 0;
}

static inline void
rs_fn_set_version(PyObject *func, uint32_t version)
{
    RS_FUNCTION(func)->func_version = version;
}

/* What makes the JIT forget all it compiled (borrowed), NULL if there is nothing of that
 * kind. 3.13 and 3.14 need it for code that was traced in a scratch namespace. 3.15 records
 * traces while code runs, and frees what a thread that is just recording still uses: calling
 * this from another thread crashes it, in pure Python, 5 times out of 5 within 20 seconds.
 * There the setters that this file uses and PyType_Modified invalidate what depends on
 * functions and classes. */
static inline PyObject *
rs_clear_caches(void)
{
#if PY_VERSION_HEX >= 0x030F0000
    return NULL;
#else
    return PySys_GetObject("_clear_internal_caches");
#endif
}

/* 3.13 gives a class at most 1000 version tags in its life; then it is slow for good. */
static inline void
rs_type_renew_versions(PyTypeObject *type)
{
#if PY_VERSION_HEX >= 0x030D0000
    type->tp_versions_used = 0;
#else
    (void)type;
#endif
}

/* A class that its bases don't know isn't told when they change: it must not remember what
 * it found there. 3.12 has no way to say so. */
static inline void
rs_type_stop_caching(PyTypeObject *type)
{
    PyType_Modified(type);
#if PY_VERSION_HEX >= 0x030D0000
    type->tp_versions_used = 30000; /* as CPython does for a class with an mro() */
#endif
}

/* 3.14 caches a tuple's hash in the tuple. */
static inline void
rs_tuple_forget_hash(PyObject *tuple)
{
#if PY_VERSION_HEX >= 0x030E0000
    ((PyTupleObject *)tuple)->ob_hash = -1;
#else
    (void)tuple;
#endif
}

/* 3.12 and 3.13 keep the dict's watchers in ma_version_tag, 3.14 in _ma_watcher_tag;
 * the low eight bits, one for each watcher id. */
static inline int
rs_dict_is_watched(PyObject *dict)
{
#if PY_VERSION_HEX >= 0x030E0000
    return (((PyDictObject *)dict)->_ma_watcher_tag & 0xff) != 0;
#else
    _Py_COMP_DIAG_PUSH
    _Py_COMP_DIAG_IGNORE_DEPR_DECLS
    return (((PyDictObject *)dict)->ma_version_tag & 0xff) != 0;
    _Py_COMP_DIAG_POP
#endif
}

/* What a weak reference means (borrowed), NULL if that is dead or dying. PyWeakref_GetRef
 * (3.13+) does the same but takes a reference. */
static inline PyObject *
rs_weakref_referent(PyObject *ref)
{
    PyObject *op = ((PyWeakReference *)ref)->wr_object;
    return op != NULL && op != Py_None && Py_REFCNT(op) > 0 ? op : NULL;
}

/* Is the interpreter on its way out, so that modules may be gone? Public since 3.13. */
static inline int
rs_is_finalizing(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

/* Is its reference count meaningless? 3.14 brought PyUnstable_IsImmortal; before, all
 * immortal objects have huge counts. */
static inline int
rs_is_immortal(PyObject *op)
{
#if PY_VERSION_HEX >= 0x030E0000
    return PyUnstable_IsImmortal(op);
#else
    return Py_REFCNT(op) >= (Py_ssize_t)1 << 29;
#endif
}

/* Call it after changing PyFrame_GetLocals(frame) of a suspended frame: since 3.13 that is
 * a view of the variables, before a copy that has to be written back. */
static inline void
rs_frame_write_locals(PyFrameObject *frame)
{
#if PY_VERSION_HEX < 0x030D0000
    PyFrame_LocalsToFast(frame, 0);
#else
    (void)frame;
#endif
}

/* Does the dict keep its values elsewhere: in an instance, or beside shared keys? */
static inline int
rs_dict_is_split(PyObject *dict)
{
    return ((PyDictObject *)dict)->ma_values != NULL;
}

/* Exchange the contents of two dicts that nobody watches and that are not split. 3.12 and
 * 3.13 number the contents in ma_version_tag; the number goes along. */
static inline void
rs_dict_swap(PyObject *a, PyObject *b)
{
    PyDictObject *x = (PyDictObject *)a, *y = (PyDictObject *)b;
    Py_ssize_t used = x->ma_used;
    PyDictKeysObject *keys = x->ma_keys;
    x->ma_used = y->ma_used;
    y->ma_used = used;
    x->ma_keys = y->ma_keys;
    y->ma_keys = keys;
#if PY_VERSION_HEX < 0x030E0000
    _Py_COMP_DIAG_PUSH
    _Py_COMP_DIAG_IGNORE_DEPR_DECLS
    uint64_t tag = x->ma_version_tag;
    x->ma_version_tag = y->ma_version_tag;
    y->ma_version_tag = tag;
    _Py_COMP_DIAG_POP
#endif
}

/* Exchange the contents of two bytearrays without exported buffers. 3.15 keeps them in a
 * bytes object. */
static inline void
rs_bytearray_swap(PyObject *a, PyObject *b)
{
    PyByteArrayObject *x = (PyByteArrayObject *)a, *y = (PyByteArrayObject *)b;
    PyByteArrayObject t = *x;
    Py_SET_SIZE(x, Py_SIZE(y));
    x->ob_alloc = y->ob_alloc;
    x->ob_bytes = y->ob_bytes;
    x->ob_start = y->ob_start;
    Py_SET_SIZE(y, Py_SIZE(&t));
    y->ob_alloc = t.ob_alloc;
    y->ob_bytes = t.ob_bytes;
    y->ob_start = t.ob_start;
#if PY_VERSION_HEX >= 0x030F0000
    x->ob_bytes_object = y->ob_bytes_object;
    y->ob_bytes_object = t.ob_bytes_object;
#endif
}

/* Can instances of a class be laid out by the rules of another one? The conditions of
 * CPython's compatible_for_assignment, which changed in 3.13 (no tp_dealloc, inline
 * values) and in 3.15 (flags instead of offsets while walking up). */
static inline int
rs_layout_flags_agree(const PyTypeObject *a, const PyTypeObject *b)
{
    unsigned long mask = Py_TPFLAGS_PREHEADER;
#if PY_VERSION_HEX >= 0x030D0000
    mask |= Py_TPFLAGS_INLINE_VALUES;
#endif
#if PY_VERSION_HEX >= 0x030F0000
    mask |= Py_TPFLAGS_HAVE_GC;
    if (a->tp_dictoffset != b->tp_dictoffset ||
        a->tp_weaklistoffset != b->tp_weaklistoffset) {
        return 0;
    }
#endif
#if PY_VERSION_HEX < 0x030D0000
    if (a->tp_dealloc != b->tp_dealloc) {
        return 0;
    }
#endif
    return ((a->tp_flags ^ b->tp_flags) & mask) == 0;
}

/* Does `type` add nothing to the layout of its base, as far as CPython looks? */
static inline int
rs_layout_walks_up(const PyTypeObject *type, const PyTypeObject *base)
{
#if PY_VERSION_HEX < 0x030F0000
    if (type->tp_dictoffset != base->tp_dictoffset ||
        type->tp_weaklistoffset != base->tp_weaklistoffset ||
        ((type->tp_flags ^ base->tp_flags) & Py_TPFLAGS_HAVE_GC) != 0) {
        return 0;
    }
#endif
    return type->tp_basicsize == base->tp_basicsize &&
           type->tp_itemsize == base->tp_itemsize;
}

/* 3.15 (lazy imports) keeps flags in the low bits of IMPORT_NAME's argument. */
static inline int
rs_import_name_index(int arg)
{
#if PY_VERSION_HEX >= 0x030F0000
    return arg >> 2;
#else
    return arg;
#endif
}

/* 3.14 marks functions that are defined in a class; they do the same without. */
#ifdef CO_METHOD
#define RS_CODE_METHOD CO_METHOD
#else
#define RS_CODE_METHOD 0
#endif

/* Does the dict say nothing to watchers of what is stored in it? In 3.13.0 that of an
 * instance, as long as it shares the instance's inline values (RS_PYVERSIONS: fixed in a later
 * 3.13, and all of them are treated alike). */
static inline int
rs_dict_is_silent(PyObject *dict)
{
#if PY_VERSION_HEX >= 0x030D0000 && PY_VERSION_HEX < 0x030E0000
    return ((PyDictObject *)dict)->ma_values != NULL;
#else
    (void)dict;
    return 0;
#endif
}

#endif
