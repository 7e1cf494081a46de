#include "probation.h"

#include "clock.h"
#include "heap.h"
#include "same.h"
#include "stacks.h"

typedef struct {
    PyObject_HEAD
    rs_idmap codes;
    PyObject *over;   /* callable(exception or None) */
    int64_t deadline; /* on rs_clock_ns */
    Py_ssize_t limit, count;
    int is_over;
    /* what was counted or passed over last (Q1) */
    const void *exception; /* an address, no reference */
    unsigned long thread;
    Py_ssize_t depth; /* of the frame that it left */
} probation;

/* ---- is it the same one? ---- */

static int
count_frame(PyFrameObject *Py_UNUSED(frame), void *n)
{
    ++*(Py_ssize_t *)n;
    return 0;
}

/* How many frames are below the one that is being left. Without memory for them more
 * than any, so that the exception is rather counted twice than not at all. */
static Py_ssize_t
stack_depth(void)
{
    Py_ssize_t n = 0;
    if (rs_stacks_own(count_frame, &n) < 0) {
        PyErr_Clear();
        return PY_SSIZE_T_MAX;
    }
    if (PyErr_Occurred()) { /* no memory for a frame object */
        PyErr_WriteUnraisable(Py_None);
    }
    return n;
}

/* Has it come through another frame of the code? The first entry of its traceback is the
 * frame that it leaves now. */
static int
has_come_through(const probation *self, PyObject *exception)
{
    PyObject *first = PyException_GetTraceback(exception);
    PyTracebackObject *tb = (PyTracebackObject *)first;
    int found = 0;
    for (tb = tb != NULL ? tb->tb_next : NULL; !found && tb != NULL; tb = tb->tb_next) {
        PyCodeObject *code = PyFrame_GetCode(tb->tb_frame);
        found = rs_idmap_has(&self->codes, code);
        Py_DECREF(code);
    }
    Py_XDECREF(first);
    return found;
}

/* Was it counted when it left a function further up in the stack? Where an object is raised
 * again later, its traceback alone doesn't tell; where an address is used again, nothing else
 * does. */
static int
was_counted(probation *self, PyObject *exception)
{
    unsigned long thread = PyThread_get_thread_ident();
    Py_ssize_t depth = stack_depth();
    int same = exception == self->exception && thread == self->thread &&
               depth < self->depth && has_come_through(self, exception);
    self->exception = exception;
    self->thread = thread;
    self->depth = depth;
    return same;
}

static int
is_error(PyObject *exception)
{
    PyTypeObject *type = Py_TYPE(exception);
    return PyType_IsSubtype(type, RS_TYPE(PyExc_Exception)) &&
           !PyType_IsSubtype(type, RS_TYPE(PyExc_StopIteration)) &&
           !PyType_IsSubtype(type, RS_TYPE(PyExc_StopAsyncIteration));
}

/* ---- the callback ---- */

/* The exception that unwinds stays as it is, whatever happens here. What could not be begun is
 * tried again with the next one. */
static void
end(probation *self, PyObject *exception)
{
    PyObject *done;
    self->is_over = 1;
    done = PyObject_CallOneArg(self->over, exception);
    if (done == NULL) {
        self->is_over = 0;
        PyErr_WriteUnraisable(self->over);
    }
    Py_XDECREF(done);
}

PyDoc_STRVAR(unwound_doc, "unwound($self, code, offset, exception, /)\n--\n\n"
                          "The callback for PY_UNWIND.");

static PyObject *
probation_unwound(PyObject *op, PyObject *const *args, Py_ssize_t n)
{
    probation *self = (probation *)op;
    if (n == 3 && !self->is_over && rs_idmap_has(&self->codes, args[0])) {
        if (rs_clock_ns() >= self->deadline) {
            end(self, Py_None);
        } else if (is_error(args[2]) && !was_counted(self, args[2]) &&
                   ++self->count >= self->limit) {
            end(self, args[2]);
        }
    }
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static PyObject *
probation_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const keywords[] = {"codes", "seconds", "limit", "over", NULL};
    PyObject *codes, *over;
    double seconds;
    Py_ssize_t limit;
    probation *self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!dnO:Probation",
                                     (char **)(uintptr_t)keywords, &PyList_Type, &codes,
                                     &seconds, &limit, &over)) {
        return NULL;
    }
    self = (probation *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->over = Py_NewRef(over);
    self->limit = limit;
    self->deadline = rs_clock_ns() + (int64_t)(seconds * 1e9);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(codes); i++) {
        PyObject *code = PyList_GET_ITEM(codes, i);
        if (rs_idmap_set(&self->codes, code, code) < 0) {
            Py_DECREF(self);
            return NULL;
        }
    }
    return (PyObject *)self;
}

static int
probation_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((probation *)op)->over);
    return 0;
}

static int
probation_clear(PyObject *op)
{
    Py_CLEAR(((probation *)op)->over);
    return 0;
}

static void
probation_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((probation *)op)->over);
    rs_idmap_clear(&((probation *)op)->codes);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyObject *
probation_count(PyObject *op, void *closure)
{
    (void)closure;
    return PyLong_FromSsize_t(((probation *)op)->count);
}

static PyMethodDef probation_methods[] = {
    {"unwound", (PyCFunction)(void (*)(void))probation_unwound, METH_FASTCALL,
     unwound_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef probation_getset[] = {
    {"count", probation_count, NULL, "How many exceptions were counted.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

int
rs_probation_add(PyObject *engine)
{
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)"Counts the exceptions that leave some code objects."},
        {Py_tp_new, (void *)probation_new},
        {Py_tp_traverse, (void *)probation_traverse},
        {Py_tp_clear, (void *)probation_clear},
        {Py_tp_dealloc, (void *)probation_dealloc},
        {Py_tp_methods, probation_methods},
        {Py_tp_getset, probation_getset},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = "resoul._engine.Probation",
        .basicsize = sizeof(probation),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    PyObject *type = PyType_FromModuleAndSpec(engine, &spec, NULL);
    int result = type != NULL ? PyModule_AddObjectRef(engine, "Probation", type) : -1;
    Py_XDECREF(type);
    return result;
}

/* ---- which code? ---- */

typedef struct {
    PyObject *filename;
    PyObject *list;
    rs_idmap seen; /* code -> itself */
} search;

/* The code and what is nested in it. */
static int
add_codes(search *look, PyObject *code)
{
    PyObject *constants = RS_CODE(code)->co_consts;
    if (rs_idmap_has(&look->seen, code)) {
        return 0;
    }
    if (rs_idmap_set(&look->seen, code, code) < 0 ||
        PyList_Append(look->list, code) < 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i);
        if (PyCode_Check(constant) && add_codes(look, constant) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
visit_function(PyObject *op, void *arg)
{
    search *look = arg;
    PyObject *code;
    if (!PyFunction_Check(op)) {
        return 1;
    }
    code = RS_FUNCTION(op)->func_code;
    return rs_same_text(RS_CODE(code)->co_filename, look->filename) &&
                   add_codes(look, code) < 0
               ? -1
               : 1;
}

PyObject *
rs_probation_codes(PyObject *filename)
{
    search look = {filename, PyList_New(0), {0}};
    if (look.list != NULL && rs_heap_walk(visit_function, &look) < 0) {
        Py_CLEAR(look.list);
    }
    rs_idmap_clear(&look.seen);
    return look.list;
}
