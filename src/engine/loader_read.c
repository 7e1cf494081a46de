#include "loader.h"

#include "mainguard.h"

/* ---- how does this loader give its source? ---- */

/* 1 if what instances of `type` have as `name` is exactly what `owner` defines. */
static int
is_untouched(PyObject *type, PyObject *owner, const char *name)
{
    int result;
    PyObject *ours, *theirs = PyObject_GetAttrString(owner, name);
    if (theirs == NULL) {
        return -1;
    }
    result = rs_optional_attribute(type, name, &ours);
    if (result == 1) {
        result = ours == theirs;
        Py_DECREF(ours);
    }
    Py_DECREF(theirs);
    return result;
}

typedef enum { READ_SOURCE, READ_ZIP, ASK_CODE, ASK_TEXT, RUN_IT, NOTHING } rs_way;

static int
has_attribute(PyObject *op, const char *name)
{
    PyObject *value;
    int result = rs_optional_attribute(op, name, &value);
    Py_XDECREF(value);
    return result;
}

/* How a loader whose exec_module is importlib's own gives its code. */
static int
way_of_default_loader(PyObject *type, PyObject *source_loader)
{
    PyObject *zipimport, *zipimporter, *name;
    int result = is_untouched(type, source_loader, "get_code");
    if (result != 0) {
        return result < 0 ? -1 : READ_SOURCE;
    }
    name = PyUnicode_FromString("zipimport");
    zipimport = name != NULL ? PyImport_GetModule(name) : NULL;
    Py_XDECREF(name);
    if (zipimport != NULL) {
        zipimporter = PyObject_GetAttrString(zipimport, "zipimporter");
        result = zipimporter != NULL ? is_untouched(type, zipimporter, "get_code") : -1;
        Py_XDECREF(zipimporter);
        Py_DECREF(zipimport);
    } else if (PyErr_Occurred()) {
        result = -1;
    }
    if (result != 0) {
        return result < 0 ? -1 : READ_ZIP;
    }
    return ASK_CODE;
}

static int
choose_way(PyObject *loader)
{
    int result;
    PyObject *source_loader = NULL;
    PyObject *type = (PyObject *)Py_TYPE(loader);
    PyObject *machinery = PyImport_ImportModule("importlib.machinery");
    if (machinery == NULL) {
        return -1;
    }
    source_loader = PyObject_GetAttrString(machinery, "SourceFileLoader");
    result = source_loader != NULL ? is_untouched(type, source_loader, "exec_module")
                                   : -1;
    if (result == 1) {
        result = way_of_default_loader(type, source_loader);
        goto done;
    }
    if (result == 0) {
        result = rs_is_machinery(machinery, loader, "NamespaceLoader");
    }
    if (result != 0) {
        result = result < 0 ? -1 : ASK_CODE;
        goto done;
    }
    result = has_attribute(loader, "exec_module");
    if (result == 0) {
        result = has_attribute(loader, "get_source");
        result = result == 0 ? NOTHING : result < 0 ? -1 : ASK_TEXT;
    } else if (result == 1) {
        result = RUN_IT;
    }
done:
    Py_XDECREF(source_loader);
    Py_DECREF(machinery);
    return result;
}

/* The name by which the loader knows the module: `python -m pkg.mod` runs pkg.mod as
 * __main__. New reference. */
static PyObject *
name_for_loader(const rs_unit *u)
{
    PyObject *name = NULL;
    PyObject *spec = rs_namespace_get(u->live, "__spec__");
    if (spec != NULL) {
        Py_INCREF(spec);
        if (rs_optional_attribute(spec, "name", &name) < 0) {
            Py_DECREF(spec);
            return NULL;
        }
        Py_DECREF(spec);
    } else if (PyErr_Occurred() ||
               rs_optional_attribute(u->loader, "name", &name) < 0) {
        return NULL;
    }
    if (name == NULL || !PyUnicode_Check(name)) {
        Py_XSETREF(name, Py_NewRef(u->name));
    }
    return name;
}

