#include "probes.h"

#include "chunks.h"
#include "graft.h"
#include "known.h"
#include "loader.h"
#include "moved.h"

#ifdef RS_CHECKS

PyDoc_STRVAR(
    chunks_doc,
    "_chunks(text, /)\n--\n\n"
    "Cut source text into its top-level statements.\n\n"
    "A list of (start, end, line, last_line); offsets are of UTF-8 bytes. None: "
    "can't tell.\nOnly in builds for tests.");

static PyObject *
chunks(PyObject *Py_UNUSED(engine), PyObject *text)
{
    Py_ssize_t size;
    PyObject *list;
    rs_chunks found;
    int result;
    const char *utf8 = PyUnicode_AsUTF8AndSize(text, &size);
    if (utf8 == NULL) {
        return NULL;
    }
    result = rs_chunks_cut(utf8, size, &found);
    if (result != 1) {
        return result < 0 ? NULL : Py_NewRef(Py_None);
    }
    list = PyList_New(found.count);
    for (Py_ssize_t i = 0; list != NULL && i < found.count; i++) {
        const rs_chunk *chunk = &found.at[i];
        PyObject *item = Py_BuildValue("(nnii)", chunk->start, chunk->end, chunk->line,
                                       chunk->last_line);
        if (item == NULL) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, i, item);
    }
    PyMem_Free(found.at);
    return list;
}

PyDoc_STRVAR(fail_after_doc,
             "_fail_after(n, /)\n--\n\n"
             "Commits fail at their n-th operation (0 is the first) from "
             "now on; -1: none does.\nOnly in builds for tests.");

static PyObject *
fail_after(PyObject *engine, PyObject *n)
{
    Py_ssize_t number = PyNumber_AsSsize_t(n, PyExc_OverflowError);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    rs_state_of(engine)->fail_after = number;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    shift_lines_doc,
    "_shift_lines(what, delta, then=None, /)\n--\n\n"
    "Moves the lines of a code object, a function's code or a class (without its "
    "methods)\nin one commit. then() is called after it, and the commit is undone "
    "if it returns true.\nFalse if the lines can't be changed in place. "
    "Only in builds for tests.");

static int
plan_shift(rs_session *s, PyObject *what, int delta)
{
    if (PyType_Check(what)) {
        return rs_plan_class_line(s, RS_TYPE(what), delta);
    }
    if (PyFunction_Check(what)) {
        what = PyFunction_GET_CODE(what);
    }
    if (!PyCode_Check(what)) {
        PyErr_SetString(PyExc_TypeError, "a class, a function or its code is needed");
        return -1;
    }
    return rs_plan_lines(&s->journal, what, delta);
}

static int
commit_shift(rs_session *s, PyObject *then)
{
    int undo = 0;
    PyObject *result;
    if (!rs_journal_validate(&s->journal)) {
        PyErr_SetString(PyExc_RuntimeError, "the plan is not valid");
        return -1;
    }
    if (rs_journal_commit(&s->journal, s->st->clear_caches, NULL) < 0) {
        return -1;
    }
    if (then != Py_None) {
        result = PyObject_CallNoArgs(then);
        undo = result != NULL ? PyObject_IsTrue(result) : -1;
        Py_XDECREF(result);
    }
    if (undo == 1) {
        return rs_journal_undo(&s->journal, s->st->clear_caches);
    }
    return undo;
}

static PyObject *
shift_lines(PyObject *engine, PyObject *args)
{
    PyObject *what, *then = Py_None;
    rs_session *s;
    int delta, result;
    if (!PyArg_ParseTuple(args, "Oi|O:_shift_lines", &what, &delta, &then)) {
        return NULL;
    }
    s = rs_session_new(engine, rs_state_of(engine));
    if (s == NULL) {
        return NULL;
    }
    result = plan_shift(s, what, delta);
    if (result == 0 && commit_shift(s, then) < 0) {
        result = -1;
    }
    rs_session_finish(s);
    return result < 0 ? NULL : PyBool_FromLong(result == 0);
}

PyDoc_STRVAR(
    known_doc,
    "_known(name, /)\n--\n\n"
    "(text, code, pieces) of a loaded module, as far as they are known to be what "
    "lives;\ntext and code may be None. Only in builds for tests.");

