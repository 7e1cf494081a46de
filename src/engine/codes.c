#include "codes.h"

#include <assert.h>
#include <string.h>

#include "children.h"
#include "roles.h"
#include "same.h"

static int pair_codes(rs_session *s, PyObject *old_code, PyObject *new_code, int inner);

/* ---- notes ---- */

Py_ssize_t
rs_codes_count(const rs_session *s)
{
    return s->codes != NULL ? s->codes->index.used : 0;
}

rs_code_note *
rs_codes_at(const rs_session *s, Py_ssize_t number)
{
    return &s->codes->notes[number];
}

Py_ssize_t
rs_codes_find(const rs_session *s, PyObject *code)
{
    return s->codes != NULL ? rs_idmap_find(&s->codes->index, code) : -1;
}

rs_code_note *
rs_codes_note(const rs_session *s, PyObject *code)
{
    Py_ssize_t number = rs_codes_find(s, code);
    return number >= 0 ? &s->codes->notes[number] : NULL;
}

int
rs_codes_same_defaults(const rs_code_note *note)
{
    return note->old_defaults == NULL ||
           rs_same_literal(note->old_defaults, note->new_defaults);
}

void
rs_codes_check(const rs_session *s)
{
#ifdef RS_CHECKS
    for (Py_ssize_t i = 0; i < rs_codes_count(s); i++) {
        const rs_code_note *note = rs_codes_at(s, i);
        assert(s->codes->index.entries[i].key == note->code);
        assert((note->fate == RS_CODE_PAIRED) == (note->new_code != NULL));
        assert(rs_idmap_get(&s->old_codes, note->code) == note->new_code);
        assert(note->new_code == NULL ||
               rs_same_text(RS_CODE(note->code)->co_name,
                            RS_CODE(note->new_code)->co_name));
    }
#else
    (void)s;
#endif
}

void
rs_codes_clear(rs_session *s)
{
    struct rs_codes *codes = s->codes;
    s->codes = NULL;
    if (codes == NULL) {
        return;
    }
    for (Py_ssize_t i = 0; i < codes->index.used; i++) {
        Py_XDECREF(codes->notes[i].old_defaults);
        Py_XDECREF(codes->notes[i].new_defaults);
        Py_XDECREF(codes->notes[i].new_kwdefaults);
        Py_XDECREF(codes->notes[i].why);
    }
    PyMem_Free(codes->notes);
    rs_idmap_clear(&codes->index);
    PyMem_Free(codes);
}

