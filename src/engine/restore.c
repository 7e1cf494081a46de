#include "undo.h"

#include "backwards.h"
#include "caches.h"
#include "loader.h"
#include "pending.h"
#include "same.h"

/* ---- caches, registrations ---- */

static int
empty_caches(rs_session *s)
{
    PyObject *caches = s->undoes->caches;
    for (Py_ssize_t i = 0; caches != NULL && i < PyTuple_GET_SIZE(caches); i++) {
        if (PyList_Append(s->caches, PyTuple_GET_ITEM(caches, i)) < 0) {
            return -1;
        }
    }
    return rs_caches_empty(s);
}

/* Of a registration there is only "forget all": the others are made again. */
static int
unregister(PyObject *abc, PyObject *cls, PyObject *registered)
{
    PyObject *dump = PyObject_CallMethod(abc, "_get_dump", "O", cls), *ref;
    PyObject *registry = dump != NULL ? PyTuple_GetItem(dump, 0) : NULL;
    PyObject *iterator = registry != NULL ? PyObject_GetIter(registry) : NULL;
    PyObject *done = iterator != NULL
                         ? PyObject_CallMethod(abc, "_reset_registry", "O", cls)
                         : NULL;
    while (done != NULL && (ref = PyIter_Next(iterator)) != NULL) {
        PyObject *other = PyObject_CallNoArgs(ref);
        Py_DECREF(ref);
        if (other == NULL) {
            Py_CLEAR(done);
        } else if (other != Py_None && other != registered) {
            Py_SETREF(done, PyObject_CallMethod(cls, "register", "O", other));
        }
        Py_XDECREF(other);
    }
    if (done != NULL && PyErr_Occurred()) {
        Py_CLEAR(done);
    }
    if (done != NULL) {
        Py_SETREF(done, PyObject_CallMethod(abc, "_reset_caches", "O", cls));
    }
    Py_XDECREF(dump);
    Py_XDECREF(iterator);
    Py_XDECREF(done);
    return done != NULL ? 0 : -1;
}

static int
leave_abcs(const rs_session *s)
{
    PyObject *abcs = s->undoes->abcs;
    Py_ssize_t n = abcs != NULL ? PyTuple_GET_SIZE(abcs) : 0;
    PyObject *abc = n > 0 ? PyImport_ImportModule("_abc") : NULL;
    int result = n > 0 && abc == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; result == 0 && i < n; i += 2) {
        result = unregister(abc, PyTuple_GET_ITEM(abcs, i),
                            PyTuple_GET_ITEM(abcs, i + 1));
    }
    Py_XDECREF(abc);
    return result;
}

int
rs_undo_settle(rs_session *s)
{
    return empty_caches(s) < 0 ? -1 : leave_abcs(s);
}

/* ---- what is known of sources ---- */

static int
put_back(PyObject *dict, PyObject *name, PyObject *value)
{
    if (value != NULL) {
        return PyDict_SetItem(dict, name, value);
    }
    return PyDict_Contains(dict, name) == 1 ? PyDict_DelItem(dict, name) : 0;
}

/* A tuple of pieces of its own: the entry's is counted as the history's. */
static PyObject *
known_again(PyObject *before)
{
    PyObject *pieces = PyTuple_GET_ITEM(before, 3), *own, *known;
    if (pieces == Py_None) {
        return Py_NewRef(before);
    }
    own = PyTuple_New(PyTuple_GET_SIZE(pieces));
    if (own == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(pieces); i++) {
        PyTuple_SET_ITEM(own, i, Py_NewRef(PyTuple_GET_ITEM(pieces, i)));
    }
    known = PyTuple_Pack(4, PyTuple_GET_ITEM(before, 0), PyTuple_GET_ITEM(before, 1),
                         PyTuple_GET_ITEM(before, 2), own);
    Py_DECREF(own);
    return known;
}

/* A later update has read the source, in which the update is, too: what was taken back is
 * not what it says. */
static int
note_pending(rs_session *s, const rs_entry_module *m)
{
    PyObject *reason = PyUnicode_FromFormat("%U was undone", s->undoes->id);
    int result = reason != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(s->changes); i++) {
        PyObject *change = PyList_GET_ITEM(s->changes, i);
        PyObject *qualname = PyStructSequence_GetItem(change, 1);
        if (rs_same_text(PyStructSequence_GetItem(change, 0), m->name) &&
            PyUnicode_GET_LENGTH(qualname) > 0) {
            result = rs_pending_undone(s->st, m->name, qualname,
                                       PyStructSequence_GetItem(change, 2), reason);
        }
    }
    Py_XDECREF(reason);
    return result;
}

