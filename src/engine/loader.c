#include "loader.h"

#include "mainguard.h"

/* 1 and *value (owned), 0 without the attribute, -1. */
static int
optional_attribute(PyObject *op, const char *name, PyObject **value)
{
    *value = PyObject_GetAttrString(op, name);
    if (*value != NULL) {
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
        return -1;
    }
    PyErr_Clear();
    return 0;
}

/* `value` of the module's namespace; borrowed, None counts as absent. */
static PyObject *
namespace_get(PyObject *live, const char *name)
{
    PyObject *key = PyUnicode_FromString(name);
    PyObject *value = key != NULL ? PyDict_GetItemWithError(live, key) : NULL;
    Py_XDECREF(key);
    return value == Py_None ? NULL : value;
}

/* __loader__, else __spec__.loader; *loader NULL if there is neither. */
static int
recorded_loader(PyObject *live, PyObject **loader)
{
    PyObject *spec;
    *loader = Py_XNewRef(namespace_get(live, "__loader__"));
    if (*loader != NULL || PyErr_Occurred()) {
        return *loader != NULL ? 0 : -1;
    }
    spec = namespace_get(live, "__spec__");
    if (spec == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    Py_INCREF(spec);
    if (optional_attribute(spec, "loader", loader) < 0) {
        Py_DECREF(spec);
        return -1;
    }
    Py_DECREF(spec);
    if (*loader == Py_None) {
        Py_CLEAR(*loader);
    }
    return 0;
}

/* 1 if `loader` is machinery.<name> or an instance of it. */
static int
is_machinery(PyObject *machinery, PyObject *loader, const char *name)
{
    int result;
    PyObject *type = PyObject_GetAttrString(machinery, name);
    if (type == NULL) {
        return -1;
    }
    result = loader == type ||
             (PyType_Check(type) && PyType_IsSubtype(Py_TYPE(loader), RS_TYPE(type)));
    Py_DECREF(type);
    return result;
}

static int
is_binary(PyObject *machinery, PyObject *loader)
{
    const char *const names[] = {"BuiltinImporter", "FrozenImporter",
                                 "ExtensionFileLoader"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int result = is_machinery(machinery, loader, names[i]);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* A module that something executed from a file without import machinery. */
static int
loader_from_file(PyObject *machinery, PyObject *live, PyObject *name, PyObject **loader)
{
    PyObject *file = namespace_get(live, "__file__");
    if (file == NULL || !PyUnicode_Check(file)) {
        return PyErr_Occurred() ? -1 : RS_LOADER_NONE;
    }
    *loader = PyObject_CallMethod(machinery, "SourceFileLoader", "OO", name, file);
    return *loader != NULL ? RS_LOADER_PYTHON : -1;
}

int
rs_loader_find(PyObject *live, PyObject *name, PyObject **loader)
{
    int result;
    PyObject *machinery = PyImport_ImportModule("importlib.machinery");
    *loader = NULL;
    if (machinery == NULL) {
        return -1;
    }
    result = recorded_loader(live, loader);
    if (result == 0 && *loader != NULL) {
        result = is_binary(machinery, *loader);
    }
    if (result == 1 && namespace_get(live, "__file__") == NULL &&
        namespace_get(live, "__spec__") == NULL && !PyErr_Occurred()) {
        /* `python -c`, interactive: __main__ has the built-in loader, but no origin. */
        result = RS_LOADER_NONE;
    } else if (result == 1) {
        result = RS_LOADER_BINARY;
    } else if (result == 0 && *loader == NULL) {
        result = loader_from_file(machinery, live, name, loader);
    } else if (result == 0) {
        result = RS_LOADER_PYTHON;
    }
    if (result != RS_LOADER_PYTHON) {
        Py_CLEAR(*loader);
    }
    Py_DECREF(machinery);
    return result;
}

/* 1 if what instances of `type` have as `name` is exactly what `owner` defines. */
static int
is_untouched(PyObject *type, PyObject *owner, const char *name)
{
    int result;
    PyObject *ours, *theirs = PyObject_GetAttrString(owner, name);
    if (theirs == NULL) {
        return -1;
    }
    result = optional_attribute(type, name, &ours);
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
    int result = optional_attribute(op, name, &value);
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
        result = is_machinery(machinery, loader, "NamespaceLoader");
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
    PyObject *spec = namespace_get(u->live, "__spec__");
    if (spec != NULL) {
        Py_INCREF(spec);
        if (optional_attribute(spec, "name", &name) < 0) {
            Py_DECREF(spec);
            return NULL;
        }
        Py_DECREF(spec);
    } else if (PyErr_Occurred() || optional_attribute(u->loader, "name", &name) < 0) {
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
    int found = optional_attribute(u->loader, "path", &path);
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

/* importlib's own SourceLoader, with whatever a subclass made of source_to_code. */
static int
read_source(const rs_unit *u, PyObject *name, PyObject **code)
{
    int result = -1;
    PyObject *path, *data = NULL;
    path = path_for_loader(u, name);
    if (path == NULL) {
        return -1;
    }
    data = PyObject_CallMethod(u->loader, "get_data", "O", path);
    if (data == NULL) {
        result = says_gone() ? RS_SOURCE_GONE : -1;
        goto done;
    }
    if (is_main(u)) {
        Py_SETREF(data, rs_mainguard_parse(data, path));
        if (data == NULL) {
            goto done;
        }
    }
    *code = PyObject_CallMethod(u->loader, "source_to_code", "OO", data, path);
    result = *code != NULL ? RS_SOURCE_CODE : -1;
done:
    Py_XDECREF(path);
    Py_XDECREF(data);
    return result;
}

/* zipimport decodes as UTF-8 in get_source, so the bytes are compiled here; and it keeps
 * the directory of the archive that it once read. */
static int
read_zip(const rs_unit *u, PyObject *name, PyObject **code)
{
    int result = -1;
    PyObject *path = NULL, *data = NULL, *suffix = NULL;
    PyObject *nothing = PyObject_CallMethod(u->loader, "invalidate_caches", NULL);
    if (nothing == NULL) {
        return -1;
    }
    path = PyObject_CallMethod(u->loader, "get_filename", "O", name);
    if (path == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ImportError)) {
            PyErr_Clear();
            result = RS_SOURCE_GONE;
        }
        goto done;
    }
    suffix = PyUnicode_FromString(".py");
    if (suffix == NULL || !PyUnicode_Check(path)) {
        goto done;
    }
    if (PyUnicode_Tailmatch(path, suffix, 0, PY_SSIZE_T_MAX, 1) != 1) {
        result = PyErr_Occurred() ? -1 : RS_SOURCE_EXEC;
        goto done;
    }
    data = PyObject_CallMethod(u->loader, "get_data", "O", path);
    if (data == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        result = RS_SOURCE_GONE;
    }
    if (data != NULL && is_main(u)) {
        Py_SETREF(data, rs_mainguard_parse(data, path));
    }
    if (data != NULL) {
        *code = compile_source(data, path);
        result = *code != NULL ? RS_SOURCE_CODE : -1;
    }
done:
    if (result < 0 && !PyErr_Occurred()) {
        PyErr_Format(PyExc_ImportError, "the loader of %U gave no file name", u->name);
    }
    Py_DECREF(nothing);
    Py_XDECREF(path);
    Py_XDECREF(data);
    Py_XDECREF(suffix);
    return result;
}

static int
ask_code(const rs_unit *u, PyObject *name, PyObject **code)
{
    *code = PyObject_CallMethod(u->loader, "get_code", "O", name);
    if (*code == NULL) {
        return says_gone() ? RS_SOURCE_GONE : -1;
    }
    if (PyCode_Check(*code)) {
        return RS_SOURCE_CODE;
    }
    Py_CLEAR(*code);
    return RS_SOURCE_GONE;
}

static int
ask_text(const rs_unit *u, PyObject *name, PyObject **code)
{
    PyObject *text = PyObject_CallMethod(u->loader, "get_source", "O", name);
    if (text == NULL) {
        return says_gone() ? RS_SOURCE_GONE : -1;
    }
    if (text == Py_None) {
        Py_DECREF(text);
        return RS_SOURCE_GONE;
    }
    *code = compile_source(text, u->filename);
    Py_DECREF(text);
    return *code != NULL ? RS_SOURCE_CODE : -1;
}

int
rs_loader_compile(const rs_unit *u, PyObject **code)
{
    int result;
    PyObject *name;
    int way = choose_way(u->loader);
    *code = NULL;
    if (way < 0) {
        return -1;
    }
    name = name_for_loader(u);
    if (name == NULL) {
        return -1;
    }
    switch ((rs_way)way) {
    case READ_SOURCE:
        result = read_source(u, name, code);
        break;
    case READ_ZIP:
        result = read_zip(u, name, code);
        break;
    case ASK_CODE:
        result = ask_code(u, name, code);
        break;
    case ASK_TEXT:
        result = ask_text(u, name, code);
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
    if (result == RS_SOURCE_CODE && !PyCode_Check(*code)) {
        PyErr_Format(PyExc_TypeError,
                     "source_to_code() of the loader gave %.100s, not code",
                     Py_TYPE(*code)->tp_name);
        Py_CLEAR(*code);
        return -1;
    }
    return result;
}
