"""The engine. Its only user is the face in this package."""

from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any, Final, Self, final

from _typeshed import structseq

from resoul._update import Update

__version__: str

class UpdateError(Exception): ...
class PrepareError(UpdateError): ...

class RefusedError(UpdateError):
    reasons: list[Reason]

class ConflictError(UpdateError):
    conflicts: list[Conflict]

@final
class Entry: ...

@final
class Conflict(structseq[Any], tuple[str, str, str, str]):
    __match_args__: Final = ("module", "qualname", "what", "by")
    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def by(self) -> str: ...

@final
class Reason(structseq[Any], tuple[str, str, str, str, int, str, str]):
    __match_args__: Final = (
        "code",
        "module",
        "qualname",
        "filename",
        "lineno",
        "found",
        "todo",
    )
    @property
    def code(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def lineno(self) -> int: ...
    @property
    def found(self) -> str: ...
    @property
    def todo(self) -> str: ...

@final
class Change(structseq[Any], tuple[str, str, str, str, str, str, int]):
    __match_args__: Final = (
        "module",
        "qualname",
        "kind",
        "action",
        "reason",
        "filename",
        "lineno",
    )
    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def lineno(self) -> int: ...

@final
class Notice(structseq[Any], tuple[str, str, str, str, int, str]):
    __match_args__: Final = (
        "code",
        "module",
        "qualname",
        "filename",
        "lineno",
        "message",
    )
    @property
    def code(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...
    @property
    def filename(self) -> str: ...
    @property
    def lineno(self) -> int: ...
    @property
    def message(self) -> str: ...

@final
class Lagging(structseq[Any], tuple[str, str, int, tuple[str, ...]]):
    __match_args__: Final = ("module", "qualname", "count", "places")
    @property
    def module(self) -> str: ...
    @property
    def qualname(self) -> str: ...
    @property
    def count(self) -> int: ...  # type: ignore[override]
    @property
    def places(self) -> tuple[str, ...]: ...

@final
class Prepared:
    def commit(self, update: Update, /) -> None: ...
    def abandon(self) -> list[Notice]: ...

def prepare(
    modules: list[str | ModuleType],
    *,
    update: Update,
    allowed: Callable[[str, ModuleType], bool],
    data: Callable[[str], str],
    execute: str,
    take: frozenset[str],
    delete: frozenset[str],
    timeout: float,
    base: dict[str, str | bytes] | None,
    strict: bool,
) -> Prepared: ...
def hotfix(
    text: str,
    *,
    update: Update,
    allowed: Callable[[str, ModuleType], bool],
    label: str,
    digest: str,
    filename: str,
    inside: ModuleType | None,
    name: str | None,
    ask: Callable[[], object],
    timeout: float,
    strict: bool,
) -> None: ...
def descriptors() -> frozenset[str]: ...
def fork() -> int: ...
def reload(
    modules: list[str | ModuleType],
    *,
    update: Update,
    allowed: Callable[[str, ModuleType], bool],
    data: Callable[[str], str],
    execute: str,
    take: frozenset[str],
    delete: frozenset[str],
    timeout: float,
    base: dict[str, str | bytes] | None,
    strict: bool,
) -> None: ...
def check(
    modules: list[str | ModuleType],
    *,
    update: Update,
    allowed: Callable[[str, ModuleType], bool],
    data: Callable[[str], str],
    take: frozenset[str],
    delete: frozenset[str],
    base: dict[str, str | bytes] | None,
    strict: bool,
) -> None: ...
def instances[T](cls: type[T], /) -> list[T]: ...

@final
class Probation:
    def __new__(
        cls,
        codes: list[CodeType],
        seconds: float,
        limit: int,
        over: Callable[[BaseException | None], object],
    ) -> Self: ...
    @property
    def count(self) -> int: ...
    def unwound(
        self, code: CodeType, offset: int, exception: BaseException, /
    ) -> None: ...

def codes_of(filename: str, /) -> list[CodeType]: ...
def known_source(
    module: ModuleType, /
) -> tuple[str | bytes | None, CodeType | None]: ...
def undo(entry: Entry, /, *, update: Update, only_code: bool, keep: bool) -> None: ...
def history() -> list[Update]: ...
def keep_history(limit: int, /) -> None: ...
def pending() -> list[Change]: ...
def changed_sources(
    allowed: Callable[[str, ModuleType], bool], /
) -> tuple[list[str], list[str]]: ...
def record_imports(excluded: tuple[str, ...], /) -> None: ...