static int
open_codes(rs_session *s)
{
    if (s->codes != NULL) {
        return 0;
    }
    s->codes = PyMem_Calloc(1, sizeof(*s->codes));
    if (s->codes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return rs_roles_open(&s->codes->opcodes);
}

static int
make_room(rs_session *s)
{
    struct rs_codes *codes = s->codes;
    Py_ssize_t room;
    rs_code_note *notes;
    if (codes->index.used < codes->room) {
        return 0;
    }
    room = codes->room != 0 ? codes->room * 2 : 64;
    notes = PyMem_Realloc(codes->notes, (size_t)room * sizeof(rs_code_note));
    if (notes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    codes->notes = notes;
    codes->room = room;
    return 0;
}

/* The note on `code`, made if there was none. It moves when the next one is made. */
static rs_code_note *
take_note(rs_session *s, PyObject *code)
{
    Py_ssize_t refs = Py_REFCNT(code);
    rs_code_note *note = rs_codes_note(s, code);
    if (note != NULL) {
        return note;
    }
    if (open_codes(s) < 0 || make_room(s) < 0) {
        return NULL;
    }
    note = &s->codes->notes[s->codes->index.used];
    memset(note, 0, sizeof(*note));
    note->code = code;
    note->refs = refs;
    if (rs_idmap_set(&s->codes->index, code, code) < 0) {
        return NULL;
    }
    return note;
}

/* ---- what is nested in a pair ---- */

/* Definitions of modules and classes are matched as objects, with their defaults. */
static int
wants_defaults(PyObject *parent, int inner, const rs_children *olds)
{
    int is_function = (RS_CODE(parent)->co_flags & CO_OPTIMIZED) != 0;
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        const PyCodeObject *code = RS_CODE(olds->at[i].code);
        if (code->co_argcount + code->co_kwonlyargcount > 0 &&
            (is_function || inner || rs_text_equals(code->co_name, "<lambda>"))) {
            return 1;
        }
    }
    return 0;
}

/* What is known of the functions that two code objects make. Owned. */
typedef struct {
    PyObject *old, *new; /* rs_roles_of, or NULL */
    int no_defaults;     /* none of them has default values */
} role_pair;

static int
find_roles(rs_session *s, PyObject *old_code, PyObject *new_code, int inner,
           const rs_children *olds, const rs_children *news, role_pair *roles)
{
    const rs_roles_opcodes *ops;
    if (open_codes(s) < 0) {
        return -1;
    }
    ops = &s->codes->opcodes;
    if (!rs_children_share_names(olds, news)) {
        if (!wants_defaults(old_code, inner, olds)) {
            return 0;
        }
        roles->no_defaults = rs_roles_without_defaults(ops, old_code);
        if (roles->no_defaults > 0) {
            roles->no_defaults = rs_roles_without_defaults(ops, new_code);
        }
        if (roles->no_defaults != 0) {
            return roles->no_defaults < 0 ? -1 : 0;
        }
    }
    roles->old = rs_roles_of(old_code);
    roles->new = roles->old != NULL ? rs_roles_of(new_code) : NULL;
    return roles->new != NULL ? 0 : -1;
}

/* Pairs that stand already are anchors for the rest. Most are in the order of before: the
 * search for a partner begins behind that of the one before. */
static void
match_known(const rs_session *s, rs_children *olds, rs_children *news)
{
    Py_ssize_t next = 0;
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        const rs_code_note *note = rs_codes_note(s, olds->at[i].code);
        if (note == NULL || note->new_code == NULL) {
            continue;
        }
        for (Py_ssize_t n = 0; n < news->count; n++) {
            Py_ssize_t k = next + n < news->count ? next + n : next + n - news->count;
            if (news->at[k].code == note->new_code) {
                olds->at[i].partner = k;
                news->at[k].partner = i;
                next = k + 1;
                break;
            }
        }
    }
}

static int
note_roles(rs_code_note *note, PyObject *new_code, const role_pair *roles)
{
    if (note->old_defaults != NULL) {
        return 0;
    }
    if (roles->no_defaults) {
        note->old_defaults = PyTuple_New(0);
        note->new_defaults = PyTuple_New(0);
        note->new_kwdefaults = PyLong_FromLong(0);
        return note->old_defaults != NULL && note->new_defaults != NULL &&
                       note->new_kwdefaults != NULL
                   ? 0
                   : -1;
    }
    if (roles->old == NULL) {
        return 0;
    }
    note->old_defaults = Py_NewRef(
        rs_role_get(roles->old, note->code, RS_ROLE_DEFAULTS));
    note->new_defaults = Py_NewRef(rs_role_get(roles->new, new_code, RS_ROLE_DEFAULTS));
    note->new_kwdefaults = Py_NewRef(
        rs_role_get(roles->new, new_code, RS_ROLE_KWDEFAULTS));
    return 0;
}

static int
note_children(rs_session *s, const rs_children *olds, const rs_children *news,
              const role_pair *roles, int inner)
{
    for (Py_ssize_t i = 0; i < olds->count; i++) {
        const rs_child *old = &olds->at[i];
        PyObject *new_code = old->partner >= 0 ? news->at[old->partner].code : NULL;
        rs_code_note *note = take_note(s, old->code);
        if (note == NULL) {
            return -1;
        }
        note->parents++;
        note->inner |= inner;
        if (new_code == NULL) {
            if (note->fate != RS_CODE_PAIRED && old->rivals) {
                note->fate = RS_CODE_LOST_AMBIGUOUS;
            }
            continue;
        }
        if (note_roles(note, new_code, roles) < 0 ||
            pair_codes(s, old->code, new_code, inner) < 0) {
            return -1;
        }
    }
    return 0;
}

