"""The second process: bots that play without pause, each on its own connection.

``python -m driver.bots HOST PORT COUNT`` connects COUNT bots, prints a line when all
are in, and then answers each line on standard input with a report, one line of JSON.
After the server said that the match is over it prints the last report and ends.

A bot never reconnects: a connection that breaks stays broken and is counted.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter

ACT_EVERY = 2  # ticks; the bots take turns
AT_ONCE = 20  # connections that are opened at the same time


class Diary:
    """What all bots together have seen."""

    def __init__(self):
        self.made_by = {}  # tick -> editions that made its hits, of whatever room
        self.mixed = {}  # tick -> the different editions that were seen in it
        self.history = []  # [first tick, editions], whenever they changed
        self.hits = Counter()  # weapon -> hits
        self.latest = 0

    def note(self, tick, hits):
        """Take down who made the hits of a tick, as one bot heard of them."""
        self.latest = max(self.latest, tick)
        for hit in hits:
            editions = tuple(hit[4:7])
            first = self.made_by.get(tick)
            if first is None:
                self.made_by[tick] = editions
                if not self.history or self.history[-1][1] != editions:
                    self.history.append((tick, editions))
            elif first != editions:
                self.mixed.setdefault(tick, {first}).add(editions)


class Bot(asyncio.Protocol):
    """One player.  Checks the number of each message that comes in."""

    def __init__(self, number, diary, clock):
        self.number = number
        self.diary = diary
        self.clock = clock
        self.dice = random.Random(number)
        self.transport = None
        self.rest = b""
        self.me = 0
        self.sent = 0
        self.received = 0
        self.last = 0  # the number of the latest message
        self.out_of_order = 0
        self.lost = 0
        self.heard_at = 0.0
        self.silence = 0.0  # the longest time between two ticks, in seconds
        self.farewell = False
        loop = asyncio.get_running_loop()
        self.welcomed = loop.create_future()
        self.gone = loop.create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.send(join=f"bot {self.number}")

    def connection_lost(self, error):
        self.gone.set_result(self.farewell)

    def send(self, **message):
        """Send a message with the next number."""
        self.sent += 1
        line = json.dumps({"n": self.sent} | message, separators=(",", ":"))
        self.transport.write(line.encode() + b"\n")

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            self.received += 1
            self.out_of_order += message["n"] != self.last + 1
            self.last = message["n"]
            if "tick" in message:
                self.play(message)
            elif "welcome" in message:
                self.me = message["welcome"]
                self.welcomed.set_result(True)
            elif "over" in message:
                self.send(bye={"sent": self.sent + 1, "received": self.received})
            elif "bye" in message:
                self.part(message["bye"])

    def play(self, message):
        """Take note of a tick and, when it is this bot's turn, do something."""
        now = self.clock()
        if self.heard_at:
            self.silence = max(self.silence, now - self.heard_at)
        self.heard_at = now
        tick = message["tick"]
        self.diary.note(tick, message["hits"])
        if message["here"][0] == self.me:  # of those who heard of a hit, one counts it
            self.diary.hits.update(hit[2] for hit in message["hits"])
        if (tick + self.number) % ACT_EVERY == 0:
            dice = self.dice
            self.send(
                move=[round(dice.uniform(-3, 3), 1), round(dice.uniform(-3, 3), 1)],
                fire=dice.choice(message["here"]),
                **{"with": dice.choice(message["arsenal"])},
            )

    def part(self, claims):
        """Compare the server's totals with this side's."""
        self.farewell = True
        self.lost = abs(self.sent - claims["received"])
        self.lost += abs(self.received - claims["sent"])
        self.transport.close()


class Team:
    """All bots of this process."""

    def __init__(self, host, port):
        self.host = host
        self.port = port
        self.diary = Diary()
        self.bots = []

    async def enter(self, count):
        """Connect `count` bots and wait until each was welcomed."""
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self.enter_one(number, gate) for number in range(count)))

    async def enter_one(self, number, gate):
        """Connect one bot."""
        loop = asyncio.get_running_loop()
        async with gate:
            bot = Bot(number, self.diary, loop.time)
            self.bots.append(bot)
            await loop.create_connection(lambda: bot, self.host, self.port)
            await bot.welcomed

    async def leave(self):
        """Wait until each connection is closed."""
        await asyncio.gather(*(bot.gone for bot in self.bots))

    def report(self):
        """Return what was seen until now."""
        bots, diary = self.bots, self.diary
        return {
            "bots": len(bots),
            "connected": sum(not bot.gone.done() for bot in bots),
            "dropped": sum(bot.gone.done() and not bot.farewell for bot in bots),
            "sent": sum(bot.sent for bot in bots),
            "received": sum(bot.received for bot in bots),
            "out_of_order": sum(bot.out_of_order for bot in bots),
            "lost": sum(bot.lost for bot in bots),
            "silence_s": max(bot.silence for bot in bots),
            "tick": diary.latest,
            "ticks_with_hits": len(diary.made_by),
            "mixed": {tick: sorted(seen) for tick, seen in diary.mixed.items()},
            "history": diary.history,
            "hits": dict(diary.hits),
        }


def tell(message):
    """Print one line of JSON."""
    print(json.dumps(message), flush=True)


async def answer_questions(team):
    """Print a report for each line of standard input."""
    questions = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(questions)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async for _ in questions:
        tell(team.report())


async def play(host, port, count):
    """The whole life of this process."""
    team = Team(host, port)
    await team.enter(count)
    tell({"in": count})
    answers = asyncio.create_task(answer_questions(team))
    await team.leave()
    answers.cancel()
    tell(team.report())


def main():
    """Parse the command line and play."""
    parser = argparse.ArgumentParser(prog="bots", description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    asyncio.run(play(options.host, options.port, options.count))


if __name__ == "__main__":
    main()
