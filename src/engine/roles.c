#include "roles.h"

#include <string.h>

#include "opcodes.h"
#include "same.h"

/* What MAKE_FUNCTION (3.12) and SET_FUNCTION_ATTRIBUTE (3.13+) are told; the parts lie on
 * the stack in this order, the code object on top of them. */
enum {
    HAS_DEFAULTS = 1,
    HAS_KWDEFAULTS = 2,
    HAS_ANNOTATIONS = 4,
    HAS_CLOSURE = 8,
    HAS_ANNOTATE = 16
};

typedef struct {
    const char *name; /* belongs to `item` */
    PyObject *item;   /* dis.Instruction, borrowed from `list` */
    PyObject *value;  /* its argval */
    long arg;         /* 0 if it has none */
    long height;      /* of the stack after it, as if nothing jumped */
} instruction;

typedef struct {
    PyObject *list;
    instruction *at;
    Py_ssize_t count;
} listing;

static int
name_starts(const instruction *in, const char *prefix)
{
    return strncmp(in->name, prefix, strlen(prefix)) == 0;
}

static int
name_is(const instruction *in, const char *name)
{
    return strcmp(in->name, name) == 0;
}

/* ---- reading what dis says ---- */

static void
listing_clear(listing *l)
{
    for (Py_ssize_t i = 0; i < l->count; i++) {
        Py_XDECREF(l->at[i].value);
    }
    PyMem_Free(l->at);
    Py_CLEAR(l->list);
    l->at = NULL;
    l->count = 0;
}

static int
read_instruction(instruction *in, PyObject *item, PyObject *stack_effect, long *height)
{
    int result = -1;
    long effect;
    /* owned */
    PyObject *name = NULL, *opcode = NULL, *arg = NULL, *change = NULL;

    name = PyObject_GetAttrString(item, "opname");
    opcode = PyObject_GetAttrString(item, "opcode");
    arg = PyObject_GetAttrString(item, "arg");
    in->value = PyObject_GetAttrString(item, "argval");
    if (name == NULL || opcode == NULL || arg == NULL || in->value == NULL) {
        goto done;
    }
    in->item = item;
    in->name = PyUnicode_AsUTF8(name); /* lives in dis's table of names, and in item */
    in->arg = arg == Py_None ? 0 : PyLong_AsLong(arg);
    if (in->name == NULL || PyErr_Occurred()) {
        goto done;
    }
    change = PyObject_CallFunctionObjArgs(stack_effect, opcode, arg, NULL);
    effect = change != NULL ? PyLong_AsLong(change) : -1;
    if (PyErr_Occurred()) {
        goto done;
    }
    *height += effect;
    in->height = *height;
    result = 0;
done:
    Py_XDECREF(name);
    Py_XDECREF(opcode);
    Py_XDECREF(arg);
    Py_XDECREF(change);
    return result;
}