/* New reference to the path that the loader reads, or NULL. */
static PyObject *
path_for_loader(const rs_unit *u, PyObject *name)
{
    PyObject *path;
    int found = rs_optional_attribute(u->loader, "path", &path);
    if (found == 1 && PyUnicode_Check(path)) {
        return path;
    }
    Py_XDECREF(path);
    return found < 0 ? NULL : PyObject_CallMethod(u->loader, "get_filename", "O", name);
}

static int
is_main(const rs_unit *u)
{
    return PyUnicode_CompareWithASCIIString(u->name, "__main__") == 0;
}

static PyObject *
compile_source(PyObject *source, PyObject *filename)
{
    PyObject *code = NULL, *args = NULL, *kwargs = NULL;
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *compile = builtins != NULL ? PyObject_GetAttrString(builtins, "compile")
                                         : NULL;
    if (compile != NULL) {
        args = Py_BuildValue("OOs", source, filename, "exec");
        kwargs = Py_BuildValue("{s:O}", "dont_inherit", Py_True);
    }
    if (args != NULL && kwargs != NULL) {
        code = PyObject_Call(compile, args, kwargs);
    }
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    Py_XDECREF(compile);
    Py_XDECREF(builtins);
    return code;
}

/* Is the exception that is set the loader's way to say that there is no such file? */
static int
says_gone(void)
{
    if (!PyErr_ExceptionMatches(PyExc_FileNotFoundError) &&
        !PyErr_ExceptionMatches(PyExc_NotADirectoryError)) {
        return 0;
    }
    PyErr_Clear();
    return 1;
}

/* ---- reading: u->data and u->path ---- */

/* importlib's own SourceLoader. */
static int
read_source(rs_unit *u, PyObject *name)
{
    u->path = path_for_loader(u, name);
    if (u->path == NULL) {
        return -1;
    }
    u->data = PyObject_CallMethod(u->loader, "get_data", "O", u->path);
    if (u->data == NULL) {
        return says_gone() ? RS_SOURCE_GONE : -1;
    }
    return RS_SOURCE_CODE;
}

/* zipimport keeps the directory of the archive that it once read. */
static int
read_zip(rs_unit *u, PyObject *name)
{
    int result = -1;
    PyObject *suffix = NULL;
    PyObject *nothing = PyObject_CallMethod(u->loader, "invalidate_caches", NULL);
    if (nothing == NULL) {
        return -1;
    }
    u->path = PyObject_CallMethod(u->loader, "get_filename", "O", name);
    if (u->path == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ImportError)) {
            PyErr_Clear();
            result = RS_SOURCE_GONE;
        }
        goto done;
    }
    suffix = PyUnicode_FromString(".py");
    if (suffix == NULL || !PyUnicode_Check(u->path)) {
        goto done;
    }
    if (PyUnicode_Tailmatch(u->path, suffix, 0, PY_SSIZE_T_MAX, 1) != 1) {
        result = PyErr_Occurred() ? -1 : RS_SOURCE_EXEC;
        goto done;
    }
    u->data = PyObject_CallMethod(u->loader, "get_data", "O", u->path);
    if (u->data != NULL) {
        result = RS_SOURCE_CODE;
    } else if (PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        result = RS_SOURCE_GONE;
    }
done:
    if (result < 0 && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ImportError, "the loader of %U gave no file name", u->name);
    }
    Py_DECREF(nothing);
    Py_XDECREF(suffix);
    return result;
}

static int
read_text(rs_unit *u, PyObject *name)
{
    u->data = PyObject_CallMethod(u->loader, "get_source", "O", name);
    if (u->data == NULL) {
        return says_gone() ? RS_SOURCE_GONE : -1;
    }
    if (u->data == Py_None) {
        Py_CLEAR(u->data);
        return RS_SOURCE_GONE;
    }
    u->path = Py_NewRef(u->filename);
    return RS_SOURCE_CODE;
}

/* Does a class between the loader's and importlib's own compile in a way of its own? */
static int
compiles_itself(PyObject *loader)
{
    int result;
    PyObject *own = NULL, *machinery = PyImport_ImportModule("importlib.machinery");
    if (machinery == NULL) {
        return -1;
    }
    own = PyObject_GetAttrString(machinery, "SourceFileLoader");
    Py_DECREF(machinery);
    if (own == NULL) {
        return -1;
    }
    result = is_untouched((PyObject *)Py_TYPE(loader), own, "source_to_code");
    Py_DECREF(own);
    return result < 0 ? -1 : !result;
}

