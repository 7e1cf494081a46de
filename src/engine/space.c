#include "space.h"

#include "same.h"
#include "scope.h"

/* A dict; as a metaclass it prepares itself and gives the live class. */
typedef struct {
    PyDictObject dict;
    PyObject *live; /* the class, or NULL when it is done */
} space;

static PyObject *
space_subscript(PyObject *op, PyObject *name)
{
    PyObject *live = ((space *)op)->live;
    PyObject *value = PyDict_GetItemWithError(op, name);
    if (value == NULL && !PyErr_Occurred() && live != NULL) {
        value = rs_class_get(RS_TYPE(live), name);
        if (value == NULL && !PyErr_Occurred()) {
            PyErr_SetObject(PyExc_KeyError, name);
        }
    } else if (value == NULL && !PyErr_Occurred()) {
        PyErr_SetObject(PyExc_KeyError, name);
    }
    return Py_XNewRef(value);
}

static PyObject *
space_prepare(PyObject *self, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    return Py_NewRef(self);
}

/* Fills the cell that a class body leaves under `name`, and takes it out. */
static int
fill_cell(PyObject *self, const char *name, PyObject *value)
{
    PyObject *cell = PyDict_GetItemString(self, name);
    if (cell == NULL) {
        return 0;
    }
    if (PyCell_Check(cell) && PyCell_Set(cell, value) < 0) {
        return -1;
    }
    return PyDict_DelItemString(self, name);
}

/* What __build_class__ calls to make the class. */
static PyObject *
space_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *live = ((space *)self)->live;
    (void)args;
    (void)kwargs;
    if (live == NULL) {
        PyErr_SetString(PyExc_TypeError, "this class statement is over");
        return NULL;
    }
    if (fill_cell(self, "__classcell__", live) < 0 ||
        fill_cell(self, "__classdictcell__", rs_class_dict(RS_TYPE(live))) < 0) {
        return NULL;
    }
    return Py_NewRef(live);
}

static int
space_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((space *)op)->live);
    return PyDict_Type.tp_traverse(op, visit, arg);
}

static int
space_clear(PyObject *op)
{
    Py_CLEAR(((space *)op)->live);
    return PyDict_Type.tp_clear(op);
}

static void
space_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((space *)op)->live);
    PyObject_GC_Track(op); /* the dict's own destructor untracks it */
    PyDict_Type.tp_dealloc(op);
    Py_DECREF(type);
}

static PyMethodDef space_methods[] = {
    {"__prepare__", (PyCFunction)(void (*)(void))space_prepare,
     METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

PyObject *
rs_space_type(void)
{
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)"The namespace of a class body of which parts run."},
        {Py_mp_subscript, (void *)space_subscript},
        {Py_tp_call, (void *)space_call},
        {Py_tp_methods, space_methods},
        {Py_tp_traverse, (void *)space_traverse},
        {Py_tp_clear, (void *)space_clear},
        {Py_tp_dealloc, (void *)space_dealloc},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Space",
        .basicsize = sizeof(space),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION,
        .slots = slots,
    };
    return PyType_FromSpecWithBases(&spec, (PyObject *)&PyDict_Type);
}

