"""A module in two versions, for updates that wait."""

V1 = """
    NUMBER, LIST = 1, [1]
    def f(): return 1
    def factory():
        def inner(): return 1
        return inner
    class C:
        tag = 1
        def m(self): return 1
    """
V2 = """
    NUMBER, LIST = 2, [2]
    def f(): return 2
    def added(): return f(), C().m()
    def factory():
        def inner(): return 2
        return inner
    class C:
        tag = 2
        def m(self): return 2
    class Sub(C): pass
    """


def is_old(m):
    return (m.f(), m.C().m(), hasattr(m, "added"), hasattr(m, "Sub")) == (
        *(1, 1),
        *(False, False),
    )


def is_new(m):
    return (m.f(), m.C().m(), m.added(), m.Sub.__base__) == (2, 2, (2, 2), m.C)
