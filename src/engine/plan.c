#include "plan.h"

#include "class.h"
#include "copied.h"
#include "data.h"
#include "function.h"
#include "hotfix.h"
#include "imports.h"
#include "kinds.h"
#include "match.h"
#include "moves.h"
#include "names.h"
#include "nested.h"
#include "pending.h"
#include "quiet.h"
#include "redirect.h"
#include "rewrap.h"

/* What was made for the time of preparing only. */
static int
map_stand_ins(rs_session *s)
{
    Py_ssize_t pos = 0;
    PyObject *own, *live;
    while (rs_idmap_next(&s->stand_ins, &pos, &own, &live)) {
        if (Py_REFCNT(own) > 1 && rs_idmap_set(&s->map, own, live) < 0) {
            return -1;
        }
    }
    return 0;
}

/* With strict=True warnings refuse, when all of them are known: at the end, or together
 * with what refuses anyway. */
static int
refuse_if_needed(rs_session *s, int at_end)
{
    if ((at_end || PyList_GET_SIZE(s->refusals) > 0) && rs_refuse_notices(s) < 0) {
        return -1;
    }
    if (PyList_GET_SIZE(s->refusals) == 0) {
        return 0;
    }
    rs_raise_refusals(s);
    return -1;
}

int
rs_plan_match(rs_session *s)
{
    if (s->hot != NULL) {
        if (rs_hot_match(s) < 0) {
            return -1;
        }
        s->early_notices = PyList_GET_SIZE(s->notices);
        return refuse_if_needed(s, 0);
    }
    if (rs_imports_map(s) < 0 || map_stand_ins(s) < 0 || rs_match(s) < 0 ||
        rs_quiet_settle(s) < 0 || rs_nested_pair(s) < 0) {
        return -1;
    }
    if (rs_data_map(s) < 0) {
        return -1;
    }
    s->early_notices = PyList_GET_SIZE(s->notices);
    return 0;
}

/* A plan that was overtaken by the program is dropped, with its report; what was noticed
 * before any plan stays. */
static int
start_again(rs_session *s)
{
    rs_journal_forget(&s->journal);
    rs_idmap_clear(&s->replaced);
    rs_idmap_clear(&s->replaced_names);
    if (PyList_SetSlice(s->changes, 0, PY_SSIZE_T_MAX, NULL) < 0 ||
        PyList_SetSlice(s->refusals, 0, PY_SSIZE_T_MAX, NULL) < 0) {
        return -1;
    }
    return PyList_SetSlice(s->notices, s->early_notices, PY_SSIZE_T_MAX, NULL);
}

int
rs_plan_make(rs_session *s)
{
    if (start_again(s) < 0 || rs_names_check_options(s) < 0 || rs_class_plan(s) < 0 ||
        (s->hot != NULL ? rs_hot_plan_names(s) : rs_names_plan_modules(s)) < 0 ||
        rs_function_plan(s) < 0 || rs_copied_plan(s) < 0 || rs_rewrap_plan(s) < 0 ||
        rs_data_plan_bodies(s) < 0 || rs_moves_plan(s) < 0 ||
        (s->hot != NULL ? rs_hot_plan_fields(s) : rs_pending_report(s)) < 0 ||
        refuse_if_needed(s, 0) < 0) {
        return -1;
    }
    rs_session_breathe(s);

    /* from here on young objects are rewritten: nothing live refers to them yet */
    if (rs_redirect_young(s) < 0) {
        return -1;
    }
    rs_session_breathe(s);
    /* and from here to the commit no other thread runs, unless there are hooks: it could
     * make a closure of old code that nobody has seen */
    if (rs_nested_plan(s) < 0 || rs_kinds_plan(s) < 0 || rs_redirect_leftovers(s) < 0 ||
        rs_leftovers_plan(s) < 0) {
        return -1;
    }
    return refuse_if_needed(s, 1);
}
