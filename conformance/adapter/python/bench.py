#!/usr/bin/env python3
"""Measure what the adapter costs: the same scenarios straight in Python, and in an adapter child over pipes.

    bench.py [ROUNDS]           with the Python that runs it

Three runs a round, in turning order: straight, straight once more (the twin, whose ratio is the noise of the machine),
and the child. Straight uses the adapter's loop and its settling, so the ratio is the price of names, dispatch, JSON and
pipes.
"""

import asyncio
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # beside the sources
import adapter

ADAPTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "adapter.py")
BATCHES, BATCH = 10, 200  # messages a run, scenarios a message


def scenario(rng):
    """Return one small scenario as a list of (what, argument)."""
    steps = [("feed", bytes(rng.choice(b"ab\n") for _ in range(rng.randint(1, 2)))) for _ in range(rng.randint(2, 4))]
    for _ in range(rng.randint(1, 2)):
        steps.insert(rng.randint(0, len(steps)), ("until", rng.choice((b"\n", b"ab", b"b"))))
    return steps + [("eof", None), ("read", None)]


# Straight in Python. What is seen of a scenario is, for each call that came back, the step after which it had, which
# call, and how it came out.


def straight(batches):
    """Run all scenarios; return what was seen."""
    loop = adapter.settling(adapter.stock_loop_class())()
    loop.set_debug(False)
    seen = loop.drive(run_all(loop, batches))
    loop.close()
    return seen


def run_all(loop, batches):
    seen = []
    for batch in batches:
        for steps in batch:
            seen.append((yield from run_straight(loop, steps)))
    return seen


def run_straight(loop, steps):
    reader = asyncio.StreamReader(limit=3)
    seen, waiting = [], {}
    for i, (what, argument) in enumerate(steps):
        if what == "feed":
            reader.feed_data(argument)
        elif what == "eof":
            reader.feed_eof()
        elif what == "until":
            waiting[i] = loop.create_task(reader.readuntil(argument))
        else:
            waiting[i] = loop.create_task(reader.read())
        if not loop.at_rest:
            yield
        for call in list(waiting):
            if waiting[call].done():
                seen.append((i, call, outcome(waiting.pop(call))))
    return seen


def outcome(task):
    exc = task.exception()
    if exc is None:
        return task.result()
    result = type(exc).__name__, str(exc)
    if isinstance(exc, asyncio.IncompleteReadError):
        result += (exc.partial,)
    if isinstance(exc, asyncio.LimitOverrunError):
        result += (exc.consumed,)
    return result


# In an adapter child.


def commands(steps):
    yield {"op": "reader.make", "as": "r", "limit": 3}
    for i, (what, argument) in enumerate(steps):
        if what == "feed":
            yield {"op": "reader.feed_data", "on": "r", "data": argument.decode("latin-1")}
        elif what == "eof":
            yield {"op": "reader.feed_eof", "on": "r"}
        elif what == "until":
            yield {"op": "reader.readuntil", "on": "r", "as": "c%d" % i, "separator": argument.decode("latin-1")}
        else:
            yield {"op": "reader.read", "on": "r", "as": "c%d" % i}
    yield {"op": "forget"}


class Child:
    def __init__(self, batches):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, ADAPTER], stdin=pipe, stdout=pipe, bufsize=1 << 20)
        self.messages = [
            request("session.run", session=1, commands=[c for steps in batch for c in commands(steps)])
            for batch in batches
        ]

    def run(self):
        """Send all messages; return the responses."""
        return [self.ask(message) for message in self.messages]

    def ask(self, message):
        self.process.stdin.write(message)
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def close(self):
        self.ask(request("shutdown"))
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def request(method, **params):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"


def seen_of(batches, responses):
    """Return what straight returns, taken from the child's responses."""
    replies = iter([reply for line in responses for reply in json.loads(line.decode())["result"]["replies"]])
    return [
        [seen for i in range(-1, len(steps) + 1) for seen in seen_in(i, next(replies))]
        for batch in batches
        for steps in batch
    ]


def seen_in(i, reply):
    for event in reply.get("events", []):
        yield i, int(event["on"][1:]), wire_outcome(event)
    if reply.get("returned") != {} and "pending" not in reply:
        yield i, i, wire_outcome(reply)


def wire_outcome(reply):
    if "returned" in reply:
        return reply["returned"]["bytes"].encode("latin-1")
    error = reply["raised"]
    result = error["native"].split(".")[-1], error["message"]
    if "partial" in error:
        result += (error["partial"].encode("latin-1"),)
    if "consumed" in error:
        result += (error["consumed"],)
    return result


# Rounds.


def timed(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return BATCHES * BATCH / (time.perf_counter() - start)


def main(rounds):
    rng = random.Random(1)
    batches = [[scenario(rng) for _ in range(BATCH)] for _ in range(BATCHES)]
    child = Child(batches)
    responses = child.run()
    if seen_of(batches, responses) != straight(batches):
        sys.exit("the adapter saw something else than Python did")
    count = sum(len(list(commands(steps))) for batch in batches for steps in batch)
    runs = [(straight, batches), (straight, batches), (child.run,)]
    figures = [[], [], []]
    for i in range(rounds):
        for j in range(3):
            which = (i + j) % 3
            figures[which].append(timed(*runs[which]))
    child.close()
    base, twin, adapted = [statistics.median(f) for f in figures]
    print("%s %s, %d scenarios of %.1f commands, %d rounds, medians" % (
        platform.python_implementation(), platform.python_version(), BATCHES * BATCH, count / BATCHES / BATCH, rounds))
    print("straight %6.0f scenarios/s" % base)
    print("twin     %6.0f scenarios/s, %s" % (twin, ratio(figures[1], figures[0])))
    print("adapter  %6.0f scenarios/s, %s" % (adapted, ratio(figures[2], figures[0])))


def ratio(figures, base):
    ratios = [figure / b for figure, b in zip(figures, base)]
    return "ratio %.2f (%.2f to %.2f)" % (statistics.median(ratios), min(ratios), max(ratios))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
