"""The demo around the arena: starts the parts, edits, reloads, checks, prints.

============  ==============================================================
edits         an edit of a source file, as an editor would make it
acts          what is edited or fixed in which act, and what should come of it
stage         the temporary folder and the processes; leaves nothing behind
child         what a part runs in: ends when the demo's process ends
bots          the second process: players that never pause
console       talks to the server's admin connection and to the bots
play          plays the acts and collects what was seen
verdict       judges what was seen: checks, totals
paper         prints it
============  ==============================================================
"""
