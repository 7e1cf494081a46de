"""A room: some players, a sentry, and what they hear of each other."""

import json

from .players import ROSTER
from .sentries import Sentry
from .weapons import Weapon


class Room:
    """Members hear what happens in their room, and nothing else."""

    def __init__(self, number):
        self.number = number
        self.members = []
        self.send = {}  # player number -> the send() of its session
        self.sentry = Sentry(-1 - number)
        self.heard = []

    def enter(self, player, send):
        """Let `player` in; `send` takes the body of a message as JSON bytes."""
        self.members.append(player)
        self.send[player.ident] = send

    def leave(self, player):
        """Let `player` go; twice is once."""
        if self.send.pop(player.ident, None):
            self.members.remove(player)

    def shots(self, tick):
        """Return the shots that this room's fighters fire in this tick."""
        shots = [self.sentry.shot(tick, self.members)]
        shots += [player.shot() for player in self.members]
        return [shot for shot in shots if shot is not None]

    def fighter(self, ident):
        """Return the fighter of that number, or None when it left meanwhile."""
        return self.sentry if ident == self.sentry.ident else ROSTER.get(ident)

    def apply(self, hit, emit):
        """Let the target feel a Hit, and remember it for the news."""
        target, shooter = self.fighter(hit.target), self.fighter(hit.shooter)
        if target is None or shooter is None:
            return
        wound = target.hurt(hit.amount)
        if wound.fatal:
            emit("kill", shooter, target)
        editions = hit.formula, hit.table, wound.rules
        dealt = round(wound.dealt, 1)
        self.heard.append([hit.shooter, hit.target, hit.weapon.name, dealt, *editions])

    def broadcast(self, tick, best):
        """Tell all members about this tick.  The body is encoded once for all."""
        news = {
            "tick": tick,
            "hits": self.heard,
            "here": [player.ident for player in self.members],
            "arsenal": [weapon.name for weapon in Weapon],
            "best": best,
        }
        body = json.dumps(news, separators=(",", ":")).encode()
        self.heard = []
        for send in list(self.send.values()):
            send(body)
