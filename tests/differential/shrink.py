"""Drops from a failing case whatever it does not need to fail."""

import dataclasses

from .case import split
from .features.classes import Class
from .runner import try_case


def shrink(case, told=lambda text: None):
    """A smaller case whose first complaint is of the same sort."""
    sort = sort_of(try_case(case))
    if sort is None:
        return case
    again = True
    while again:
        again = False
        for name, smaller in candidates(case):
            if fails_alike(smaller, sort):
                told(f"without {name}")
                case, again = smaller, True
                break
    return case


def sort_of(verdict):
    """What kind of complaint it is: the words before the particulars."""
    if verdict.invalid or not verdict.complaints:
        return None
    what, _, found = verdict.complaints[0]
    return what.partition(": ")[2].split(" ")[0] or f"live {str(found)[:15]}"


def fails_alike(case, sort):
    if not whole(case):
        return False
    try:
        return sort_of(try_case(case)) == sort
    except Exception:  # a case that makes no sense
        return False


def whole(case):
    """Is everything there that modules import from each other?"""
    for version in (case.v1, case.v2):
        there = {
            (one.name, name)
            for one in version
            for f in one.features
            for name in f.binds
        }
        if (
            not {pair for one in version for f in one.features for pair in f.refers}
            <= there
        ):
            return False
    return True


def candidates(case):
    """(what is dropped, smaller case), big pieces first."""
    if case.back:
        yield "the way back", case.but(back=False)
    if case.broken:
        yield "the broken try", case.but(broken=())
    for module in case.v1:
        if len(case.v1) > 1:
            yield f"module {module.name}", without_module(case, module.name)
    for module in case.v1:
        for one in module.features:
            yield (
                f"{module.name}.{one.name}",
                without_feature(case, module.name, one.name),
            )
    for module in case.v2:
        for one in module.features:
            old = next(old for old in case.v1 if old.name == module.name).feature(
                one.name
            )
            if old != one:
                yield (
                    f"the edit of {one.name}",
                    unedited(case, module.name, one.name, old),
                )
    for number in range(len(case.v1)):
        old, new = case.v1[number], case.v2[number]
        for field in ("doc", "exports", "padding", "reload_data"):
            plain = dataclasses.fields(old)[
                [one.name for one in dataclasses.fields(old)].index(field)
            ].default
            if getattr(old, field) != plain or getattr(new, field) != plain:
                yield (
                    f"{field} of {old.name}",
                    with_module(
                        case,
                        number,
                        old.but(**{field: plain}),
                        new.but(**{field: plain}),
                    ),
                )
        yield from smaller_classes(case, number)
    if len(case.holds) > 1:
        yield "all holds", case.but(holds=(), touches=())
        half = len(case.holds) // 2
        for holds in (case.holds[:half], case.holds[half:]):
            yield (
                "half of the holds",
                case.but(
                    holds=holds,
                    touches=tuple(one for one in case.touches if one[0] in holds),
                ),
            )
    for hold in case.holds:
        rest = tuple(one for one in case.holds if one != hold)
        yield (
            hold,
            case.but(
                holds=rest, touches=tuple(one for one in case.touches if one[0] in rest)
            ),
        )
    for one in case.touches:
        yield (
            "a touch",
            case.but(touches=tuple(two for two in case.touches if two != one)),
        )
    for one in case.mutations:
        yield (
            "a mutation",
            case.but(mutations=tuple(two for two in case.mutations if two != one)),
        )
    for one in case.take:
        yield (
            "a name to take",
            case.but(take=tuple(two for two in case.take if two != one)),
        )
    if case.data == "take":
        yield "data='take'", case.but(data="keep")


def smaller_classes(case, number):
    """Members of classes, and extras of features that go back to their default in both versions."""
    old, new = case.v1[number], case.v2[number]
    for one in old.features:
        now = new.feature(one.name)
        if isinstance(one, Class):
            for member in one.members_:
                names = member.name
                yield f"{one.name}.{names}", with_module(case, number, swapped(old, one, lighter(one, names)),
                      swapped(new, now, lighter(now, names)) if isinstance(now, Class) else new)  # fmt: skip
        for field in dataclasses.fields(one):
            if (
                field.default is dataclasses.MISSING
                or type(now) is not type(one)
                or field.name in ("members_", "init", "number")
            ):
                continue
            if getattr(one, field.name) == getattr(now, field.name) != field.default:
                plain = {field.name: field.default}
                yield (
                    f"{one.name}: {field.name}",
                    with_module(
                        case,
                        number,
                        swapped(old, one, one.but(**plain)),
                        swapped(new, now, now.but(**plain)),
                    ),
                )


def lighter(cls, member):
    return cls.but(members_=tuple(one for one in cls.members_ if one.name != member))


def swapped(module, old, new):
    return module.but(
        features=tuple(new if one is old else one for one in module.features)
    )


def with_module(case, number, old, new):
    case = case.but(
        v1=(*case.v1[:number], old, *case.v1[number + 1 :]),
        v2=(*case.v2[:number], new, *case.v2[number + 1 :]),
    )
    return tidy(case)


def without_module(case, name):
    return tidy(
        case.but(
            v1=tuple(one for one in case.v1 if one.name != name),
            v2=tuple(one for one in case.v2 if one.name != name),
        )
    )


def without_feature(case, module, name):
    def rest(version):
        return tuple(
            one.but(features=tuple(f for f in one.features if f.name != name))
            if one.name == module
            else one
            for one in version
        )

    return tidy(case.but(v1=rest(case.v1), v2=rest(case.v2)))


def unedited(case, module, name, old):
    def back(one):
        if one.name != module:
            return one
        new = one.feature(name)
        return (
            swapped(one, new, old)
            if old
            else one.but(features=tuple(f for f in one.features if f is not new))
        )

    return tidy(case.but(v2=tuple(back(one) for one in case.v2)))


def tidy(case):
    """Without holds, state and policy of what is no longer there."""
    there = {one.name: one for one in case.v1}

    def holds(key):
        module, name, what = split(key)
        feature = module in there and there[module].feature(name)
        return feature and what in feature.holds()

    def has(module, path):
        return module in there and path in there[module].data()

    return case.but(
        holds=tuple(filter(holds, case.holds)),
        touches=tuple(one for one in case.touches if holds(one[0])),
        mutations=tuple(one for one in case.mutations if has(one[0], one[1])),
        take=tuple(one for one in case.take if has(*one)),
        reloaded=tuple(one for one in case.reloaded if one in there),
        broken=case.broken if case.broken and case.broken[0] in there else (),
    )
