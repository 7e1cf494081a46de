/* module.c -- the extension module resoul._engine: its method table only. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyModuleDef_Slot engine_slots[] = {
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, NULL},
};

static struct PyModuleDef engine_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "resoul._engine",
    .m_slots = engine_slots,
};

PyMODINIT_FUNC PyInit__engine(void);

PyMODINIT_FUNC
PyInit__engine(void)
{
    return PyModuleDef_Init(&engine_def);
}