static int
listing_read(listing *l, PyObject *code)
{
    int result = -1;
    long height = 0;
    /* owned */
    PyObject *dis = NULL, *stack_effect = NULL, *items = NULL;

    memset(l, 0, sizeof(*l));
    dis = PyImport_ImportModule("dis");
    if (dis == NULL) {
        return -1;
    }
    stack_effect = PyObject_GetAttrString(dis, "stack_effect");
    items = PyObject_CallMethod(dis, "get_instructions", "O", code);
    l->list = items != NULL ? PySequence_List(items) : NULL;
    if (stack_effect == NULL || l->list == NULL) {
        goto done;
    }
    l->at = PyMem_Calloc((size_t)PyList_GET_SIZE(l->list) + 1, sizeof(instruction));
    if (l->at == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (; l->count < PyList_GET_SIZE(l->list); l->count++) {
        PyObject *item = PyList_GET_ITEM(l->list, l->count);
        if (read_instruction(&l->at[l->count], item, stack_effect, &height) < 0) {
            l->count++;
            goto done;
        }
    }
    result = 0;
done:
    Py_XDECREF(dis);
    Py_XDECREF(stack_effect);
    Py_XDECREF(items);
    return result;
}

/* ---- the parts of one function ---- */

static int
function_flags(const listing *l, Py_ssize_t i)
{
    int flags = name_is(&l->at[i], "MAKE_FUNCTION") ? (int)l->at[i].arg : 0;
    for (i++; i < l->count && name_is(&l->at[i], "SET_FUNCTION_ATTRIBUTE"); i++) {
        flags |= (int)l->at[i].arg;
    }
    return flags;
}

/* The instruction before `i` that left the stack at `height`: what is above it was pushed
 * by those between. -1 if there is none, or if something jumps in between. */
static Py_ssize_t
producer(const listing *l, Py_ssize_t i, long height)
{
    while (--i >= 0) {
        const instruction *in = &l->at[i];
        if (strstr(in->name, "JUMP") != NULL || name_starts(in, "FOR_ITER") ||
            name_starts(in, "SEND")) {
            return -1;
        }
        if (in->height <= height && !name_is(in, "EXTENDED_ARG") &&
            !name_is(in, "NOP")) {
            return in->height == height ? i : -1;
        }
    }
    return -1;
}

static PyObject *
defaults_made_by(const listing *l, Py_ssize_t i)
{
    if (i >= 0 && name_is(&l->at[i], "LOAD_CONST") &&
        PyTuple_CheckExact(l->at[i].value)) {
        return Py_NewRef(l->at[i].value);
    }
    if (i >= 0 && name_is(&l->at[i], "BUILD_TUPLE")) {
        return PyLong_FromLong(l->at[i].arg);
    }
    return Py_NewRef(Py_None);
}

static PyObject *
kwdefaults_made_by(const listing *l, Py_ssize_t i)
{
    if (i >= 0 && (name_is(&l->at[i], "BUILD_CONST_KEY_MAP") ||
                   name_is(&l->at[i], "BUILD_MAP"))) {
        return PyLong_FromLong(l->at[i].arg);
    }
    return Py_NewRef(Py_None);
}

/* Appends the texts that `in` loads. */
static int
append_loaded(PyObject *texts, const instruction *in)
{
    int result = 0;
    PyObject *value = in->value;
    if (!name_starts(in, "LOAD_")) {
        return 0;
    }
    if (PyCode_Check(value)) {
        /* 3.14: annotations are code, and its names tell them apart */
        value = rs_text_equals(RS_CODE(value)->co_name, "__annotate__")
                    ? RS_CODE(value)->co_names
                    : NULL;
    }
    if (value == NULL || value == Py_None || !rs_is_atom(value)) {
        return 0;
    }
    value = PyUnicode_Check(value) && !name_is(in, "LOAD_CONST") ? Py_NewRef(value)
                                                                 : PyObject_Repr(value);
    result = value != NULL ? PyList_Append(texts, value) : -1;
    Py_XDECREF(value);
    return result;
}

/* What the instructions from `start` up to `end` load, as a tuple; with `target`, if any. */
static PyObject *
loaded_between(const listing *l, Py_ssize_t start, Py_ssize_t end, PyObject *target)
{
    /* owned */
    PyObject *result = NULL;
    PyObject *texts = PyList_New(0);
    if (texts == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = start; i < end; i++) {
        if (append_loaded(texts, &l->at[i]) < 0) {
            goto done;
        }
    }
    if (target != NULL) {
        PyObject *text = PyUnicode_FromFormat("= %U", target);
        if (text == NULL || PyList_Append(texts, text) < 0) {
            Py_XDECREF(text);
            goto done;
        }
        Py_DECREF(text);
    }
    result = PyList_AsTuple(texts);
done:
    Py_DECREF(texts);
    return result;
}

/* Where the statement starts that makes the function at `i`. */
static Py_ssize_t
statement_start(const listing *l, Py_ssize_t i)
{
    while (i > 0) {
        const instruction *in = &l->at[i - 1];
        if (name_starts(in, "STORE_FAST_LOAD_FAST")) {
            return i - 1;
        }
        if (name_starts(in, "STORE_") || name_starts(in, "DELETE_") ||
            name_starts(in, "POP_") || name_starts(in, "RETURN_") ||
            name_starts(in, "RESUME") || strstr(in->name, "JUMP") != NULL) {
            return i;
        }
        i--;
    }
    return i;
}

/* The name under which the statement's result is stored: borrowed or NULL. */
static PyObject *
statement_target(const listing *l, Py_ssize_t i)
{
    for (; i < l->count; i++) {
        const instruction *in = &l->at[i];
        PyObject *value = in->value;
        if (name_starts(in, "STORE_")) {
            if (PyTuple_Check(value) && PyTuple_GET_SIZE(value) > 0) {
                value = PyTuple_GET_ITEM(value, 0);
            }
            return PyUnicode_Check(value) ? value : NULL;
        }
        if (name_starts(in, "POP_") || name_starts(in, "RETURN_")) {
            break;
        }
    }
    return NULL;
}

/* The fields of the function whose code is loaded at `i`. */
static PyObject *
read_role(const listing *l, Py_ssize_t i)
{
    int flags = function_flags(l, i + 1);
    int parts = 0;
    long base;
    Py_ssize_t before, defaults, kwdefaults, annotations;
    /* owned */
    PyObject *role = NULL, *use = NULL, *annotation = NULL, *values = NULL, *kw = NULL;

    for (int bit = HAS_DEFAULTS; bit <= HAS_ANNOTATE; bit <<= 1) {
        parts += (flags & bit) != 0;
    }
    base = l->at[i].height - 1 - parts;
    defaults = producer(l, i, base + 1);
    kwdefaults = producer(l, i, base + 1 + ((flags & HAS_DEFAULTS) != 0));
    before = flags != 0 ? producer(l, i, base) : i - 1;
    annotations = producer(l, i, l->at[i].height - 1 - ((flags & HAS_CLOSURE) != 0));

    values = flags & HAS_DEFAULTS ? defaults_made_by(l, defaults) : PyTuple_New(0);
    kw = flags & HAS_KWDEFAULTS ? kwdefaults_made_by(l, kwdefaults)
                                : PyLong_FromLong(0);
    use = loaded_between(l, statement_start(l, i), before + 1,
                         statement_target(l, i + 1));
    annotation = loaded_between(
        l, before + 1, flags & (HAS_ANNOTATIONS | HAS_ANNOTATE) ? annotations + 1 : 0,
        NULL);
    if (values != NULL && kw != NULL && use != NULL && annotation != NULL) {
        role = PyTuple_Pack(RS_ROLE_FIELDS, use, annotation, values, kw);
    }
    Py_XDECREF(use);
    Py_XDECREF(annotation);
    Py_XDECREF(values);
    Py_XDECREF(kw);
    return role;
}

/* ---- */

/* dis shows constants by their repr(): only what compilers make is asked for it. */
static int
made_by_compiler(PyObject *code)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *value = PyTuple_GET_ITEM(consts, i);
        if (!PyCode_Check(value) && !PyFrozenSet_CheckExact(value) &&
            !PySlice_Check(value) && !rs_is_atom(value)) {
            return 0;
        }
    }
    return 1;
}