/* Its own type parameters are new objects each time: those of the live class stay. */
static int
map_type_params(rs_session *s, PyObject *self, PyObject *live)
{
    PyObject *name = s->st->names.__type_params__;
    PyObject *news = PyDict_GetItemWithError(self, name);
    PyObject *olds = rs_class_get(RS_TYPE(live), name);
    if (news != NULL && olds != NULL && PyTuple_CheckExact(news) &&
        PyTuple_CheckExact(olds) && PyTuple_GET_SIZE(news) == PyTuple_GET_SIZE(olds)) {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(news); i++) {
            if (rs_idmap_set(&s->stand_ins, PyTuple_GET_ITEM(news, i),
                             PyTuple_GET_ITEM(olds, i)) < 0) {
                return -1;
            }
        }
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* `__set_name__` of the value's type, bound to the value: new reference, or NULL without an
 * exception. The metaclass is not asked. */
static PyObject *
set_name_of(rs_session *s, PyObject *value)
{
    PyTypeObject *type = Py_TYPE(value);
    PyObject *mro = type->tp_mro, *found = NULL;
    for (Py_ssize_t i = 0; found == NULL && i < PyTuple_GET_SIZE(mro); i++) {
        found = rs_class_get(RS_TYPE(PyTuple_GET_ITEM(mro, i)),
                             s->st->names.__set_name__);
    }
    if (found == NULL || Py_TYPE(found)->tp_descr_get == NULL) {
        return Py_XNewRef(found);
    }
    return Py_TYPE(found)->tp_descr_get(found, value, (PyObject *)type);
}

/* As when a class is made: descriptors learn their names. */
static int
set_names(rs_session *s, PyObject *self, PyObject *live)
{
    int result = 0;
    Py_ssize_t pos = 0;
    PyObject *name, *value, *items = PyDict_Copy(self);
    while (result == 0 && items != NULL && PyDict_Next(items, &pos, &name, &value)) {
        PyObject *method, *done;
        if (!PyUnicode_CheckExact(name) || rs_class_get(RS_TYPE(live), name) == value) {
            continue;
        }
        method = set_name_of(s, value);
        if (method == NULL) {
            result = PyErr_Occurred() ? -1 : 0;
            continue;
        }
        done = PyObject_CallFunctionObjArgs(method, live, name, NULL);
        result = done != NULL ? 0 : -1;
        Py_XDECREF(method);
        Py_XDECREF(done);
    }
    Py_XDECREF(items);
    return items == NULL ? -1 : result;
}

/* Leaves what the statements bound. */
static int
clean(rs_session *s, rs_select_shell *shell, PyObject *self)
{
    static const char *const own[] = {"__module__", "__qualname__",
                                      "__static_attributes__", "__type_params__", NULL};
    PyObject *static_name, *live_names, *live_set, *names;
    int same;
    if (map_type_params(s, self, shell->live) < 0) {
        return -1;
    }
    for (int i = 0; own[i] != NULL; i++) {
        if (PyDict_GetItemString(self, own[i]) != NULL &&
            PyDict_DelItemString(self, own[i]) < 0) {
            return -1;
        }
    }
    static_name = PyUnicode_FromString("__static_attributes__");
    live_names = static_name != NULL ? rs_class_get(RS_TYPE(shell->live), static_name)
                                     : NULL;
    if (live_names == NULL || !PyTuple_CheckExact(live_names)) {
        Py_XDECREF(static_name);
        return PyErr_Occurred() ? -1 : 0;
    }
    live_set = PySet_New(live_names);
    same = live_set != NULL
               ? PyObject_RichCompareBool(live_set, shell->static_attributes, Py_EQ)
               : -1;
    Py_XDECREF(live_set);
    if (same == 0) {
        names = PySequence_List(shell->static_attributes);
        if (names == NULL || PyList_Sort(names) < 0) {
            same = -1;
        } else {
            PyObject *tuple = PyList_AsTuple(names);
            same = tuple != NULL ? PyDict_SetItem(self, static_name, tuple) : -1;
            Py_XDECREF(tuple);
        }
        Py_XDECREF(names);
    }
    Py_DECREF(static_name);
    return same < 0 ? -1 : 0;
}

PyObject *
rs_space_build(rs_session *s, rs_select_shell *shell, PyObject *args)
{
    PyObject *result = NULL, *no_args = PyTuple_New(0);
    /* owned */
    PyObject *self = NULL, *kwargs = NULL, *own = NULL;

    if (no_args != NULL) {
        self = PyDict_Type.tp_new(RS_TYPE(s->st->Space_Type), no_args, NULL);
        Py_DECREF(no_args);
    }
    if (self == NULL) {
        return NULL;
    }
    ((space *)self)->live = Py_NewRef(shell->live);
    kwargs = Py_BuildValue("{s:O}", "metaclass", self);
    own = PyTuple_GetSlice(args, 0, 2); /* bases have no say */
    if (kwargs != NULL && own != NULL) {
        result = PyObject_Call(s->real_build_class, own, kwargs);
    }
    Py_XDECREF(kwargs);
    Py_XDECREF(own);
    if (result != NULL &&
        (clean(s, shell, self) < 0 || set_names(s, self, shell->live) < 0)) {
        Py_CLEAR(result);
    }
    if (result != NULL) {
        shell->space = Py_NewRef(self);
    }
    Py_DECREF(self);
    return result;
}
