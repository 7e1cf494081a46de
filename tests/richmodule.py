"""A module in which there is some of everything, in two versions."""

RICH = """\
import abc, collections, dataclasses, enum, functools, typing
VERSION = {v}
T = typing.TypeVar("T")
STATE = {{}}

def plain(x=VERSION, *rest{extra}):
    "doc {v}"
    return lambda: (x, VERSION)

@functools.lru_cache
def cached(x): return x, VERSION

def deco(fn):
    @functools.wraps(fn)
    def wrapper(*a): return VERSION, fn(*a)
    return wrapper

@deco
def decorated(x): return x, {v}

@functools.singledispatch
def show(x): return {v}
@show.register
def _(x: int): return {v}, x

class Base(abc.ABC, typing.Generic[T]):
    @abc.abstractmethod
    def f(self): ...
    def opt(self, x: typing.Optional["Base"] = None) -> "Base": return {v}

class K(Base[int]):
    attr = VERSION
    def f(self): return super().opt(), {v}
    @property
    def p(self): return {v}
    @functools.cached_property
    def c(self): return {v}
    @staticmethod
    def s(): return {v}
    @classmethod
    def make(cls): return cls(), {v}
    class Inner:
        def f(self): return __class__, {v}
    {method}

@dataclasses.dataclass
class D:
    x: int = {v}

class E(enum.Enum):
    A = {v}
    B = {v} + 10

class P(typing.NamedTuple):
    a: int
    def f(self): return {v}

class TD(typing.TypedDict):
    a: int

Maybe = typing.Optional[K]
ALIAS = list[K]
type Lazy = K | D
PART = functools.partial(plain, {v})
INSTANCE = K()
CLOSED = deco(plain)
"""


def rich(version):
    odd = version % 2
    return RICH.format(
        v=odd,
        extra=", k=1" if odd else "",
        method="def only_sometimes(self): return 1" if odd else "",
    )
