#include "frames.h"

#include "abandoned.h"
#include "frozen.h"
#include "op.h"
#include "same.h"
#include "stacks.h"

enum { GRAVE_NAMESPACE, GRAVE_BUILTINS, GRAVE_GENERATORS, GRAVE_THREADS };

/* What a frame may have borrowed. */
typedef struct {
    PyObject *space;    /* NULL: only the builtins matter */
    PyObject *builtins; /* NULL: only the namespace matters */
} borrowed;

static int
frame_borrows(PyFrameObject *frame, void *arg)
{
    const borrowed *what = arg;
    PyObject *globals = PyFrame_GetGlobals(frame);
    PyObject *builtins = PyFrame_GetBuiltins(frame);
    int result = globals == what->space ||
                 (what->builtins != NULL && builtins == what->builtins);
    Py_XDECREF(globals);
    Py_XDECREF(builtins);
    return result;
}

static int
generator_borrows(PyObject *generator, borrowed *what)
{
    PyFrameObject *frame;
    int result = rs_generator_frame(generator, &frame);
    if (result == 1) {
        result = frame_borrows(frame, what);
        Py_DECREF(frame);
    }
    return result;
}

/* New list of weak references to those generators whose frames borrow. */
static PyObject *
find_borrowers(PyObject *generators, borrowed *what)
{
    PyObject *refs = PyList_New(0);
    for (Py_ssize_t i = 0; refs != NULL && i < PyList_GET_SIZE(generators); i++) {
        PyObject *generator = PyList_GET_ITEM(generators, i);
        PyObject *ref = NULL;
        int borrows = generator_borrows(generator, what);
        if (borrows == 1) {
            ref = PyWeakref_NewRef(generator, NULL);
            borrows = ref != NULL ? PyList_Append(refs, ref) : -1;
            Py_XDECREF(ref);
        }
        if (borrows < 0) {
            Py_CLEAR(refs);
        }
    }
    return refs;
}

/* greenlet switches C stacks: frames of suspended greenlets are in no thread state. */
static int
is_greenlet_loaded(void)
{
    PyObject *name = PyUnicode_FromString("greenlet");
    PyObject *module = name != NULL ? PyImport_GetModule(name) : NULL;
    int result = module != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(name);
    Py_XDECREF(module);
    return result;
}

/* 1 if something borrowed (and it is in the graveyard now), 0, -1. */
static int
bury(rs_state *st, borrowed *what, PyObject *builtins, PyObject *generators,
     int for_good)
{
    PyObject *grave, *refs = find_borrowers(generators, what);
    int result, running = rs_stacks_running(frame_borrows, what);
    if (refs == NULL || running < 0) {
        Py_XDECREF(refs);
        return -1;
    }
    result = for_good || running || PyList_GET_SIZE(refs) != 0;
    if (result == 1) {
        grave = PyTuple_Pack(4, what->space != NULL ? what->space : Py_None, builtins,
                             refs, running ? Py_True : Py_False);
        if (grave == NULL || PyList_Append(st->graveyard, grave) < 0) {
            result = -1;
        }
        Py_XDECREF(grave);
    }
    Py_DECREF(refs);
    return result;
}

/* Is there a grave with these builtins already? */
static int
are_builtins_buried(const rs_state *st, const PyObject *builtins)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(st->graveyard); i++) {
        PyObject *grave = PyList_GET_ITEM(st->graveyard, i);
        if (PyTuple_GET_ITEM(grave, GRAVE_BUILTINS) == builtins) {
            return 1;
        }
    }
    return 0;
}

/* The namespace of an earlier hotfix that a function ran in until this commit. */
static int
is_left_namespace(const rs_op *op)
{
    PyObject *globals, *name;
    if (op->kind != RS_OP_FUNCTION || (op->fields->mask & (1U << RS_FN_GLOBALS)) == 0) {
        return 0;
    }
    globals = op->fields->seen[RS_FN_GLOBALS];
    if (globals == NULL || !PyDict_Check(globals)) {
        return 0;
    }
    name = PyDict_GetItemString(globals, "__name__");
    return globals != RS_FUNCTION(op->target)->func_globals &&
           rs_text_equals(name, "__hotfix__");
}

int
rs_frames_bury_left(rs_session *s)
{
    PyObject *generators = NULL, *no_builtins;
    int result = 0, for_good = is_greenlet_loaded();
    rs_idmap done = {0};
    for (Py_ssize_t i = 0; for_good >= 0 && result >= 0 && i < s->journal.used; i++) {
        const rs_op *op = &s->journal.ops[i];
        PyObject *space;
        if (!is_left_namespace(op)) {
            continue;
        }
        space = op->fields->seen[RS_FN_GLOBALS];
        if (rs_idmap_has(&done, space)) {
            continue;
        }
        if (generators == NULL) {
            generators = rs_stacks_generators(s);
        }
        no_builtins = PyDict_New();
        if (generators == NULL || no_builtins == NULL ||
            rs_idmap_set(&done, space, space) < 0) {
            result = -1;
        } else {
            borrowed what = {space, NULL};
            result = bury(s->st, &what, no_builtins, generators, for_good);
        }
        Py_XDECREF(no_builtins);
    }
    rs_idmap_clear(&done);
    Py_XDECREF(generators);
    return for_good < 0 || result < 0 ? -1 : 0;
}

