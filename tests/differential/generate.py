"""From a seed to a case: modules of random features, random edits, holds, changed state and a data policy."""

import random

from .case import Case, Module
from .features import MAKERS, classes, classtools, data, decorators, functions, imports
from .features.classes import Class
from .features.data import Data, literal
from .features.feature import Names, counter
from .features.functions import Function, Param
from .features.imports import make_back

BROKEN = {  # kind -> text at the end of a module, cause
    "syntax error": ("\n\ndef broken(:\n", "SyntaxError"),
    "exception in a body": ("\n\n1 / 0\n", "ZeroDivisionError"),
    "KeyboardInterrupt in a body": (
        "\n\nraise KeyboardInterrupt\n",
        "KeyboardInterrupt",
    ),
    "SystemExit in a body": ("\n\nraise SystemExit(3)\n", "SystemExit"),
    "failing import": ("\n\nimport no_such_module_at_all\n", "ModuleNotFoundError"),
}


def generate(seed, wanted=None, execute="all"):
    """The case of this seed (text); with an edit of the wanted kind."""
    for attempt in range(400):
        rng = random.Random(f"resoul {seed} {attempt}")
        count = counter()
        v1 = make_modules(rng, count, hinted(wanted))
        edited = edit_modules(rng, count, v1, None if wanted in BROKEN else wanted)
        if edited:
            v2, kinds, refusals = edited
            case = Case(
                seed=str(seed),
                v1=v1,
                v2=v2,
                kinds=kinds,
                refusals=refusals,
                execute=execute,
            )
            return with_policy(
                rng, with_state(rng, with_holds(rng, with_broken(rng, case, wanted)))
            )
    raise LookupError(f"no case with an edit of kind {wanted!r}")


# -- modules ----------------------------------------------------------------------------------------------------------


HINTS = {  # features that a kind of edit needs, where they rarely meet by chance
    "alias": [functions.make_function, data.make_alias],
    "base": [classes.make_class],
    "class decorator": [classes.make_class, classtools.make_class_decorator],
    "decorator": [functions.make_function, decorators.make_decorator],
    "derived": [classes.make_class, imports.make_derived],
    "descriptor": [classes.make_class, classtools.make_descriptor],
    "imported base": [classes.make_class, imports.make_derived],
    "import": [functions.make_function, imports.make_import],
    "instance": [classes.make_class, data.make_instance],
    "metaclass": [classes.make_class, classtools.make_meta],
    "method decorator": [classes.make_class, decorators.make_decorator],
    "table of definitions": [functions.make_function, data.make_table],
}


def hinted(wanted):
    fitting = [name for name in HINTS if wanted and name in wanted]
    return HINTS[max(fitting, key=len)] if fitting else MAKERS


def make_modules(rng, count, hints=MAKERS):
    modules = []
    for number in range(1, rng.choice([1, 1, 2, 2, 3]) + 1):
        elsewhere = {one.name: one.features for one in modules}
        features = []
        for _ in range(rng.randint(2, 8)):
            made = (
                rng.choice(rng.choice((MAKERS, hints)))(
                    rng, Names(features, count, elsewhere)
                )
                for _ in range(5)
            )
            features += [one for one in made if one is not None][:1]
        modules.append(
            Module(f"m{number}", tuple(features), doc=rng.choice(["", "said"]))
        )
    return tuple(with_back(rng, count, modules))


def with_back(rng, count, modules):
    """Functions of earlier modules that import later ones: circular, but only when they are called."""
    for number, module in enumerate(modules[:-1]):
        if rng.random() < 0.4:
            later = rng.choice(modules[number + 1 :])
            one = make_back(rng, Names((), count), later.name, later.features)
            if one:
                modules[number] = module.but(features=(*module.features, one))
    return modules


# -- edits ------------------------------------------------------------------------------------------------------------


