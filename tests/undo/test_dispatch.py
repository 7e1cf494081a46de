"""What functools.singledispatch found goes with the registration that it found."""

import pytest

import resoul

SOURCE = """
    import functools

    @functools.singledispatch
    def show(x):
        return "any"

    """


def test_a_registration_of_a_hotfix_is_undone(live):
    m = live.module("m", SOURCE)
    assert m.show(1) == "any"
    update = resoul.hotfix(source="import m\nm.show.register(int, lambda x: 'int')\n")
    assert m.show(1) == "int"
    undo = update.undo()
    assert m.show(1) == "any"
    undo.undo()
    assert m.show(1) == "int"


def test_a_registration_of_a_reload_is_undone(live):
    m = live.module("m", SOURCE)
    assert m.show(1) == "any"
    more = "\n    @show.register\n    def _(x: int):\n        return 'int'\n"
    update = live.update("m", SOURCE + more)
    assert m.show(1) == "int"
    update.undo()
    assert m.show(1) == "any"
    assert int not in m.show.registry


def test_a_registration_of_a_snippet_that_fails_is_forgotten(live):
    m = live.module("m", SOURCE)
    with pytest.raises(resoul.PrepareError):
        resoul.hotfix(
            source="import m\nm.show.register(int, lambda x: 'int')\nm.show(1)\n1 / 0"
        )
    assert int not in m.show.registry
    assert m.show(1) == "any"


METHODS = """
    import functools

    class Printer:
        @functools.singledispatchmethod
        def show(self, x):
            return "any"

    printer = Printer()
    """


def test_methods_that_dispatch_forget_too(live):
    m = live.module("m", METHODS)
    more = """
        @show.register
        def _(self, x: int):
            return "int"

    printer = Printer()
    """
    assert m.printer.show(1) == "any"
    update = live.update("m", METHODS.replace("\n    printer = Printer()\n    ", more))
    assert m.printer.show(1) == "int"
    update.undo()
    assert m.printer.show(1) == "any"


@pytest.mark.parametrize("fails", [False, True])
def test_a_hotfix_registers_with_a_method_that_dispatches(live, fails):
    m = live.module("m", METHODS)
    source = "import m\nvars(m.Printer)['show'].register(int, lambda self, x: 'int')\n"
    assert m.printer.show(1) == "any"
    if fails:
        with pytest.raises(resoul.PrepareError):
            resoul.hotfix(source=source + "m.printer.show(1)\n1 / 0")
    else:
        update = resoul.hotfix(source=source)
        assert m.printer.show(1) == "int"
        update.undo()
    assert m.printer.show(1) == "any"
    assert int not in vars(m.Printer)["show"].dispatcher.registry


@pytest.mark.parametrize(
    "more",
    [
        "show.register(int, lambda x: 'int')\nshow(1)\n1 / 0\n",
        "@show.register\ndef _(x: int): return 'int'\n"
        "def __after_reload__(update):\n    assert show(1) == 'int'\n    1 / 0\n",
    ],
    ids=["statement", "hook"],
)
@pytest.mark.parametrize("execute", ["changed", "all"])
def test_an_update_that_fails_late_is_forgotten_too(live, more, execute):
    source = "import functools\n@functools.singledispatch\ndef show(x): return 'any'\n"
    m = live.module("m", source)
    live.edit("m", source + more)
    with pytest.raises(resoul.UpdateError):
        resoul.reload("m", execute=execute)
    assert int not in m.show.registry
    assert m.show(1) == "any"
