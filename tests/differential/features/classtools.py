"""What classes are made with: descriptors, metaclasses, class decorators."""

import dataclasses

from .feature import Edit, Feature, other


@dataclasses.dataclass(frozen=True)
class Descriptor(Feature):
    """A descriptor class with __set_name__."""

    number: int = 1

    def text(self):
        return f"""class {self.name}:
    def __init__(self, amount):
        self.amount = amount

    def __set_name__(self, owner, name):
        self.owner = owner
        self.field = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        return {self.number}, self.amount, self.field, self.owner.__name__, instance.n
"""

    def edits(self, rng, names):
        return [Edit("descriptor class", self.but(number=other(rng, self.number)))]

    def members(self):
        return {self.name: "must"}


@dataclasses.dataclass(frozen=True)
class Meta(Feature):
    number: int = 1

    def text(self):
        return f"class {self.name}(type):\n    def hello(cls):\n        return {self.number}, cls.__name__\n"

    def edits(self, rng, names):
        return [Edit("metaclass method", self.but(number=other(rng, self.number)))]

    def members(self):
        return {self.name: "must"}


@dataclasses.dataclass(frozen=True)
class ClassDecorator(Feature):
    """Adds a method to a class."""

    number: int = 1

    def text(self):
        return (
            f"def {self.name}(cls):\n    def helper(self):\n        return {self.number}, self.n\n\n"
            f"    cls.by_{self.name} = helper\n    return cls\n"
        )

    def edits(self, rng, names):
        return [Edit("class decorator body", self.but(number=other(rng, self.number)))]

    def members(self):
        return {self.name: "must"}


def make_descriptor(rng, names):
    return Descriptor(name=names.new("Field"), number=rng.randint(1, 99))


def make_meta(rng, names):
    return Meta(name=names.new("Meta"), number=rng.randint(1, 99))


def make_class_decorator(rng, names):
    return ClassDecorator(name=names.new("helped"), number=rng.randint(1, 99))


MAKERS = [make_descriptor, make_meta, make_meta, make_class_decorator]