static int
add_role(PyObject *roles, const listing *l, Py_ssize_t i)
{
    int result = -1;
    /* owned */
    PyObject *key = PyLong_FromVoidPtr(l->at[i].value);
    PyObject *role = key != NULL ? read_role(l, i) : NULL;
    if (role != NULL && PyDict_SetDefault(roles, key, role) != NULL) {
        result = 0;
    }
    Py_XDECREF(key);
    Py_XDECREF(role);
    return result;
}

PyObject *
rs_roles_of(PyObject *code)
{
    listing l;
    PyObject *roles = PyDict_New();
    if (roles == NULL || !made_by_compiler(code)) {
        return roles;
    }
    if (listing_read(&l, code) < 0) {
        Py_CLEAR(roles);
    }
    for (Py_ssize_t i = 0; roles != NULL && i + 1 < l.count; i++) {
        if (name_is(&l.at[i], "LOAD_CONST") && PyCode_Check(l.at[i].value) &&
            name_is(&l.at[i + 1], "MAKE_FUNCTION") && add_role(roles, &l, i) < 0) {
            Py_CLEAR(roles);
        }
    }
    listing_clear(&l);
    return roles;
}

/* ---- the short way ---- */

int
rs_roles_open(rs_roles_opcodes *ops)
{
    const rs_opcode wanted[] = {
        {"MAKE_FUNCTION", &ops->make_function},
        {"SET_FUNCTION_ATTRIBUTE", &ops->set_function_attribute},
    };
    return rs_opcodes_read(wanted, Py_ARRAY_LENGTH(wanted));
}

int
rs_is_type_scope(PyObject *code)
{
    static const char prefix[] = "<generic parameters of ";
    const char *name = PyUnicode_AsUTF8(RS_CODE(code)->co_name);
    if (name == NULL) {
        PyErr_Clear();
        return 0;
    }
    return strncmp(name, prefix, sizeof(prefix) - 1) == 0;
}

/* A function with type parameters is made in a code object of its own, which gets the
 * default values from this one. */
static int
makes_generics(PyObject *code)
{
    PyObject *consts = RS_CODE(code)->co_consts;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(consts); i++) {
        PyObject *value = PyTuple_GET_ITEM(consts, i);
        if (PyCode_Check(value) && rs_is_type_scope(value)) {
            return 1;
        }
    }
    return 0;
}

int
rs_roles_without_defaults(const rs_roles_opcodes *ops, PyObject *code)
{
    PyObject *bytes;
    const unsigned char *text;
    int result = 1;
    if (ops->make_function < 0 || makes_generics(code)) {
        return 0;
    }
    bytes = PyCode_GetCode(RS_CODE(code));
    if (bytes == NULL) {
        return -1;
    }
    text = (const unsigned char *)PyBytes_AS_STRING(bytes);
    for (Py_ssize_t i = 0; i + 1 < PyBytes_GET_SIZE(bytes); i += 2) {
        /* the flags fit a byte: no EXTENDED_ARG */
        if ((text[i] == ops->make_function || text[i] == ops->set_function_attribute) &&
            (text[i + 1] & (HAS_DEFAULTS | HAS_KWDEFAULTS)) != 0) {
            result = 0;
            break;
        }
    }
    Py_DECREF(bytes);
    return result;
}

PyObject *
rs_role_get(PyObject *roles, PyObject *code, rs_role_field field)
{
    PyObject *role = NULL;
    PyObject *key = roles != NULL ? PyLong_FromVoidPtr(code) : NULL;
    if (key != NULL) {
        role = PyDict_GetItemWithError(roles, key);
        Py_DECREF(key);
    } else {
        PyErr_Clear(); /* out of memory: not made out */
    }
    return role != NULL ? PyTuple_GET_ITEM(role, field) : Py_None;
}
