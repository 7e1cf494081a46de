#include "young.h"

typedef struct {
    rs_young *young;
    rs_idmap *changed;
    rs_idmap *frozen;  /* frozensets to rebuild, inner ones first */
    rs_idmap *rebuild; /* other sets and dicts */
} rehash_arg;

static int
has_changed_key(PyObject *dict, const rs_idmap *changed)
{
    PyObject *key;
    Py_ssize_t pos = 0;
    while (PyDict_Next(dict, &pos, &key, NULL)) {
        if (rs_idmap_has(changed, key)) {
            return 1;
        }
    }
    return 0;
}

static int
note(rs_idmap *map, PyObject *op)
{
    return rs_idmap_has(map, op) ? 0 : rs_idmap_set(map, op, op);
}

static int
visit_holder(PyObject *op, void *arg)
{
    rehash_arg *rehash = arg;
    if (rs_holder_refs(op, rehash->changed) == 0 ||
        rs_young_is_part(rehash->young, op)) {
        return 1;
    }
    if (PyDict_Check(op)) {
        if (has_changed_key(op, rehash->changed) && note(rehash->rebuild, op) < 0) {
            return -1;
        }
        return 1;
    }
    if (PyFrozenSet_Check(op)) {
        if (note(rehash->frozen, op) < 0) {
            return -1;
        }
    } else if (PyAnySet_Check(op)) {
        return note(rehash->rebuild, op) < 0 ? -1 : 1;
    }
    if (rs_holder_hashes_contents(op)) {
        if (PyTuple_Check(op)) {
            rs_tuple_forget_hash(op);
        }
        return note(rehash->changed, op) < 0 ? -1 : 1;
    }
    return 1;
}

static int
rebuild_all(const rs_idmap *containers)
{
    const rs_idmap same = {0};
    Py_ssize_t pos = 0;
    PyObject *op;
    while (rs_idmap_next(containers, &pos, &op, NULL)) {
        int result = PyDict_Check(op) ? rs_holder_rebuild_dict(op, &same)
                                      : rs_holder_rebuild_set(op, &same);
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int
rs_rehash(rs_young *young, rs_idmap *changed)
{
#ifdef RS_WITHOUT_CURE_18
    (void)young;
    (void)changed;
    return 0;
#else
    rs_idmap frozen = {0}, rebuild = {0};
    rehash_arg rehash = {young, changed, &frozen, &rebuild};
    Py_ssize_t known = 0;
    int result = -1;
    while (known < changed->used) {
        known = changed->used;
        if (rs_heap_interval(young->s, visit_holder, &rehash) < 0) {
            goto done;
        }
    }
    if (rebuild_all(&frozen) == 0 && rebuild_all(&rebuild) == 0) {
        result = 0;
    }
done:
    rs_idmap_clear(&frozen);
    rs_idmap_clear(&rebuild);
    return result;
#endif
}