/* inner: is it functions that make what is nested here? */
static int
pair_children(rs_session *s, PyObject *old_code, PyObject *new_code, int relation,
              int inner)
{
    int result = -1;
    rs_children olds = {NULL, 0}, news = {NULL, 0};
    role_pair roles = {NULL, NULL, 0};

    if (rs_children_of(old_code, &olds) < 0 || rs_children_of(new_code, &news) < 0) {
        goto done;
    }
    if (olds.count == 0) {
        result = 0;
        goto done;
    }
    if (relation != RS_CODE_DIFFERS) {
        rs_children_match_in_order(&olds, &news);
    } else {
        match_known(s, &olds, &news);
        if (find_roles(s, old_code, new_code, inner, &olds, &news, &roles) < 0 ||
            rs_children_match(&olds, roles.old, &news, roles.new) < 0) {
            goto done;
        }
    }
    result = note_children(s, &olds, &news, &roles, inner);
done:
    PyMem_Free(olds.at);
    PyMem_Free(news.at);
    Py_XDECREF(roles.old);
    Py_XDECREF(roles.new);
    return result;
}

/* ---- pairs ---- */

static int
pair_codes(rs_session *s, PyObject *old_code, PyObject *new_code, int inner)
{
    int relation;
    rs_code_note *note;
    if (old_code == new_code) {
        return 0;
    }
    note = take_note(s, old_code);
    if (note == NULL) {
        return -1;
    }
    if (note->new_code == NULL) {
        relation = rs_same_code(old_code, new_code);
        if (relation < 0 || rs_idmap_set(&s->old_codes, old_code, new_code) < 0) {
            return -1;
        }
        note->new_code = new_code;
        note->fate = RS_CODE_PAIRED;
        note->relation = relation;
    }
    if (note->expanded) {
        return 0;
    }
    note->expanded = 1;
    inner |= (RS_CODE(old_code)->co_flags & CO_OPTIMIZED) != 0;
    return pair_children(s, old_code, note->new_code, note->relation, inner);
}

int
rs_codes_pair(rs_session *s, PyObject *old_code, PyObject *new_code)
{
    rs_code_note *note;
    if (old_code == new_code ||
        !rs_same_text(RS_CODE(old_code)->co_qualname, RS_CODE(new_code)->co_qualname)) {
        return 0;
    }
    note = take_note(s, old_code);
    if (note == NULL) {
        return -1;
    }
    note->matched = 1;
    return pair_codes(s, old_code, new_code, 0);
}

int
rs_codes_pair_known(rs_session *s, const rs_unit *u)
{
    int relation;
    if (u->known_code == NULL || u->code == NULL || u->known_code == u->code) {
        return 0;
    }
    relation = rs_same_code(u->known_code, u->code);
    if (relation < 0) {
        return -1;
    }
    return pair_children(s, u->known_code, u->code, relation, 0);
}

/* ---- copies ---- */

int
rs_codes_alias(rs_session *s, PyObject *code, Py_ssize_t note_number)
{
    int result = -1;
    rs_code_note *note, *model;
    rs_children own = {NULL, 0}, others = {NULL, 0};
    if (rs_codes_note(s, code) != NULL) {
        return 0;
    }
    note = take_note(s, code);
    if (note == NULL) {
        return -1;
    }
    model = rs_codes_at(s, note_number);
    note->new_code = model->new_code;
    note->fate = model->fate;
    note->relation = model->relation;
    note->inner = model->inner;
    note->expanded = 1;
    note->old_defaults = Py_XNewRef(model->old_defaults);
    note->new_defaults = Py_XNewRef(model->new_defaults);
    note->new_kwdefaults = Py_XNewRef(model->new_kwdefaults);
    if (note->new_code != NULL &&
        rs_idmap_set(&s->old_codes, code, note->new_code) < 0) {
        return -1;
    }
    if (rs_children_of(code, &own) < 0 || rs_children_of(model->code, &others) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < own.count && i < others.count; i++) {
        Py_ssize_t number = rs_codes_find(s, others.at[i].code);
        if (number >= 0 && rs_codes_alias(s, own.at[i].code, number) < 0) {
            goto done;
        }
    }
    result = 0;
done:
    PyMem_Free(own.at);
    PyMem_Free(others.at);
    return result;
}

int
rs_codes_lose(rs_session *s, PyObject *code)
{
    rs_code_note *note = take_note(s, code);
    if (note == NULL) {
        return -1;
    }
    if (note->new_code == NULL) {
        note->fate = RS_CODE_LOST_AMBIGUOUS;
    }
    return 0;
}