static int
forget_module(rs_session *s, const rs_entry_module *m)
{
    rs_state *st = s->st;
    PyObject *known = NULL;
    int result;
    if (!rs_backwards_known(st, m)) {
        return s->undoes->kind == RS_UPDATE_RELOAD ? note_pending(s, m) : 0;
    }
    if (m->before != NULL) {
        known = known_again(m->before);
        if (known == NULL) {
            return -1;
        }
    }
    result = put_back(st->known, m->name, known);
    Py_XDECREF(known);
    return result == 0 ? put_back(st->pending, m->name, m->waiting) : -1;
}

int
rs_undo_remember(rs_session *s)
{
    const rs_entry *entry = s->undoes;
    for (Py_ssize_t i = 0; i < entry->n_modules; i++) {
        if (forget_module(s, &entry->modules[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- what tracebacks show ---- */

/* As a file is read: "\n" alone ends a line. */
static PyObject *
lines_of(PyObject *text)
{
    PyObject *end = PyUnicode_FromString("\n");
    PyObject *lines = end != NULL ? PyUnicode_Split(text, end, -1) : NULL;
    Py_ssize_t n = lines != NULL ? PyList_GET_SIZE(lines) : 0;
    for (Py_ssize_t i = 0; lines != NULL && i < n; i++) {
        PyObject *line = PyUnicode_Concat(PyList_GET_ITEM(lines, i), end);
        if (line == NULL || PyList_SetItem(lines, i, line) < 0) {
            Py_CLEAR(lines);
        }
    }
    if (lines != NULL && PyUnicode_GET_LENGTH(PyList_GET_ITEM(lines, n - 1)) == 1 &&
        PyList_SetSlice(lines, n - 1, n, NULL) < 0) {
        Py_CLEAR(lines); /* nothing comes after the last one */
    }
    Py_XDECREF(end);
    return lines;
}

/* What lives is not in the file any more. Without a time, so that nobody looks there. */
static int
show(PyObject *cache, PyObject *filename, PyObject *text)
{
    PyObject *lines = lines_of(text);
    PyObject *entry = lines != NULL
                          ? Py_BuildValue("(nOOO)", PyUnicode_GET_LENGTH(text), Py_None,
                                          lines, filename)
                          : NULL;
    int result = entry != NULL ? PyObject_SetItem(cache, filename, entry) : -1;
    Py_XDECREF(lines);
    Py_XDECREF(entry);
    return result;
}

static int
show_module(const rs_state *st, PyObject *cache, const rs_entry_module *m)
{
    PyObject *known = PyDict_GetItemWithError(st->known, m->name);
    PyObject *source = known != NULL ? PyTuple_GET_ITEM(known, 2) : Py_None;
    PyObject *text = NULL;
    int result;
    if (PyBytes_Check(source)) {
        text = rs_loader_decode(source);
    } else if (PyUnicode_Check(source)) {
        text = Py_NewRef(source);
    }
    result = text != NULL ? show(cache, m->filename, text) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(text);
    return result;
}

int
rs_undo_show(rs_session *s)
{
    const rs_entry *entry = s->undoes, *first = entry;
    PyObject *name = PyUnicode_FromString("linecache");
    PyObject *linecache = name != NULL ? PyImport_GetModule(name) : NULL;
    PyObject *cache = linecache != NULL ? PyObject_GetAttrString(linecache, "cache")
                                        : NULL;
    int result = name == NULL || (linecache != NULL && cache == NULL) ? -1 : 0;
    while (first->undoes != NULL) {
        first = first->undoes;
    }
    /* a hotfix has changed no file's text */
    for (Py_ssize_t i = 0; result == 0 && cache != NULL &&
                           first->kind == RS_UPDATE_RELOAD && i < entry->n_modules;
         i++) {
        result = show_module(s->st, cache, &entry->modules[i]);
    }
    Py_XDECREF(name);
    Py_XDECREF(linecache);
    Py_XDECREF(cache);
    return result;
}
