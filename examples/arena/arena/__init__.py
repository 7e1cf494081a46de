"""A small arena game server: players in rooms shoot at each other, 20 ticks a second.

Nothing in this package knows that it is part of a demo, except ``exhibits``, ``contents``
and ``auditor`` (instruments for the sceptic) and ``admin`` with ``reloading`` (which
call resoul).

Which file is which:

============  ==============================================================
weapons       the table of weapons: what a game designer edits all day
formula       how much a shot hurts, and the closure that pool threads run
entities      Entity and Fighter, the base classes
players       Player, the roster of those who are connected
sentries      Sentry, a fighter that the server plays itself
shots         Shot and Hit, what goes into the thread pool and comes out
combat        the thread pool
ladder        a slow calculation that runs in the pool across many ticks
events        the registry of callbacks
timing        the decorator that counts calls
rooms, world  who plays with whom; what happens in a tick
ticker        when a tick happens, and what may happen between two
sessions      TCP connections of players, JSON lines
admin         the operator's connection: reload, hotfix, undo, look, stop
============  ==============================================================
"""
