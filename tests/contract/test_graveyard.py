"""Scratch namespaces that suspended code of a body borrows, and their end."""

import gc

import pytest

import resoul

SUSPENDED = {
    "generator": "def gen():\n    try: yield f()\n    finally: lib.CLOSED.append((f(), WORD))\nG = gen()\nnext(G)\n",
    "in a list": "def gen():\n    try: yield f()\n    finally: lib.CLOSED.append((f(), WORD))\nG = [gen(), gen()]\nnext(G[0]); next(G[1])\n",
    "in an instance": "class H:\n    def gen(self):\n        try: yield self\n        finally: lib.CLOSED.append((f(), WORD))\n    def __init__(self):\n        self.g = self.gen()\n        next(self.g)\nG = H()\n",
    "coroutine": "import types\n@types.coroutine\ndef pause(): yield\nasync def co():\n    try: await pause()\n    finally: lib.CLOSED.append((f(), WORD))\nG = co()\nG.send(None)\n",
}


@pytest.mark.parametrize("fails", [False, True], ids=["success", "failure"])
@pytest.mark.parametrize("kind", SUSPENDED)
def test_a_generator_that_only_its_own_namespace_keeps(live, kind, fails):
    """The namespace lives as long as the generator, which must not live as long as that."""
    lib = live.module("lib", "CLOSED = []\n")
    source = "import lib\ndef f(): return 'f'\nWORD = 'word'\n" + SUSPENDED[kind]
    m = live.module("m", source)
    kept = m.G
    failing = "raise RuntimeError\n" if fails else ""
    sizes = []
    for number in range(8):
        live.edit("m", f"{source}X = {number}\n{failing}")
        if fails:
            with pytest.raises(resoul.PrepareError):
                live.reload("m")
        else:
            live.reload("m")
        gc.collect()
        sizes.append(len(gc.get_objects()))
    assert m.G is kept
    each = 2 if kind == "in a list" else 1
    assert lib.CLOSED[: each * 7] == [("f", "word")] * each * 7
    assert sizes[-1] - sizes[3] < 40, sizes


def test_a_generator_that_somebody_keeps_goes_on(live):
    lib = live.module("lib", "KEPT = []\n")
    source = "import lib\ndef gen():\n    while True: yield WORD\nWORD = 'word'\nG = gen()\nnext(G)\nlib.KEPT.append([G])\n"
    live.module("m", source)
    for number in range(4):
        live.update("m", f"{source}X = {number}\n")
        gc.collect()
    assert {next(g) for [g] in lib.KEPT} == {"word"}
