"""Random edits against a fresh process.

A case is two versions of one to three small modules.  A *live* process imports v1, takes references of every kind and
reloads to v2 and back; a *fresh* process imports the version that the live one should now look like.  What both say
about themselves has to be equal, but for what the contract (DESIGN.md section 2) lets live on.

    case.py       what a case is: modules made of features, edits applied to some, a data policy; and its script
    features/     what modules are made of: each knows its text, its edits, what to hold on to and what to try
    generate.py   from a seed to a case
    describe.py   objects as flat, deterministic lines: the same for two processes that are alike
    process.py    what the live and the fresh process do with a script
    tools.py      functions that expressions of a script may use
    oracle.py     judges what they said
    statements.py which statements ran that had no reason to
    runner.py     forks processes, counts, saves what failed
    kinds.py      the kinds of edit
    shrink.py     drops from a failing case whatever it does not need to fail
"""
