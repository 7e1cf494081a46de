#include "fromimports.h"

#include <string.h>

#include "opcodes.h"

/* The instructions that from-imports are compiled to:
 *     LOAD_CONST level     (or LOAD_SMALL_INT)
 *     LOAD_CONST (names)
 *     IMPORT_NAME module
 *     IMPORT_FROM name, STORE_NAME name       for each name
 *     or CALL_INTRINSIC_1 import star         for `*`                              */
typedef struct {
    int extended_arg, load_const, load_small_int, import_name, import_from, store_name,
        store_global, call_intrinsic;
} numbers;

enum { INTRINSIC_IMPORT_STAR = 2 };

typedef struct {
    const PyCodeObject *code;
    PyObject *package; /* borrowed, or NULL */
    PyObject *table;   /* borrowed */
    numbers op;
    PyObject *fromlist; /* borrowed: the constants that were loaded last */
    long level;
    PyObject
        *module; /* owned: absolute name of the from-import that is open, or NULL */
    PyObject *original; /* borrowed: what IMPORT_FROM has just loaded, or NULL */
} scanner;

/* ---- numbers of instructions ---- */

static int
read_numbers(numbers *op)
{
    const rs_opcode wanted[] = {
        {"EXTENDED_ARG", &op->extended_arg},
        {"LOAD_CONST", &op->load_const},
        {"LOAD_SMALL_INT", &op->load_small_int},
        {"IMPORT_NAME", &op->import_name},
        {"IMPORT_FROM", &op->import_from},
        {"STORE_NAME", &op->store_name},
        {"STORE_GLOBAL", &op->store_global},
        {"CALL_INTRINSIC_1", &op->call_intrinsic},
    };
    return rs_opcodes_read(wanted, Py_ARRAY_LENGTH(wanted));
}

/* ---- names ---- */

static PyObject *
item_or_null(PyObject *tuple, int index)
{
    return index >= 0 && index < PyTuple_GET_SIZE(tuple)
               ? PyTuple_GET_ITEM(tuple, index)
               : NULL;
}

/* The absolute name of `name`, `level` packages up; NULL without an exception if it can't
 * be told. New reference. */
static PyObject *
absolute_name(PyObject *package, PyObject *name, long level)
{
    Py_ssize_t end;
    PyObject *base, *result;
    if (level == 0) {
        return Py_NewRef(name);
    }
    if (package == NULL) {
        return NULL;
    }
    end = PyUnicode_GET_LENGTH(package);
    for (; level > 1 && end > 0; level--) {
        end = PyUnicode_FindChar(package, '.', 0, end, -1);
    }
    if (end <= 0) {
        return NULL; /* beyond the top-level package */
    }
    base = PyUnicode_Substring(package, 0, end);
    if (base == NULL || PyUnicode_GET_LENGTH(name) == 0) {
        return base;
    }
    result = PyUnicode_FromFormat("%U.%U", base, name);
    Py_DECREF(base);
    return result;
}

static int
record(scanner *s, PyObject *local, PyObject *original)
{
    int result = -1;
    /* owned */
    PyObject *entry = PyTuple_Pack(2, s->module, original);
    PyObject *entries = PyDict_GetItemWithError(s->table, local);
    Py_XINCREF(entries);
    if (entries == NULL && !PyErr_Occurred()) {
        entries = PyList_New(0);
        if (entries != NULL && PyDict_SetItem(s->table, local, entries) < 0) {
            Py_CLEAR(entries);
        }
    }
    if (entry != NULL && entries != NULL) {
        result = PyList_Append(entries, entry);
    }
    Py_XDECREF(entry);
    Py_XDECREF(entries);
    return result;
}

static int
record_star(scanner *s)
{
    int result;
    PyObject *star = PyUnicode_FromString("*");
    if (star == NULL) {
        return -1;
    }
    result = record(s, star, star);
    Py_DECREF(star);
    return result;
}

/* ---- the scan ---- */

static void
see_const(scanner *s, PyObject *value)
{
    s->fromlist = NULL;
    if (value != NULL && PyTuple_CheckExact(value)) {
        s->fromlist = value;
    } else if (value != NULL && PyLong_CheckExact(value)) {
        int overflow;
        s->level = PyLong_AsLongAndOverflow(value, &overflow);
    }
}

static int
see_import(scanner *s, int arg)
{
    PyObject *name = item_or_null(s->code->co_names, rs_import_name_index(arg));
    Py_CLEAR(s->module);
    if (s->fromlist == NULL || name == NULL || s->level < 0) {
        return 0; /* `import a.b as c` has no names */
    }
    s->module = absolute_name(s->package, name, s->level);
    return s->module == NULL && PyErr_Occurred() ? -1 : 0;
}

static int
see_instruction(scanner *s, int op, int arg)
{
    PyObject *original = s->original;
    s->original = NULL;
    if (op == s->op.load_const) {
        see_const(s, item_or_null(s->code->co_consts, arg));
    } else if (op == s->op.load_small_int) {
        s->level = arg;
        s->fromlist = NULL;
    } else if (op == s->op.import_name) {
        return see_import(s, arg);
    } else if (s->module == NULL) {
        return 0;
    } else if (op == s->op.import_from) {
        s->original = item_or_null(s->code->co_names, arg);
    } else if (original != NULL &&
               (op == s->op.store_name || op == s->op.store_global)) {
        PyObject *local = item_or_null(s->code->co_names, arg);
        return local != NULL ? record(s, local, original) : 0;
    } else if (op == s->op.call_intrinsic && arg == INTRINSIC_IMPORT_STAR) {
        return record_star(s);
    }
    return 0;
}

static int
scan(scanner *s, const unsigned char *text, Py_ssize_t size)
{
    int arg = 0;
    for (Py_ssize_t i = 0; i + 1 < size; i += 2) {
        int op = text[i];
        arg = (arg << 8) | text[i + 1];
        if (op == s->op.extended_arg) {
            continue;
        }
        if (see_instruction(s, op, arg) < 0) {
            return -1;
        }
        arg = 0;
    }
    return 0;
}

PyObject *
rs_fromimports_of(PyObject *code, PyObject *package)
{
    int result = -1;
    scanner s = {.code = RS_CODE(code), .package = package};
    /* owned */
    PyObject *table = PyDict_New(), *text = NULL;

    if (table == NULL || read_numbers(&s.op) < 0) {
        goto done;
    }
    s.table = table;
    text = PyCode_GetCode(RS_CODE(code));
    if (text != NULL) {
        result = scan(&s, (const unsigned char *)PyBytes_AS_STRING(text),
                      PyBytes_GET_SIZE(text));
    }
done:
    Py_XDECREF(s.module);
    Py_XDECREF(text);
    if (result < 0) {
        Py_CLEAR(table);
    }
    return table;
}