def edit_modules(rng, count, v1, wanted):
    """Some edits, the first of the wanted kind; None if that can't be made here."""
    modules = list(v1)
    kinds, refusals = [], []
    for number in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        found = possible(rng, count, modules, v1)
        kind = wanted if wanted and not number else rng.choice(sorted(found))
        if kind not in found:
            return None
        at, module, codes = rng.choice(found[kind])
        modules[at] = module
        kinds.append(kind)
        refusals += codes
    return tuple(modules), tuple(kinds), tuple(refusals)


def possible(rng, count, modules, v1):
    """kind -> (place, module afterwards, codes of refusals) of every edit that could be made."""
    found = {"nothing": [(0, modules[0], ())]}
    needed = needed_names(modules) | needed_names(v1)
    for at, module in enumerate(modules):
        elsewhere = {one.name: one.features for one in modules[:at]}
        for change in MODULE_EDITS:
            changed = change(rng, count, module, elsewhere, needed)
            if changed:
                kind, new, *codes = changed
                found.setdefault(kind, []).append((at, new, codes))
        for place, feature in enumerate(module.features):
            for edit in feature.edits(
                rng, Names(module.features[:place], count, elsewhere)
            ):
                if edit.new != feature and allowed(edit, feature, module, needed):
                    found.setdefault(edit.kind, []).append(
                        (at, replaced(module, place, edit.new), edit.refusals)
                    )
    return found


def needed_names(modules):
    found = {
        pair for one in modules for feature in one.features for pair in feature.refers
    }
    return found | {
        (one.name, name)
        for one in modules
        for feature in one.features
        for name in feature.needs
    }


def allowed(edit, feature, module, needed):
    """Some edits would pull the ground from under features that need this one."""
    pulls = edit.kind in (
        "data kind",
        "sentinel becomes data",
        "slots changed",
        "class type parameters",
        "metaclass added",
        "metaclass removed",
        "metaclass changed",
    )
    if isinstance(feature, Function):
        # tables and defaults of the other features would go on holding the old object
        pulls = edit.new.shape() != feature.shape()
    return not (pulls and (module.name, feature.name) in needed)


def replaced(module, at, *new):
    return module.but(
        features=(*module.features[:at], *new, *module.features[at + 1 :])
    )


def add_feature(rng, count, module, elsewhere, needed):
    one = rng.choice(MAKERS)(rng, Names(module.features, count, elsewhere))
    return one and ("feature added", module.but(features=(*module.features, one)))


def loose_feature(rng, module, needed, *kinds):
    """Where a feature stands that nothing needs, or None."""
    found = [at for at, one in enumerate(module.features)
             if (not kinds or type(one) in kinds) and not any((module.name, name) in needed for name in one.binds)]  # fmt: skip
    return rng.choice(found) if found else None


def remove_feature(rng, count, module, elsewhere, needed):
    at = loose_feature(rng, module, needed)
    return None if at is None else ("feature removed", replaced(module, at))


def rename_feature(rng, count, module, elsewhere, needed):
    at = loose_feature(rng, module, needed, Function, Class, Data)
    if at is None:
        return None
    one = module.features[at]
    return "feature renamed", replaced(
        module, at, one.but(name=Names((), count).new(one.name.rstrip("0123456789")))
    )


def swap_features(rng, count, module, elsewhere, needed):
    pairs = [
        at
        for at in range(len(module.features) - 1)
        if not module.features[at].binds & module.features[at + 1].needs
    ]
    if not pairs:
        return None
    at = rng.choice(pairs)
    features = list(module.features)
    features[at], features[at + 1] = features[at + 1], features[at]
    return "features swapped", module.but(features=tuple(features))


def replace_feature(rng, count, module, elsewhere, needed):
    """A name that changes kind."""
    at = loose_feature(rng, module, needed, Function, Class, Data)
    if at is None:
        return None
    one = module.features[at]
    n = rng.randint(1, 99)
    makers = {
        "function": lambda: Function(name=one.name, params=(Param("x"),), number=n),
        "class": lambda: Class(name=one.name, init=n),
        "data": lambda: Data(name=one.name, kind="int", value=literal(rng, "int")),
    }
    was = type(one).__name__.lower()
    becomes = rng.choice([kind for kind in makers if kind != was])
    changed = replaced(module, at, makers[becomes]())
    # together with "class becomes ..." it is another class
    codes = classes.BASES if becomes == "class" else ()
    return f"{was} becomes {becomes}", changed, *codes


