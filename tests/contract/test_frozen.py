"""gc.freeze(), as servers call it before they fork, hides nothing from an update."""

import pytest

SOURCE = """\
import lib
class K:
    def get(self): return "old"
def make():
    def inner(): return "old"
    return inner
def f(): return "old"
lib.BY_CLASS[K] = lib.VALUES["f"] = f
lib.SLOTS.held = make()
lib.OBJECT.f = (f, [K])
"""
LIB = """\
class Slots: __slots__ = ("held",)
class Plain: pass
BY_CLASS, VALUES, SLOTS, OBJECT = {}, {}, Slots(), Plain()
"""


@pytest.mark.parametrize("freeze", ["gc.freeze()", "None"])
def test_what_was_frozen_is_found(program, freeze):
    out = program(
        f"""
        import gc, threading
        lib = live.module("lib", {LIB!r})
        m = live.module("m", {SOURCE!r})
        def closures(word):
            def local(): return word
            def read(): return local()
            return read
        def main():
            inner, listed = m.make(), [m.make()]
            def closed(): return listed
            generator = (f() for f in [m.make(), m.make()])
            next(generator)
            gc.collect()
            {freeze}
            count = gc.get_freeze_count()
            for word in ("new", "newer"):
                update = live.update("m", {SOURCE!r}.replace("old", word))
                gc.collect()
                print(inner(), listed[0](), lib.SLOTS.held(), m.K().get(), update.warnings)
                print(lib.BY_CLASS == {{m.K: m.f}}, lib.VALUES["f"] is m.f, lib.OBJECT.f == (m.f, [m.K]))
            print(next(generator), gc.get_freeze_count() <= count)
        main()
        """
    )
    lines = [
        f"{word} {word} {word} {word} []\nTrue True True" for word in ("new", "newer")
    ]
    assert out == "\n".join([*lines, "newer True", ""])


def test_the_program_stays_frozen(program):
    out = program(
        f"""
        import gc
        live.module("lib", {LIB!r})
        m = live.module("m", {SOURCE!r})
        inner = m.make()
        gc.collect(); gc.freeze()
        before = gc.get_freeze_count()
        live.update("m", {SOURCE!r}.replace("old", "new"))
        print(inner(), before - gc.get_freeze_count() < 100)
        """
    )
    assert out == "new True\n"
