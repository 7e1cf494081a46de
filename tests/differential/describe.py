"""Objects as flat, deterministic lines.

`describe()` walks everything that is reachable from some modules and writes one line per fact: `m1.C.meth.code` ->
digest.  Two processes that behave alike give equal lines.  Identity counts too: an object met a second time is written
as `is <where it was met first>`, so a default argument that should be the module's sentinel shows whether it is.
"""

import builtins
import collections
import contextlib
import dataclasses
import functools
import hashlib
import inspect
import re
import sys
import types
import weakref

ATOMS = (int, float, complex, str, bytes, bool, type(None), type(...), range, bytearray)
NOISE = {
    "__dict__", "__weakref__", "_abc_impl", "__builtins__", "__cached__", "__file__", "__loader__", "__spec__",
    "__name__", "__package__", "__path__", "__annotate__", "__annotate_func__", "__annotations_cache__",
    "__annotations__", "__conditional_annotations__", "__static_attributes__", "__firstlineno__", "__module__",
    "__qualname__", "_reload_data", "_reload_all_data", "_del_func", "__getstate__",
    "__slotnames__",
    "hooked",
}  # fmt: skip
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
LRU = type(functools.lru_cache(lambda: 0))


def describe(modules, known=None, late=()):
    """Lines for all of `modules` (name -> module).

    Last come names that `known` doesn't list (they are the `extras`) and those in `late`: where an object is met first
    must not depend on names that may differ.
    """
    walk = Walk(modules, known, late)
    for name, module in sorted(modules.items()):
        walk.namespace(name, vars(module))
        walk.lines[f"{name}.<annotations>"] = walk.annotations(module)
    for path, value in [*walk.postponed, *walk.extras]:
        walk.visit(path, value)
    return walk


def describe_one(value, modules):
    """Lines for one object that is held from outside; what lives in the modules is only named."""
    walk = Walk(modules)
    walk.visit("it", value, top=True)
    return walk.lines


def resolve(modules, path):
    """The object at a path such as m1.C.meth, looked up in raw namespaces, or None."""
    module, *names = path.split(".")
    found = modules.get(module)
    for name in names:
        found = (
            vars(found).get(name)
            if isinstance(found, (type, types.ModuleType))
            else None
        )
    return found