def move_lines(rng, count, module, elsewhere, needed):
    return "lines moved", module.but(padding=module.padding + rng.randint(1, 5))


def change_doc(rng, count, module, elsewhere, needed):
    return "module docstring", module.but(doc=f"about {rng.randint(1, 99)}")


def change_exports(rng, count, module, elsewhere, needed):
    names = [one.name for one in module.features]
    return "exports", module.but(
        exports=tuple(rng.sample(names, rng.randint(0, len(names))))
    )


MODULE_EDITS = [
    add_feature,
    remove_feature,
    rename_feature,
    swap_features,
    replace_feature,
    move_lines,
    change_doc,
    change_exports,
]


# -- what happens around the edits ------------------------------------------------------------------------------------


def with_broken(rng, case, wanted):
    if wanted not in BROKEN and rng.random() > 0.02:
        return case
    kind = wanted if wanted in BROKEN else rng.choice(sorted(BROKEN))
    text, cause = BROKEN[kind]
    return case.but(
        broken=(rng.choice(case.v2).name, text, cause), kinds=(*case.kinds, kind)
    )


def with_holds(rng, case):
    keys = [
        f"{module.name}.{one.name}.{key}"
        for module in case.v1
        for one in module.features
        for key in one.holds()
    ]
    keys = rng.sample(keys, min(len(keys), 24))
    touches = []
    for module, later in zip(case.v1, case.v2, strict=True):
        for one in module.features:
            now = later.feature(one.name)
            for key, text in one.touches(rng):
                held = f"{module.name}.{one.name}.{key}"
                if (
                    held in keys
                    and rng.random() < 0.5
                    and (now is None or type(now) is not type(one) or now.touches(rng))
                ):
                    touches.append((held, text))
    return case.but(holds=tuple(keys), touches=tuple(touches))


def with_state(rng, case):
    """State that the program changes between import and update."""
    imported = {
        pair
        for version in (case.v1, case.v2)
        for one in version
        for feature in one.features
        for pair in feature.refers
    }
    mutations = []
    for module in case.v1:
        for one in module.features:
            for path, text, value in one.mutations(rng):
                if rng.random() < 0.3 and (module.name, one.name) not in imported:
                    mutations.append((module.name, path, text, value))
    return case.but(mutations=tuple(mutations))


def with_policy(rng, case):
    choice = rng.random()
    common = takeable(case)
    if choice < 0.25:
        case = case.but(data="take")
    elif choice < 0.4 and common:
        case = case.but(take=tuple(rng.sample(common, rng.randint(1, len(common)))))
    elif choice < 0.55:
        case = speaking(rng, case)
    changed = [
        old.name for old, new in zip(case.v1, case.v2, strict=True) if old != new
    ]
    names = (
        [one.name for one in case.v1]
        if rng.random() < 0.5 or not changed or case.take or case.broken
        else changed
    )
    return case.but(
        reloaded=tuple(rng.sample(names, len(names))), bytecode=rng.random() < 0.7
    )


def takeable(case):
    """(module, path) of data in both versions; a class body that speaks for itself is left alone."""
    return [
        (old.name, path)
        for old, new in zip(case.v1, case.v2, strict=True)
        for path, datum in old.data().items()
        if path in new.data() and datum.policy is None
    ]


def speaking(rng, case):
    """Modules whose body says which data it takes; both versions say the same."""
    v1, v2 = [], []
    for old, new in zip(case.v1, case.v2, strict=True):
        common = [path for path in old.data() if path in new.data() and "." not in path]
        says = rng.choice(
            [("*",), tuple(rng.sample(common, rng.randint(0, len(common)))), None]
        )
        v1.append(old.but(reload_data=says))
        v2.append(new.but(reload_data=says))
    return case.but(v1=tuple(v1), v2=tuple(v2))
