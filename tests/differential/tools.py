"""Functions that the expressions of a script may use."""

import collections
import dataclasses
import functools
import inspect
import pickle
import types
import weakref


# -- tools that a script's expressions use ----------------------------------------------------------------------------
def call(function, *args, **kwargs):
    """The result with every generator and coroutine in it driven to its end."""
    return settle(function(*args, **kwargs))


def settle(value):
    if type(value) in (tuple, list):
        return type(value)(settle(one) for one in value)
    if isinstance(value, types.GeneratorType):
        return ("generator", *(settle(one) for one in value))
    if isinstance(value, types.CoroutineType):
        return ("coroutine", settle(drive(value)))
    if isinstance(value, types.AsyncGeneratorType):
        return ("async generator", settle(drive(gather(value))))
    return value


def drive(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


async def gather(source):
    return [one async for one in source]


def attempt(function, *args, **kwargs):
    """The result, or the exception as text."""
    try:
        return call(function, *args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def assigned(instance, name, value):
    setattr(instance, name, value)
    return vars(instance).get("n") if hasattr(instance, "__dict__") else instance.n


def suspend(function, *args):
    """A generator that stands at its first yield."""
    generator = function(*args)
    next(generator)
    return generator


def rest(generator, seen={}):  # noqa: B006 -- a generator can be asked only once
    """What a suspended generator still has to say, as text."""
    if id(generator) not in seen:
        seen[id(generator)] = (str(list(generator)), generator)
    return seen[id(generator)][0]


def kept(value, alive=[]):  # noqa: B006
    """A weak reference to something that nothing else but this list holds."""
    alive.append(value)
    return weakref.ref(value)


def inside(manager):
    """A context that is entered and not left."""
    manager.__enter__()
    return manager


def plain(x):
    return "plain", x


def entered(manager):
    with manager as value:
        return value


def pour(container, contents):
    """Give a container new contents in place, as kept data has them."""
    container.clear()
    container.extend(contents) if hasattr(container, "extend") else container.update(
        contents
    )


def pickled(value):
    return pickle.loads(pickle.dumps(value))


def caught(error, kind):
    try:
        raise error
    except kind as found:
        return f"caught {type(found).__name__}"
    except Exception as found:
        return f"missed {type(found).__name__}"


def doc(function):
    return function.__doc__


def subclass(base, name="Sub", **names):
    return types.new_class(
        name, (base,), {}, lambda scope: scope.update({"__module__": "holder", **names})
    )


TOOLS = {
    one.__name__: one
    for one in (
        call,
        settle,
        attempt,
        assigned,
        suspend,
        rest,
        kept,
        inside,
        plain,
        entered,
        pour,
        pickled,
        caught,
        doc,
        subclass,
    )
}
TOOLS.update(
    dataclasses=dataclasses,
    inspect=inspect,
    weakref=weakref,
    collections=collections,
    partial=functools.partial,
)