class Walk:
    def __init__(self, modules, known=None, late=()):
        self.modules = modules
        self.known = known
        self.lines = {}
        self.keys = {}  # path of a module or class -> names in it
        self.extras = []  # (path, value) of names that are not known
        self.late = set(late)
        self.postponed = []
        self.seen = {}
        self.alive = []  # ids must stay unique while we walk

    # -- where things live ------------------------------------------------------------------------------------------

    def home(self, value):
        """m1.C.meth if that is where this function or class can be found."""
        if not isinstance(value, (type, types.FunctionType)):
            return None
        module, qualname = value.__module__, value.__qualname__
        if module in self.modules and "<" not in qualname:
            path = f"{module}.{qualname}"
            if resolve(self.modules, path) is value:
                return path
        return None

    def label(self, value):
        if isinstance(value, types.ModuleType):
            return f"<module {value.__name__}>"
        return self.home(value) or f"{value.__module__}.{value.__qualname__}"

    def text(self, value):
        """One line for annotations, bases and the like."""
        if isinstance(value, (type, types.FunctionType)):
            return f"<{self.label(value)}>"
        return ADDRESS.sub("", repr(value))

    def annotations(self, value):
        try:
            found = inspect.get_annotations(value)
        except Exception as error:
            return f"raises {error!r}"
        return ", ".join(f"{name}: {self.text(kind)}" for name, kind in found.items())

    # -- the walk ---------------------------------------------------------------------------------------------------

    def namespace(self, path, names):
        mine = [
            name
            for name in sorted(names)
            if name not in NOISE or name in ("__all__", "__doc__")
        ]
        known = self.known.get(path) if self.known else None
        self.keys[path] = mine
        for name in mine:
            if known is not None and name not in known:
                self.extras.append((f"{path}.{name}", names[name]))
            elif f"{path}.{name}" in self.late:
                self.postponed.append((f"{path}.{name}", names[name]))
            else:
                self.visit(f"{path}.{name}", names[name])
        for name in set(known or ()) - set(mine):
            self.lines[f"{path}.{name}"] = "<missing>"

    def visit(self, path, value, top=False):
        lines = self.lines
        if type(value) in ATOMS:
            lines[path] = ADDRESS.sub("", f"{type(value).__name__} {value!r}")
            return
        if type(value) in (tuple, frozenset):
            self.elements(path, value)
            return
        if isinstance(value, type) and value.__module__ not in self.modules:
            lines[path] = f"<class {self.label(value)}>"
            return
        home = self.home(value)
        if home and home != path and not top:
            lines[path] = f"is {home}"
            return
        if id(value) in self.seen:
            lines[path] = f"is {self.seen[id(value)]}"
            return
        self.seen[id(value)] = path
        self.alive.append(value)
        self.composite(path, value)

    def composite(self, path, value):
        exact = EXACT.get(type(value))
        if exact:
            exact(self, path, value)
            return
        for kinds, method in KINDS:
            if isinstance(value, kinds):
                method(self, path, value)
                return
        self.anything(path, value)

    def elements(self, path, value):
        if isinstance(value, (set, frozenset)):
            value_list = sorted(value, key=self.order)
        else:
            value_list = list(value)
        self.lines[path] = f"<{type(value).__name__} of {len(value_list)}>"
        for number, element in enumerate(value_list):
            self.visit(f"{path}[{number}]", element)

    def order(self, value):
        return (type(value).__name__, self.text(value))

    def mapping(self, path, value):
        self.lines[path] = f"<{type(value).__name__} of {len(value)}>"
        for number, (key, item) in enumerate(list(value.items())):
            self.visit(f"{path}.key{number}", key)
            self.visit(f"{path}.item{number}", item)

    def module(self, path, value):
        self.lines[path] = f"<module {value.__name__}>"

    def function(self, path, f):
        lines = self.lines
        lines[path] = f"<{type(f).__name__} {self.label(f)}>"
        if f.__module__ not in self.modules and "<locals>" not in f.__qualname__:
            return
        lines[f"{path}.name"] = (
            f"{f.__name__} {f.__qualname__} {f.__module__} {f.__doc__!r}"
        )
        lines[f"{path}.code"] = code_digest(f.__code__)
        lines[f"{path}.lines"] = line_digest(f.__code__)
        lines[f"{path}.globals"] = self.globals_of(f)
        lines[f"{path}.annotations"] = self.annotations(f)
        lines[f"{path}.type_params"] = str(getattr(f, "__type_params__", ()))
        self.visit(f"{path}.defaults", f.__defaults__)
        if f.__kwdefaults__:
            self.mapping(f"{path}.kwdefaults", f.__kwdefaults__)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                self.visit(f"{path}.cell({name})", cell.cell_contents)
            except ValueError:
                lines[f"{path}.cell({name})"] = "<empty>"
        self.attributes(path, f.__dict__)

    def globals_of(self, f):
        home = sys.modules.get(f.__module__)
        if home is not None and f.__globals__ is vars(home):
            where = "mine"
        else:
            named = {**sys.modules, **self.modules}.items()
            where = [name for name, one in named if f.__globals__ is vars(one)]
        private = f.__builtins__ is not vars(builtins)
        return f"{where}{' private builtins' if private else ''}"

    def attributes(self, path, names):
        for name in sorted(names):
            if name == "__annotations__":  # which wrappers share with what they wrap
                noted = names[name].items()
                text = ", ".join(f"{one}: {self.text(kind)}" for one, kind in noted)
                self.lines[f"{path}.{name}"] = text
            elif name == "cache_parameters":
                self.lines[f"{path}.{name}"] = str(names[name]())
            elif name not in (
                "_inverted_",
                "made",
            ):  # caches of an Enum; what __init__ of either version set
                self.visit(f"{path}.{name}", names[name])

    def klass(self, path, cls):
        lines = self.lines
        lines[path] = f"<class {self.label(cls)}>"
        lines[f"{path}.name"] = f"{cls.__name__} {cls.__qualname__} {cls.__module__}"
        lines[f"{path}.bases"] = " ".join(map(self.text, cls.__bases__))
        lines[f"{path}.mro"] = " ".join(map(self.text, cls.__mro__))
        lines[f"{path}.metaclass"] = self.text(type(cls))
        lines[f"{path}.annotations"] = self.annotations(cls)
        lines[f"{path}.abstract"] = str(sorted(getattr(cls, "__abstractmethods__", ())))
        lines[f"{path}.lines"] = str(vars(cls).get("__firstlineno__"))
        lines[f"{path}.static_attributes"] = str(
            sorted(vars(cls).get("__static_attributes__", ()))
        )
        family = [c for c in type.__subclasses__(cls) if c.__module__ in self.modules]
        lines[f"{path}.subclasses"] = " ".join(sorted(map(self.text, family)))
        self.namespace(path, vars(cls))

    def prop(self, path, value):
        self.lines[path] = f"<property {value.__doc__!r}>"
        for part in ("fget", "fset", "fdel"):
            self.visit(f"{path}.{part}", getattr(value, part))

    def wrapped_method(self, path, value):
        self.lines[path] = f"<{type(value).__name__}>"
        self.visit(f"{path}.func", value.__func__)

    def cached(self, path, value):
        self.lines[path] = f"<cached_property {value.attrname} {value.__doc__!r}>"
        self.visit(f"{path}.func", value.func)

    def bound(self, path, value):
        self.lines[path] = "<method>"
        self.visit(f"{path}.func", value.__func__)
        self.visit(f"{path}.self", value.__self__)

    def partial(self, path, value):
        self.lines[path] = "<partial>"
        self.visit(f"{path}.func", value.func)
        self.visit(f"{path}.args", value.args)
        self.mapping(f"{path}.keywords", value.keywords)
        self.attributes(path, vars(value))

    def lru(self, path, value):
        self.lines[path] = f"<lru_cache maxsize={value.cache_info().maxsize}>"
        self.attributes(path, vars(value))

    def member_descriptor(self, path, value):
        self.lines[path] = (
            f"<{type(value).__name__} {value.__name__} of {self.label(value.__objclass__)}>"
        )

    def reference(self, path, value):
        self.lines[path] = "<weakref>"
        self.visit(f"{path}.to", value())

    def weak_container(self, path, value):
        self.lines[path] = f"<{type(value).__name__}>"

    def anything(self, path, value):
        kind = type(value)
        if kind.__module__ not in self.modules and not isinstance(
            value, dataclasses.Field
        ):
            self.lines[path] = ADDRESS.sub("", object_text(value))
            return
        self.lines[path] = f"<{self.label(kind)} object>"
        for base in kind.__mro__:
            if base in (list, tuple, set, frozenset):
                self.elements(f"{path}.elements", base(value))
            elif base is dict:
                self.mapping(f"{path}.mapping", dict(value))
            elif base in (int, str, float, bytes):
                self.lines[f"{path}.payload"] = base.__repr__(value)
        self.attributes(path, instance_state(value))