static PyObject *
known_of_unit(rs_session *s, rs_unit *u)
{
    PyObject *result = NULL;
    /* owned */
    PyObject *text = NULL, *code = NULL, *pieces = NULL;

    if (rs_loader_read(u) < 0) {
        return NULL;
    }
    u->text = u->data != NULL ? rs_loader_decode(u->data) : NULL;
    if (PyErr_Occurred() || rs_known_text(s, u, &text) < 0) {
        return NULL;
    }
    code = rs_known_code(s, u);
    pieces = !PyErr_Occurred() ? rs_known_pieces(s, u) : NULL;
    if (pieces != NULL) {
        result = PyTuple_Pack(3, text != NULL ? text : Py_None,
                              code != NULL ? code : Py_None, pieces);
    }
    Py_XDECREF(text);
    Py_XDECREF(code);
    Py_XDECREF(pieces);
    return result;
}

static PyObject *
known(PyObject *engine, PyObject *name)
{
    PyObject *result = NULL, *module = PyImport_GetModule(name);
    rs_session *s = rs_session_new(engine, rs_state_of(engine));
    rs_unit *u = s != NULL ? PyMem_Calloc(1, sizeof(rs_unit)) : NULL;
    if (module == NULL || u == NULL) {
        PyErr_SetString(PyExc_ValueError, "no such module");
        goto done;
    }
    s->units = u;
    s->n_units = 1;
    u->name = Py_NewRef(name);
    u->module = Py_NewRef(module);
    u->live = Py_NewRef(PyModule_GetDict(module));
    u->filename = PyObject_GetAttrString(module, "__file__");
    if (u->filename != NULL &&
        rs_loader_find(u->live, name, &u->loader) == RS_LOADER_PYTHON) {
        result = known_of_unit(s, u);
    }
done:
    Py_XDECREF(module);
    if (s != NULL) {
        rs_session_finish(s);
    }
    return result;
}

PyDoc_STRVAR(
    known_remember_doc,
    "_known_remember(name, text, pieces, /)\n--\n\n"
    "As after an update that took parts of the source. Only in builds for tests.");

static PyObject *
known_remember(PyObject *engine, PyObject *args)
{
    rs_unit u = {0};
    PyObject *text, *pieces;
    int result;
    if (!PyArg_ParseTuple(args, "UUO!:_known_remember", &u.name, &text, &PyTuple_Type,
                          &pieces)) {
        return NULL;
    }
    u.module = PyImport_GetModule(u.name);
    if (u.module == NULL) {
        return NULL;
    }
    result = rs_known_remember(rs_state_of(engine), &u, text, pieces);
    Py_DECREF(u.module);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

PyDoc_STRVAR(graft_doc,
             "_graft(code, pieces, /)\n--\n\n"
             "`code` with equal code objects of `pieces` (a tuple) in it. Only "
             "in builds for tests.");

static PyObject *
graft(PyObject *Py_UNUSED(engine), PyObject *args)
{
    PyObject *code, *pieces;
    return PyArg_ParseTuple(args, "O!O!:_graft", &PyCode_Type, &code, &PyTuple_Type,
                            &pieces)
               ? rs_graft(code, pieces)
               : NULL;
}

static PyMethodDef probes[] = {
    {"_chunks", chunks, METH_O, chunks_doc},
    {"_fail_after", fail_after, METH_O, fail_after_doc},
    {"_graft", graft, METH_VARARGS, graft_doc},
    {"_known", known, METH_O, known_doc},
    {"_known_remember", known_remember, METH_VARARGS, known_remember_doc},
    {"_shift_lines", shift_lines, METH_VARARGS, shift_lines_doc},
    {NULL, NULL, 0, NULL},
};

int
rs_probes_add(PyObject *engine)
{
    return PyModule_AddFunctions(engine, probes);
}

int
rs_probes_effects(rs_session *s)
{
    PyObject *effects = PyDict_GetItemString(PyModule_GetDict(s->engine), "_effects");
    for (Py_ssize_t i = 0; effects != NULL && i < s->n_units; i++) {
        PyObject *code = PyDict_GetItemWithError(effects, s->units[i].name);
        if (code != NULL) {
            Py_XSETREF(s->units[i].effects, Py_NewRef(code));
        } else if (PyErr_Occurred()) {
            return -1;
        }
    }
    return 0;
}

#else

int
rs_probes_add(PyObject *Py_UNUSED(engine))
{
    return 0;
}

int
rs_probes_effects(rs_session *Py_UNUSED(s))
{
    return 0;
}

#endif