int
rs_loader_read(rs_unit *u)
{
    int result = -1;
    PyObject *name;
    u->way = choose_way(u->loader);
    if (u->way < 0) {
        return -1;
    }
    u->own_compile = u->way == ASK_CODE || u->way == RUN_IT;
    name = name_for_loader(u);
    if (name == NULL) {
        return -1;
    }
    switch ((rs_way)u->way) {
    case READ_SOURCE:
        u->own_compile = compiles_itself(u->loader);
        result = u->own_compile < 0 ? -1 : read_source(u, name);
        break;
    case READ_ZIP:
        result = read_zip(u, name);
        break;
    case ASK_TEXT:
        result = read_text(u, name);
        break;
    case ASK_CODE:
        result = RS_SOURCE_CODE;
        break;
    case RUN_IT:
        result = RS_SOURCE_EXEC;
        break;
    case NOTHING:
    default:
        result = RS_SOURCE_GONE;
        break;
    }
    Py_DECREF(name);
    return result;
}

/* ---- compiling ---- */

static PyObject *
ask_code(const rs_unit *u)
{
    PyObject *code, *name = name_for_loader(u);
    if (name == NULL) {
        return NULL;
    }
    code = PyObject_CallMethod(u->loader, "get_code", "O", name);
    Py_DECREF(name);
    return code;
}

/* What the body of `if __name__ == "__main__":` says runs once only. */
static PyObject *
compile_data(const rs_unit *u, PyObject *data)
{
    PyObject *code, *source = is_main(u) && u->way != ASK_TEXT
                                  ? rs_mainguard_parse(data, u->path)
                                  : Py_NewRef(data);
    if (source == NULL) {
        return NULL;
    }
    code = u->way == READ_SOURCE
               ? PyObject_CallMethod(u->loader, "source_to_code", "OO", source, u->path)
               : compile_source(source, u->path);
    Py_DECREF(source);
    return code;
}

int
rs_loader_code(const rs_unit *u, PyObject *data, PyObject **code)
{
    *code = u->way == ASK_CODE ? ask_code(u) : compile_data(u, data);
    if (*code == NULL) {
        return u->way == ASK_CODE && says_gone() ? RS_SOURCE_GONE : -1;
    }
    if (PyCode_Check(*code)) {
        return RS_SOURCE_CODE;
    }
    if (u->way != ASK_CODE) {
        PyErr_Format(PyExc_TypeError,
                     "source_to_code() of the loader gave %.100s, not code",
                     Py_TYPE(*code)->tp_name);
        Py_CLEAR(*code);
        return -1;
    }
    Py_CLEAR(*code);
    return RS_SOURCE_GONE;
}

int
rs_loader_compile(const rs_unit *u, PyObject **code)
{
    int result;
    rs_unit reading = *u;
    reading.data = reading.path = NULL;
    *code = NULL;
    result = rs_loader_read(&reading);
    if (result == RS_SOURCE_CODE) {
        result = rs_loader_code(&reading, reading.data, code);
    }
    Py_XDECREF(reading.data);
    Py_XDECREF(reading.path);
    return result;
}

/* ---- decoding ---- */

PyObject *
rs_loader_decode(PyObject *data)
{
    PyObject *text = NULL, *util;
    if (PyUnicode_Check(data)) {
        return PyUnicode_FromObject(data);
    }
    util = PyImport_ImportModule("importlib.util");
    if (util != NULL) {
        text = PyObject_CallMethod(util, "decode_source", "O", data);
        Py_DECREF(util);
    }
    return text;
}

int
rs_loader_text(const rs_unit *u, PyObject **text)
{
    int result;
    rs_unit reading = *u;
    reading.data = reading.path = NULL;
    *text = NULL;
    result = rs_loader_read(&reading);
    if (reading.data != NULL) {
        *text = rs_loader_decode(reading.data);
        result = *text != NULL ? result : -1;
    }
    Py_XDECREF(reading.data);
    Py_XDECREF(reading.path);
    return result;
}