def object_text(value):
    kind = type(value)
    if kind.__repr__ is object.__repr__ or "lock" in kind.__name__.lower():
        return f"<{kind.__module__}.{kind.__qualname__} object>"
    return repr(value)


def instance_state(value):
    state = {}
    for base in type(value).__mro__:
        for name, slot in list(vars(base).items()):
            if isinstance(slot, types.MemberDescriptorType):
                try:
                    state[name] = slot.__get__(value)
                except AttributeError:
                    state[name] = "<unset>"
    with contextlib.suppress(AttributeError):
        state.update(object.__getattribute__(value, "__dict__"))
    return state


def code_digest(code):
    """Everything that a code object does, nested code included, without where it stands."""
    digest = hashlib.sha1()
    pending = [code]
    for one in pending:
        facts = [one.co_code, one.co_name, one.co_qualname, one.co_names, one.co_varnames, one.co_freevars,
                 one.co_cellvars, one.co_flags, one.co_argcount, one.co_posonlyargcount, one.co_kwonlyargcount,
                 one.co_exceptiontable]  # fmt: skip
        for constant in one.co_consts:
            if isinstance(constant, types.CodeType):
                pending.append(constant)
            else:
                facts.append(
                    sorted(map(repr, constant))
                    if isinstance(constant, frozenset)
                    else repr(constant)
                )
        digest.update(repr(facts).encode())
    return f"{code.co_qualname} {digest.hexdigest()[:12]}"


def line_digest(code):
    return f"{code.co_firstlineno} {hashlib.sha1(repr(list(code.co_lines())).encode()).hexdigest()[:8]}"


KINDS = [
    (types.ModuleType, Walk.module),
    (types.FunctionType, Walk.function),
    (type, Walk.klass),
    (property, Walk.prop),
    ((staticmethod, classmethod), Walk.wrapped_method),
    (functools.cached_property, Walk.cached),
    (types.MethodType, Walk.bound),
    (functools.partial, Walk.partial),
    (LRU, Walk.lru),
    ((types.MemberDescriptorType, types.GetSetDescriptorType), Walk.member_descriptor),
    (weakref.ref, Walk.reference),
    (
        (weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary),
        Walk.weak_container,
    ),
]
EXACT = {
    list: Walk.elements, set: Walk.elements, collections.deque: Walk.elements,
    dict: Walk.mapping, types.MappingProxyType: Walk.mapping, collections.OrderedDict: Walk.mapping,
    collections.defaultdict: Walk.mapping,
}  # fmt: skip
