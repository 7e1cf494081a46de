"""What the tests with real packages share."""

import builtins

import pytest


@pytest.fixture
def log(monkeypatch):
    """A list that bodies append to, so that one sees what ran."""
    entries = []
    monkeypatch.setattr(builtins, "LOG", entries, raising=False)
    return entries


@pytest.fixture
def app(live, log):
    """A module, and how to edit it by replacing parts of its source."""
    return App(live, log)


class App:
    def __init__(self, live, log):
        self.live, self.log = live, log

    def load(self, source, name="app"):
        self.source, self.name = source, name
        self.module = self.live.module(name, source)
        self.log.clear()
        return self.module

    def edit(self, *replacements, **options):
        source = self.source
        for old, new in replacements:
            assert old in source, old
            source = source.replace(old, new)
        self.source = source
        self.live.edit(self.name, self.source)
        return self.live.reload(self.name, execute="changed", data="merge", **options)