int
rs_frames_bury(rs_session *s)
{
    if (s->hot != NULL) {
        return 0;
    }
#ifndef RS_WITHOUT_CURE_9 /* generators and threads that outlive the scratch dict */
    int result = -1, for_good = is_greenlet_loaded();
    PyObject *generators = for_good >= 0 ? rs_stacks_generators(s) : NULL;
    if (generators == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < s->n_units; i++) {
        rs_unit *u = &s->units[i];
        borrowed what = {u->scratch, NULL};
        if (u->borrowed || u->scratch == NULL) {
            continue;
        }
        u->borrowed = bury(s->st, &what, s->builtins, generators, for_good);
        if (u->borrowed < 0) {
            u->borrowed = 1; /* not known, so nobody empties it */
            goto done;
        }
    }
    result = 0;
    if (!are_builtins_buried(s->st, s->builtins)) {
        borrowed what = {NULL, s->builtins};
        result = bury(s->st, &what, s->builtins, generators, 0) < 0 ? -1 : 0;
    }
done:
    Py_DECREF(generators);
    return result;
#else
    (void)s;
    return 0;
#endif
}

int
rs_frames_keep(rs_session *s, rs_unit *u)
{
    PyObject *grave = Py_BuildValue("(OO[]O)", u->scratch, s->builtins, Py_None);
    int result = grave != NULL ? PyList_Append(s->st->graveyard, grave) : -1;
    Py_XDECREF(grave);
    if (result == 0) {
        u->borrowed = 1;
    }
    return result;
}

/* Appends those generators of `from`, or of weak references in it, that borrow. 0 or -1. */
static int
append_borrowers(PyObject *borrowers, PyObject *from, borrowed *what)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(from); i++) {
        PyObject *generator = PyList_GET_ITEM(from, i);
        if (PyWeakref_Check(generator)) {
            generator = rs_weakref_referent(generator);
        }
        if (generator == NULL) {
            continue;
        }
        Py_INCREF(generator);
        result = generator_borrows(generator, what);
        if (result == 1) {
            result = PyList_Append(borrowers, generator);
        }
        Py_DECREF(generator);
    }
    return result;
}

static int
any_borrows(PyObject *generators, borrowed *what)
{
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(generators); i++) {
        result = generator_borrows(PyList_GET_ITEM(generators, i), what);
    }
    return result;
}

/* 1 if a frame may still use what lies in the grave, 0, -1. *generators: all there are,
 * made when first needed. */
static int
is_needed(PyObject *grave, PyObject **generators)
{
    PyObject *space = PyTuple_GET_ITEM(grave, GRAVE_NAMESPACE);
    borrowed what = {space != Py_None ? space : NULL,
                     PyTuple_GET_ITEM(grave, GRAVE_BUILTINS)};
    int result = PyTuple_GET_ITEM(grave, GRAVE_THREADS) == Py_None
                     ? 1
                     : rs_stacks_running(frame_borrows, &what);
    PyObject *borrowers;
    if (result != 0) {
        return result;
    }
    /* A thread ran in there, and may have made and left generators since. Not all of them
     * may be found if they were frozen then. */
    if (PyTuple_GET_ITEM(grave, GRAVE_THREADS) == Py_True) {
        Py_ssize_t frozen = rs_frozen_count();
        if (frozen != 0) {
            return frozen < 0 ? -1 : 1;
        }
    }
    if (PyTuple_GET_ITEM(grave, GRAVE_THREADS) == Py_True && *generators == NULL) {
        *generators = rs_stacks_generators(NULL);
        if (*generators == NULL) {
            return -1;
        }
    }
    borrowers = PyList_New(0);
    if (borrowers == NULL) {
        return -1;
    }
    result = append_borrowers(borrowers,
                              PyTuple_GET_ITEM(grave, GRAVE_THREADS) == Py_True
                                  ? *generators
                                  : PyTuple_GET_ITEM(grave, GRAVE_GENERATORS),
                              &what);
    if (result == 0 && what.space != NULL && PyList_GET_SIZE(borrowers) != 0) {
        PyObject *known[] = {grave, *generators};
        result = rs_abandoned_close(space, borrowers, known, Py_ARRAY_LENGTH(known));
    }
    if (result == 0) {
        result = any_borrows(borrowers, &what);
    }
    Py_DECREF(borrowers);
    return result;
}

int
rs_frames_exhume(rs_state *st)
{
    int result = is_greenlet_loaded();
    PyObject *kept, *generators = NULL;
    if (result != 0 || PyList_GET_SIZE(st->graveyard) == 0) {
        return result < 0 ? -1 : 0;
    }
    kept = PyList_New(0);
    for (Py_ssize_t i = 0; kept != NULL && i < PyList_GET_SIZE(st->graveyard); i++) {
        PyObject *grave = PyList_GET_ITEM(st->graveyard, i);
        int needed = is_needed(grave, &generators);
        if (needed < 0 || (needed == 1 && PyList_Append(kept, grave) < 0)) {
            Py_CLEAR(kept);
        }
    }
    Py_XDECREF(generators);
    if (kept == NULL) {
        return -1;
    }
    Py_SETREF(st->graveyard, kept);
    return 0;
}
