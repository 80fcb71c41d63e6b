#!/usr/bin/env python3
"""Drive the asyncio of the Python that runs this file, on behalf of streamspec.

    adapter.py                  speak the wire protocol on standard input and output
    adapter.py --replay FILE    run a transcript again and compare, without streamspec
    adapter.py --self-check     prove that what the driver asks for is what reaches the implementation
    adapter.py --describe       say what would be driven, as JSON

--loop MODULE:FACTORY before any of these drives another event loop, of the class of what FACTORY() returns.

One file, standard library only, CPython 3.6 and later, PyPy; of asyncio it uses nothing but public API.

How it works. A session is a set of objects that the driver named, and an event loop of its own. The loop runs only
while a command is carried out, and until nothing more is scheduled. So when a reply says that a call is pending, that
is a fact and not a guess: nothing will happen to the call until another command comes. Connections are made of Unix
sockets and of pipes, whose other ends are worked here by system calls, so that is true of them as well; of TCP it is
true as far as the kernel delivers at once.

Every command has three phases: decode and look up, invoke, encode. Only what comes out of the second is laid at the
implementation's door (`raised`). A failure in the first or the third is ours or the driver's, and the reply is a
`fault`.

To see a command at work: python3 -m pdb adapter.py --replay FILE, with a breakpoint in Session.carry_out. The sections
are, in this order: data and values, errors, the loop, raw ends, addresses, programmed protocols and callbacks, the
session, the commands, what goes on outside of calls, the wire protocol, replay, self-check.
"""

import array
import asyncio
import collections
import contextlib
import errno
import functools
import gc
import heapq
import importlib
import io
import itertools
import json
import logging
import os
import pathlib
import platform
import queue
import select
import selectors
import shutil
import socket
import stat
import struct
import sys
import tempfile
import threading
import time
import traceback
import warnings
import weakref

try:
    import fcntl
except ImportError:  # not a POSIX system; nothing but objects in memory is driven there
    fcntl = None

PROTOCOL = 1  # version of the wire protocol and of the vocabulary
TRANSCRIPT_SCHEMA = 1  # version of the transcripts that --replay reads


class Fault(Exception):
    """A command that cannot be carried out: a mistake of the driver or of this adapter, never of the implementation."""


class Unsupported(Exception):
    """The implementation does not have what the command needs."""


class ScriptedError(Exception):
    """An exception that the driver asks for: to be stored, to be passed or to be raised by a callback."""


# ---------------------------------------------------------------- data and values
#
# On the wire a byte string is text in which each code point from U+0000 to U+00FF is one byte, which is what Python
# calls Latin-1.

MAX_EXPANDED = 1 << 28  # bytes; a repeat form that stands for more is refused


def decode_bytes(form):
    """Return the bytes that a string, a repeat form or a list of such stands for."""
    if isinstance(form, str):
        return form.encode("latin-1")
    if isinstance(form, list):
        return b"".join([decode_bytes(part) for part in form])
    if not isinstance(form, dict) or set(form) != {"repeat", "times"}:
        raise Fault("bytes are a string, a repeat form or a list, not %.80r" % (form,))
    unit, times = decode_bytes(form["repeat"]), form["times"]
    if type(times) is not int or not 0 <= times <= MAX_EXPANDED // (len(unit) or 1):
        raise Fault("a repeat form cannot have the count %.80r" % (times,))
    return unit * times


def decode_data(session, form):
    """Return data as the object, of exactly the type, that the command asks for."""
    if type(form) is str:
        return form.encode("latin-1")
    if not isinstance(form, dict) or "form" not in form:
        return decode_bytes(form)
    if form["form"] not in DATA_FORMS:
        raise Fault("there is no form of data %.80r" % (form["form"],))
    data = DATA_FORMS[form["form"]](decode_bytes(form["bytes"]))
    if form["form"] == "mutated":
        session.buffers.append(data)
    return data


def wide_view(raw):
    if not raw:  # an empty view cannot be cast
        return memoryview(array.array("I"))
    if len(raw) % 4:
        raise Fault("a wide view has items of 4 bytes, %d is not a multiple of that" % len(raw))
    return memoryview(raw).cast("I")


DATA_FORMS = {
    "bytes": lambda raw: raw,
    "bytearray": bytearray,
    "view": memoryview,
    "wide": wide_view,
    "mutated": bytearray,
    "text": lambda raw: raw.decode("latin-1"),
    "none": lambda raw: None,
    "int": lambda raw: int(raw or b"1"),
    "list": lambda raw: [raw],
}


def overwrite(buffer):
    """Change every byte of a mutable buffer, in place."""
    buffer[:] = bytes([byte ^ 0xFF for byte in buffer])


VALUES = (
    ((bytes, bytearray, memoryview), "bytes", lambda value: bytes(value).decode("latin-1")),
    (str, "text", str),
    (int, "int", int),
)


def encode_value(value, session=None):
    """Return the wire form of a result. A type that is not the usual one for such a value is named."""
    if type(value) is bytes:
        return {"bytes": value.decode("latin-1")}
    if value is None:
        return {}
    if type(value) is bool:
        return {"bool": value}
    if isinstance(value, BaseException):
        return {"error": encode_error(value)}
    for classes, kind, encode in VALUES:
        if isinstance(value, classes):
            return with_type({kind: encode(value)}, value, (str, int))
    if isinstance(value, (list, tuple)):
        return with_type({"list": [encode_value(item, session) for item in value]}, value, (list, tuple))
    name = session.name_of(value) if session is not None else None
    return with_type({"text": native_name(type(value))}, value) if name is None else {"object": name}


def with_type(encoded, value, usual=()):
    """Return an encoded value, and with it the type of the value unless it is a usual one."""
    if type(value) not in usual:
        encoded["type"] = native_name(type(value))
    return encoded


def decode_value(form):
    """Return the value that a callback is to return."""
    if not isinstance(form, dict) or len(form) > 1:
        raise Fault("a value has one field or none: %.80r" % (form,))
    for kind, value in form.items():
        if kind == "bytes":
            return decode_bytes(value)
        if kind == "list" and isinstance(value, list):
            return [decode_value(item) for item in value]
        if type(value) is {"text": str, "int": int, "bool": bool}.get(kind):
            return value
        raise Fault("a callback cannot return %.80r" % (form,))
    return None


# ---------------------------------------------------------------- errors
#
# An error is told by its kind, which every language has, with Python's own type and text beside it.

KINDS = (  # the first class that fits decides
    (ScriptedError, "scripted"),
    (asyncio.CancelledError, "cancelled"),
    (asyncio.IncompleteReadError, "incomplete-read"),
    (asyncio.LimitOverrunError, "limit-overrun"),
    (ValueError, "invalid-argument"),
    (TypeError, "invalid-type"),
    (AssertionError, "invalid-state"),
    (NotImplementedError, "not-supported"),  # this one and the next are RuntimeErrors too, so they stand before that
    (RecursionError, "other"),
    (RuntimeError, "invalid-state"),  # but of a read it is concurrent-read
    (ConnectionResetError, "connection-reset"),
    (BrokenPipeError, "broken-pipe"),
    (OSError, "os-error"),
)
FAILURES = (Exception, asyncio.CancelledError)  # what an implementation may raise and live


@functools.lru_cache(maxsize=None)
def classify(cls, reading):
    """Return the kind of an exception class, and its native name."""
    for known, kind in KINDS:
        if issubclass(cls, known):
            return "concurrent-read" if reading and known is RuntimeError else kind, native_name(cls)
    return "other", native_name(cls)


def native_name(cls):
    """Return the name by which a user would write the class: asyncio's modules, for one, differ between versions."""
    if getattr(asyncio, cls.__name__, None) is cls:
        return "asyncio." + cls.__name__
    if cls.__module__ in ("builtins", __name__):
        return cls.__name__
    return cls.__module__.lstrip("_") + "." + cls.__name__


def encode_error(exc, reading=False):
    """Return the wire form of an exception, and let go of everything that the exception holds on to."""
    kind, native = classify(type(exc), reading)
    error = {"kind": kind, "native": native}
    message = str(exc)
    if message:
        error["message"] = message
    if kind == "incomplete-read":
        error["partial"] = bytes(exc.partial).decode("latin-1")
        if isinstance(exc.expected, int):
            error["expected"] = exc.expected
    elif kind == "limit-overrun":
        error["consumed"] = exc.consumed
    elif kind == "connection-reset" and hasattr(exc, "partial"):  # of a raw end
        error["partial"] = exc.partial.decode("latin-1")
    exc.__traceback__ = exc.__context__ = exc.__cause__ = None
    return error


# ---------------------------------------------------------------- the loop
#
# An event loop has no public way to ask whether it is idle. But whatever a callback, a future or a task wants done
# later goes through call_soon, which is public and can be overridden; so the loop takes note. A turn in which nothing
# was scheduled has left nothing behind. What descriptors have ready it finds through a selector, and asyncio's own
# loops take theirs from whoever makes them: so that one can be asked, too.

MAX_TURNS = 10000  # an implementation that goes on for longer spins
SPUN_TURNS = 200  # one that has spun is not waited for so long again

# How many idle turns it takes to be sure. Callbacks run first in, first out, so a loop whose selector can be asked is
# at rest after one. Of another loop it is not known how it arranges its turns, nor in which part of one it looks at
# descriptors, and what these bring does not go through call_soon.
IDLE_TURNS = 1
OTHER_IDLE_TURNS = 2  # of other loops, without connections
IO_IDLE_TURNS = 4  # of other loops, with connections


class Turns:
    """What a generator that is driven yields to let the loop go round so often, and no further."""

    def __init__(self, n):
        self.n = n


class Selector(selectors.DefaultSelector):
    """Tells asyncio's own loop what has come, unless it is not to notice yet."""

    deaf = False

    def select(self, timeout=None):
        return [] if self.deaf else super().select(timeout)


def own(base):
    """Return whether an event loop class is asyncio's own, of which it is known what goes by which of its methods."""
    return base.__module__.partition(".")[0] == "asyncio"


def stoppable(base):
    """Return a subclass of one of asyncio's own event loop classes whose clock can be stopped and advanced."""
    base_time, base_call_at = base.time, base.call_at

    class StoppableLoop(base):
        now = None  # the time, once it has been stopped

        def time(self):
            return base_time(self) if self.now is None else self.now

        def call_at(self, when, callback, *args, **context):
            if self.now is not None:
                heapq.heappush(self.alarms, when)
            return base_call_at(self, when, callback, *args, **context)

        def freeze(self):
            if self.now is None:
                self.now, self.alarms = self.time(), []

        def advance(self, seconds):
            """Advance the time; yield wherever something is due, as it would be if the time went by."""
            end = self.now + seconds
            while self.alarms and self.alarms[0] <= end + ROUNDING:
                self.now = max(self.now, heapq.heappop(self.alarms))
                self.ring()
                yield
            self.now = max(self.now, end)
            self.ring()
            yield

        def ring(self):
            # What is due is called behind what is scheduled already, so it takes a further turn to see what that brings.
            self.call_soon(self.call_soon, done)

    return StoppableLoop


ROUNDING = 1e-6  # seconds; what is due by that much later is due


def settling(base):
    """Return a subclass of an event loop class that knows when it has come to rest."""
    if own(base):
        base = stoppable(base)
    base_call_soon, base_call_soon_threadsafe = base.call_soon, base.call_soon_threadsafe

    class SettlingLoop(base):
        at_rest = True  # whether nothing was scheduled since the turn began, or since the loop stopped
        idle_turns = IDLE_TURNS
        suspended = False  # between two turns
        most_turns = MAX_TURNS
        moved = None  # tells whether something moves outside of the loop; None: there is no outside
        selector = None  # the loop's own, if it can be asked
        now = getattr(base, "now", None)
        resolve = None  # answers for hosts instead of the operating system, or returns None

        def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
            answer = self.resolve and self.resolve(host, port, family, type, proto, flags)
            return answer or base.getaddrinfo(self, host, port, family=family, type=type, proto=proto, flags=flags)

        if sys.version_info >= (3, 7):

            def call_soon(self, callback, *args, context=None):
                self.at_rest = False
                return base_call_soon(self, callback, *args, context=context)

            def call_soon_threadsafe(self, callback, *args, context=None):
                self.at_rest = False
                return base_call_soon_threadsafe(self, callback, *args, context=context)

        else:

            def call_soon(self, callback, *args):
                self.at_rest = False
                return base_call_soon(self, callback, *args)

            def call_soon_threadsafe(self, callback, *args):
                self.at_rest = False
                return base_call_soon_threadsafe(self, callback, *args)

        def drive(self, steps):
            """Run a generator inside the loop; return what it returns.

            After a yield it goes on when all is at rest, after a yield of seconds not before these have passed, and after
            a yield of Turns when the loop has gone round so often.
            """
            self.steps, self.result, self.error = steps, None, None
            if self.at_rest:
                self.hear(False)  # what comes must wait until the generator yields, or for the next one
                base_call_soon(self, self.resume)
            else:  # what has been left scheduled must not run before the generator has begun
                self.resume()
            if self.steps is not None:
                self.run_forever()
            while self.suspended:
                self.suspended = False
                self.resume()
                if self.steps is not None:
                    self.run_forever()
            result, error, self.result, self.error = self.result, self.error, None, None
            if error is not None:
                raise error
            return result

        def resume(self):
            try:
                self.go_on(next(self.steps))
                return
            except StopIteration as end:
                self.result = end.value
            except BaseException as exc:  # drive raises it, or the loop would report it and run on without us
                self.error = exc
            self.steps = None
            if self.is_running():
                self.stop()

        def go_on(self, wish):
            self.hear(True)
            if type(wish) is Turns:
                base_call_soon(self, self.count_down, self.turns_to_count(wish.n))
                return
            self.at_rest = True
            self.turns = self.idle = 0
            if not wish:
                base_call_soon(self, self.end_turn)
            elif self.now is None:
                self.call_later(wish, self.end_turn)
            else:
                base_call_soon(self, self.sleep, wish)

        def hear(self, yes):
            if self.selector is not None:
                self.selector.deaf = not yes

        def sleep(self, seconds):
            """Wait while the loop's own time stands still."""
            if self.selector is not None:
                self.selector.select(seconds)
            else:
                time.sleep(seconds)
            base_call_soon(self, self.end_turn)

        def turns_to_count(self, n):
            return n

        def count_down(self, turns):
            if turns > 1:
                self.at_rest = True
                base_call_soon(self, self.count_down, turns - 1)
            else:
                self.end_of_turns()

        def end_of_turns(self):
            """Stop, which ends the turn with all that belongs to it; drive goes on from there."""
            self.at_rest, self.suspended = False, True
            self.stop()

        def end_turn(self):
            # Runs behind all that was scheduled before this turn, and is itself not taken note of.
            self.turns += 1
            self.idle = self.idle + 1 if self.at_rest else 0
            if self.idle == self.idle_turns:
                if self.moved is None or not self.moved():
                    self.resume()
                    return
                self.idle = 0
            if self.turns < self.most_turns:
                self.at_rest = True
                base_call_soon(self, self.end_turn)
            else:
                self.most_turns = SPUN_TURNS
                self.spins()
                self.resume()

    return SettlingLoop


# A loop that is not asyncio's own may run on for a turn after stop(); uvloop does. So it is not stopped between batches:
# the last callback of one waits for the next, inside the loop. Whoever drives the loop is then in a thread beside it,
# and the loops have the main thread, where they belong.

LOOPS = queue.Queue()  # to be run by the main thread; None: there will be no more


def parking(base):
    """Return a subclass of an event loop class like that of settling, whose loop keeps running."""

    class ParkingLoop(settling(base)):
        idle_turns = OTHER_IDLE_TURNS
        steps = batches = outcomes = None

        def drive(self, steps):
            if self.batches is None:
                self.batches, self.outcomes = queue.Queue(), queue.Queue()
                base.call_soon(self, self.resume)
                LOOPS.put(self)
            self.batches.put(steps)
            result, error = self.outcomes.get()
            if error is not None:
                raise error
            return result

        def run(self):
            """Run until the loop is closed, in the main thread."""
            error = None
            try:
                self.run_forever()
            except BaseException as exc:
                error = exc
            self.steps = self.batches = None
            self.outcomes.put((None, error or RuntimeError("the loop stopped by itself")))

        def resume(self):
            while True:
                if self.steps is None:
                    self.steps = self.batches.get()
                    if self.steps is None:
                        self.stop()
                        return
                try:
                    self.go_on(next(self.steps))
                    return
                except StopIteration as end:
                    outcome = end.value, None
                except BaseException as exc:
                    outcome = None, exc
                self.steps = None
                self.outcomes.put(outcome)

        # A turn is over when the first callback of the next one comes, and the rest of that waits for it. Where something had
        # been scheduled before, ours is not the first: it comes at the end of what belongs to the last turn.

        def turns_to_count(self, n):
            return n + self.at_rest

        def end_of_turns(self):
            self.resume()

        def close(self):
            if self.batches is not None:
                self.batches.put(None)
                self.outcomes.get()
            base.close(self)

    return ParkingLoop


def beside_loops(function):
    """Call a function in a thread and run in this one the loops that it drives; return what it returns."""
    results = []

    def call():
        try:
            results.append(function())
        finally:
            LOOPS.put(None)

    thread = threading.Thread(target=call)
    thread.start()
    for loop in iter(LOOPS.get, None):
        loop.run()
    thread.join()
    return results[0] if results else 1


class LoopError(Exception):
    """What --loop names cannot be driven. The text is for the user."""


OPTIONAL = (  # what a loop may lack altogether, and how to ask for it so that nothing comes of it: of no path, of no pipe
    ("transport.unix", lambda loop: loop.create_unix_connection(asyncio.Protocol)),
    ("transport.pipe", lambda loop: loop.connect_read_pipe(asyncio.Protocol, None)),
)


def is_lacking(loop, ask):
    """Return whether a loop says of what it is asked for that it is not implemented, as AbstractEventLoop does."""
    try:
        loop.run_until_complete(ask(loop))
    except NotImplementedError:
        return True
    except Exception:  # it has it, and finds fault with the arguments
        pass
    finally:
        loop.close()
    return False


class Testee:
    """The event loops to be driven: asyncio's own, or those that --loop names."""

    lacking = ()  # capabilities

    def __init__(self, base, module=None):
        self.base, self.module = base, module
        self.loop_class = settling(base) if module is None else parking(base)
        self.resolves = own(base)  # whether it looks names up by the loop's getaddrinfo, which can be overridden

    def new_loop(self):
        """Return a loop, whose selector can be asked if it is one of asyncio's own."""
        if self.module is not None or not issubclass(self.base, asyncio.SelectorEventLoop):
            return self.loop_class()
        selector = Selector()
        loop = self.loop_class(selector)
        loop.selector = selector
        return loop

    @classmethod
    def load(cls, name):
        """Return the testee that MODULE:FACTORY names."""
        module_name, colon, factory_name = name.partition(":")
        if not (module_name and colon and factory_name):
            raise LoopError("the loop is given as MODULE:FACTORY, not as %r" % name)
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as exc:
            raise LoopError("the module %r cannot be imported: %s" % (module_name, in_a_line(exc))) from None
        factory = getattr(module, factory_name, None)
        if not callable(factory):
            what = "is not callable" if hasattr(module, factory_name) else "does not exist"
            raise LoopError("the factory %s of the module %r %s" % (factory_name, module_name, what))
        try:
            loop = factory()
        except (Exception, SystemExit) as exc:
            raise LoopError("%s() failed: %s" % (name, in_a_line(exc))) from None
        base = type(loop)
        if not isinstance(loop, asyncio.AbstractEventLoop):
            raise LoopError("%s() returned an object of type %s, which is no event loop" % (name, native_name(base)))
        try:
            loop.close()
            testee = cls(base, module)
            notices = testee.notices()
            testee.resolves = testee.resolves or notices and testee.asks()
        except (Exception, SystemExit) as exc:
            what = "the loop class %s cannot be subclassed and made without arguments, which counting its callbacks takes: %s"
            raise LoopError(what % (native_name(base), in_a_line(exc))) from None
        if not notices:
            what = "%s schedules callbacks otherwise than by its call_soon, so nobody can tell when it is at rest"
            raise LoopError(what % native_name(base))
        testee.lacking = [capability for capability, ask in OPTIONAL if is_lacking(testee.loop_class(), ask)]
        return testee

    def notices(self):
        """Return whether a loop takes note of what is scheduled, on which settling rests."""
        loop = self.loop_class()
        try:
            future = loop.create_future()
            future.add_done_callback(lambda future: None)
            loop.at_rest = True
            future.set_result(None)
            return not (loop.at_rest and future.done())
        finally:
            loop.close()

    def asks(self):
        """Return whether a loop that connects to a name asks its getaddrinfo for the addresses."""
        loop, asked = self.loop_class(), []

        def resolve(host, *rest):
            asked.append(host)
            future = loop.create_future()
            future.set_exception(OSError("this was all that was to be seen"))
            return future

        async def connect():
            with contextlib.suppress(Exception):
                transport, _ = await loop.create_connection(asyncio.Protocol, "localhost", 1)
                transport.abort()
            loop.stop()

        loop.resolve = resolve
        try:
            connecting = loop.create_task(connect())
            loop.call_later(PATIENCE, loop.stop)
            loop.run_forever()
            connecting.cancel()
            loop.call_later(0, loop.stop)
            loop.run_forever()
        finally:
            loop.close()
        return bool(asked)


def in_a_line(exc):
    return " ".join(("%s: %s" % (native_name(type(exc)), exc)).split())


def stock_loop_class():
    """Return the class of the loops that asyncio makes on this platform."""
    loop = asyncio.new_event_loop()
    loop.close()
    return type(loop)


# ---------------------------------------------------------------- raw ends
#
# A connection has two ends. The raw end is the driver's and is worked here by system calls that never wait; the far end
# goes to the implementation.

MOST_AT_ONCE = 1 << 16  # bytes


class Raw:
    """A raw end, and the far end that belongs to it, if that is made here too."""

    def __init__(self, kind, near, far=None, peer=None):
        self.kind, self.near, self.far = kind, near, far  # near is None where the raw end is idle
        if near is not None:
            os.set_blocking(near.fileno(), False)
        if far is not None:
            self.identity = identity(far.fileno())
        else:
            self.ends = comparable_name(peer), comparable_name(near.getsockname())  # the names of the far end and of ours
        self.opened = False
        self.receiving = None  # the future of the recv that is pending
        self.received, self.wanted = bytearray(), None  # wanted is None: everything

    @classmethod
    def pair(cls, kind, buffer=None):
        """Make both ends of a connection."""
        if kind not in ENDS:
            raise Fault("there is no kind of connection %.80r" % (kind,))
        need_posix()
        return cls(kind, *ENDS[kind](kind, buffer))

    def descriptor(self):
        if self.near is None or number_of(self.near) is None:
            raise Fault("the raw end is %s" % ("idle" if self.near is None else "closed"))
        return self.near.fileno()

    def socket(self):
        self.descriptor()
        if not isinstance(self.near, socket.socket):
            raise Fault("the raw end is no socket")
        return self.near

    def take_far(self):
        """Return the far end, which can be had once."""
        if self.opened or self.far is None:
            raise Fault("the far end %s" % ("has been opened already" if self.opened else "is the implementation's"))
        self.opened = True
        return self.far

    def send(self, data):
        """Send as much as the kernel takes now; return how much that is."""
        descriptor, rest = self.descriptor(), memoryview(data)
        while len(rest):
            try:
                rest = rest[os.write(descriptor, rest):]
            except BlockingIOError:
                break
            except OSError:
                if len(rest) == len(data):
                    raise
                break
        return len(data) - len(rest)

    def begin_to_receive(self, future, wanted):
        self.descriptor()
        if self.receiving is not None and not self.receiving.done():
            raise Fault("the raw end receives already")
        self.receiving, self.received, self.wanted = future, bytearray(), wanted

    def receive(self):
        """Take from the kernel what there is of what is still wanted; return whether there was anything."""
        moved = False
        while self.receiving is not None:
            if self.receiving.done():  # it was cancelled
                self.receiving = None
                break
            most = MOST_AT_ONCE if self.wanted is None else min(MOST_AT_ONCE, self.wanted - len(self.received))
            try:
                data = os.read(self.near.fileno(), most)
            except BlockingIOError:
                break
            except OSError as exc:
                exc.partial = bytes(self.received)
                self.receiving.set_exception(exc)
                data, self.receiving = None, None
            else:
                self.received += data
                if not data or len(self.received) == self.wanted:
                    self.receiving.set_result(bytes(self.received))
                    self.receiving = None
            moved = True
        return moved

    def receive_within(self, seconds):
        """Receive while nothing else runs."""
        poll, deadline = select.poll(), time.monotonic() + seconds
        poll.register(self.descriptor(), select.POLLIN)
        self.receive()
        while self.receiving is not None and time.monotonic() < deadline:
            poll.poll(max(0, (deadline - time.monotonic()) * 1000))
            self.receive()

    def close(self):
        if self.receiving is not None:
            self.receiving.cancel()
            self.receiving = None
        if self.near is not None:
            self.near.close()

    def reset(self):
        if self.kind != "tcp":
            raise Fault("only a TCP connection can be reset")
        self.socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def far_open(self):
        """Return whether this process has a descriptor of the far end, whoever made that."""
        if self.far is not None:
            return has_descriptor(self.identity)
        if not self.ends[0] and self.hung_up():  # a Unix socket without a name, which others may be like
            return False
        return self.ends in [names_of_ends(end) for _, end in sockets_of_this_process()]

    def hung_up(self):
        if number_of(self.near) is None:
            return False
        poll = select.poll()
        poll.register(self.near, 0)
        return bool(poll.poll(0))

    def close_far(self):
        """Close the far end if nobody has: it was not opened, or its transport did not do so."""
        if self.far is not None:
            close_unless_closed(self.far, self.identity)


def need_posix():
    if fcntl is None:
        raise Unsupported("connections need a POSIX system")


def close_unless_closed(end, its_identity):
    """Close a socket or a file that somebody else may have closed."""
    descriptor = number_of(end)
    if descriptor is None:
        return
    if identity(descriptor) == its_identity:
        end.close()
    elif hasattr(end, "detach"):  # closed behind its back, and the number may be another's by now
        end.detach()


def has_descriptor(its_identity):
    """Return whether this process has a descriptor of an open file."""
    return any(identity(int(name)) == its_identity for name in os.listdir("/dev/fd"))


def sockets_of_this_process():
    """Go through all descriptors of sockets that this process has, whoever made them; each with a socket to ask."""
    for name in os.listdir("/dev/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            copy = os.dup(int(name))
        except OSError:  # it was that of the directory
            continue
        # 3.6 does not find out of which family it is; there it is of the one with the longest names, whatever it is of.
        kind = () if sys.version_info >= (3, 7) else (socket.AF_UNIX, socket.SOCK_STREAM)
        blocks = os.get_blocking(copy)
        with socket.socket(*kind, fileno=copy) as end:
            os.set_blocking(copy, blocks)  # PyPy has it block from then on, and everybody else's descriptors with it
            yield int(name), end


def names_of_ends(end):
    """Return the names of a socket's own end and of the other, None where it has none."""
    try:
        return comparable_name(end.getsockname()), comparable_name(end.getpeername())
    except OSError:
        return None


def plain_name(name):
    """Return a host and a port, or a path: without what else IPv6 has in the name of a socket."""
    return tuple(name[:2]) if isinstance(name, (tuple, list)) else name


def comparable_name(name):
    """Return a name to compare with others: of an abstract one, text and bytes are the same."""
    return os.fsencode(name) if isinstance(name, str) else plain_name(name)


def number_of(end):
    """Return the descriptor of a socket or a file, None if it is closed."""
    if getattr(end, "closed", False):  # a file has no fileno then
        return None
    return end.fileno() if end.fileno() >= 0 else None


ACCESS_MODE = getattr(os, "O_ACCMODE", os.O_RDONLY | os.O_WRONLY | os.O_RDWR)  # PyPy does not know it


def identity(descriptor):
    """Return what tells an open file from others, None for a number that is no descriptor."""
    # The two ends of a pipe are the same to fstat but for their mode.
    try:
        status = os.fstat(descriptor)
        return status.st_dev, status.st_ino, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ACCESS_MODE
    except OSError:
        return None


def resize(sockets, buffer):
    for end in sockets if buffer is not None else ():
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)


def unix_ends(kind, buffer):
    near, far = socket.socketpair()
    resize((near, far), buffer)
    far.setblocking(False)
    return near, far


def tcp_ends(kind, buffer):
    far = socket.socket()
    with socket.socket() as listener:
        resize((listener, far), buffer)  # before there is a connection, or it would be too late for the window
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        far.connect(listener.getsockname())
        near, peer = listener.accept()
        while peer != far.getsockname():  # somebody else's
            near.close()
            near, peer = listener.accept()
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    resize((near,), buffer)
    far.setblocking(False)
    return near, far


def pipe_ends(kind, buffer):
    reading, writing = os.pipe()
    if buffer is not None and sys.platform == "linux":
        set_pipe_size = getattr(fcntl, "F_SETPIPE_SZ", 1031)  # 3.10 and later
        fcntl.fcntl(reading, set_pipe_size, buffer)  # rounded up to a page by the kernel
    reading, writing = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
    return (writing, reading) if kind == "read-pipe" else (reading, writing)


def file_ends(kind, buffer):
    return None, tempfile.TemporaryFile("w+b", 0)


ENDS = {
    "tcp": tcp_ends,
    "unix": unix_ends,
    "read-pipe": pipe_ends,
    "write-pipe": pipe_ends,
    "read-file": file_ends,
    "write-file": file_ends,
}


# ---------------------------------------------------------------- addresses
#
# The addresses of TCP are hosts of the loopback interface that nobody else uses, at one port that is the session's. It is
# none of those that the system gives away by itself, and as long as the session has it, no other adapter takes it: who has
# a port has the UDP socket of that number.

FIRST_PORT, PORTS = 10000, 20000
MOST_HOSTS = 254  # of a session
BACKLOG = 128  # of the driver's listeners
PATIENCE = 5  # seconds, for what the kernel does at once unless the machine is very busy

candidates = itertools.count(os.getpid() * 97)


def take_port():
    """Return a port that nobody uses, and the socket that reserves it."""
    for _ in range(PORTS):
        port = FIRST_PORT + next(candidates) % PORTS
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            reservation.bind(("127.0.0.1", port))
            for family in (socket.AF_INET, socket.AF_INET6) if has_ipv6() else (socket.AF_INET,):
                with socket.socket(family) as probe:
                    only_ipv6(probe)
                    probe.bind(("", port))
        except OSError:
            reservation.close()
        else:
            return port, reservation
    raise Fault("all ports from %d are taken" % FIRST_PORT)


@functools.lru_cache(maxsize=None)
def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def only_ipv6(end):
    if end.family == socket.AF_INET6:
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


class Address:
    """A host and a port, or a path, and what the driver has there."""

    def __init__(self, kind, name):
        self.kind, self.name = kind, name
        if kind == "unix":
            self.family = socket.AF_UNIX
        else:
            self.family = socket.AF_INET6 if ":" in name[0] else socket.AF_INET
        self.own = []  # sockets: a listener, and whoever fills its queue

    def put(self, state):
        """Put something there, instead of what the driver has there."""
        kinds, be = STATES.get(state, ("", None))
        if self.kind not in kinds:
            raise Fault("an address of the kind %s cannot be %.80r" % (self.kind, state))
        self.clear()
        try:
            be(self)
        except OSError as exc:
            raise Fault("nothing can be put at %s: %s" % (self.name, exc)) from None

    def clear(self):
        for end in self.own:
            end.close()
        self.own = []
        if self.kind == "unix":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.name)

    def be_free(self):
        pass

    def be_live(self, backlog=BACKLOG):
        listener = socket.socket(self.family)
        self.own.append(listener)
        if self.kind == "tcp":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            only_ipv6(listener)
        listener.bind(self.name)
        listener.listen(backlog)
        listener.setblocking(False)
        return listener

    def be_silent(self):
        # As soon as the queue is full, the kernel does not answer any more. It holds one more than was asked for, and
        # PyPy asks for one at least.
        listener = self.be_live(0)
        for _ in range(1 + (backlog_of(listener) if sys.platform == "linux" else 0)):
            self.own.append(connected(self))
        if not ready(listener, select.POLLIN):
            raise Fault("the queue of %s is not full" % (self.name,))

    def be_stale(self):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.name)

    def be_a_file(self):
        with open(self.name, "x"):
            pass

    def accept(self):
        """Return the raw end of who has connected, None if nobody has."""
        if not self.own:
            raise Fault("nobody listens at %s" % (self.name,))
        try:
            near, peer = self.own[0].accept()
        except BlockingIOError:
            return None
        undelayed(near)
        return Raw(self.kind, near, peer=peer)

    def state(self):
        try:
            return "socket" if stat.S_ISSOCK(os.lstat(self.name).st_mode) else "file"
        except OSError:
            return "free"


STATES = {
    "free": (("tcp", "unix"), Address.be_free),
    "live": (("tcp", "unix"), Address.be_live),
    "silent": (("tcp",), Address.be_silent),
    "stale": (("unix",), Address.be_stale),
    "file": (("unix",), Address.be_a_file),
    "no-directory": (("unix",), Address.be_free),
}


def ready(end, what):
    """Wait until a socket is ready for something; return whether it is."""
    poll = select.poll()
    poll.register(end, what)
    return bool(poll.poll(PATIENCE * 1000))


def undelayed(end):
    if end.family != socket.AF_UNIX:
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def connected(address, buffer=None):
    """Return a socket that has connected to an address; who listens there need not do anything."""
    end = socket.socket(address.family)
    try:
        resize((end,), buffer)
        undelayed(end)
        if address.kind == "unix":
            end.bind("")  # gives it a name
        end.setblocking(False)
        code = end.connect_ex(address.name)
        if code == errno.EINPROGRESS:
            code = end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready(end, select.POLLOUT) else errno.ETIMEDOUT
        if code != 0:
            raise OSError(code, os.strerror(code))
        return end
    except OSError:
        end.close()
        raise


class Passed:
    """A socket to pass to the implementation."""

    def __init__(self, end):
        self.end, self.identity = end, identity(end.fileno())
        self.taken = False  # it has been passed


# What can be asked about the socket that the implementation has at an address.

TCP_LISTEN, MOST_WAITING = 10, 28  # a state, and an offset, of Linux' struct tcp_info


def backlog_of(end):
    if end.getsockopt(socket.SOL_SOCKET, SO_DOMAIN) == socket.AF_UNIX:
        return None
    info = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, MOST_WAITING)[0] if info[0] == TCP_LISTEN else None


SO_DOMAIN = getattr(socket, "SO_DOMAIN", 39)

QUESTIONS = {
    "backlog": backlog_of,
    "reuse_address": lambda end: end.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) != 0,
    "reuse_port": lambda end: end.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) != 0,
}


def listens(end):
    return end.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) != 0


# ---------------------------------------------------------------- programmed protocols and callbacks


class Programmed(asyncio.Protocol):
    """A protocol that tells of each call of its callbacks, and then reacts as the driver has said beforehand."""

    def __init__(self, session, name, program):
        self.session, self.name = session, name
        self.program = Program(program)
        self.opening = collections.deque()  # the names of the calls whose connection_made is still to come

    def connection_made(self, transport):
        if self.forgotten():
            abort(transport)
            return None
        if self.opening:
            self.session.transports[self.opening.popleft() + ".transport"] = transport
        return self.react("connection_made")

    def data_received(self, data):
        if not self.forgotten():
            self.session.received[self.name] += len(data)
        return self.react("data_received", lambda: {"value": encode_value(data)})

    def eof_received(self):
        return self.react("eof_received")

    def connection_lost(self, exc):
        return self.react("connection_lost", lambda: {} if exc is None else {"raised": encode_error(exc)})

    def pause_writing(self):
        return self.react("pause_writing")

    def resume_writing(self):
        return self.react("resume_writing")

    def forgotten(self):
        return self.session.protocols.get(self.name) is not self

    def react(self, callback, details=dict):
        if self.forgotten():
            return None
        session, end = self.session, None
        try:  # a failure of ours must not reach the loop, which would lay it at the implementation's door
            session.emit(callback, on=self.name, **details())
            end = self.program.carry_out(session, self.name, callback)
        except Exception as exc:
            session.faults.append(describe_fault("%s of %s" % (callback, self.name), exc))
        return None if end is None else end.finish()


class Program:
    """What is done in callbacks."""

    def __init__(self, forms):
        self.reactions = [Reaction(form) for form in forms]
        self.calls = collections.Counter()

    def carry_out(self, session, on, callback):
        """React to a call of a callback; return the reaction that says how it ends, None if there is none.

        Of several that match, that is the last one.
        """
        end = None
        self.calls[callback] += 1
        for reaction in self.reactions:
            if reaction.callback == callback and reaction.nth in (None, self.calls[callback]):
                for command in reaction.commands:
                    session.react(on, command)
                end = reaction
        return end


class Reaction:
    """What is done in one callback."""

    def __init__(self, form):
        self.callback, self.nth, self.commands = form["in"], form.get("nth"), form.get("do", [])
        self.result, self.text = decode_value(form.get("return", {})), form.get("raise")
        self.hold = form.get("hold", False)

    def finish(self):
        if self.text is not None:
            raise ScriptedError(self.text)
        return self.result


class Served:
    """The client-connected callback of a server: tells of each of its calls, and then does what the driver has said."""

    def __init__(self, session, name, program):
        self.session, self.name = session, name
        self.program = Program(program)
        self.count = 0

    def call(self, reader, writer):
        """Be called as a function."""
        _, end = self.connected(reader, writer)
        return None if end is None else end.finish()

    async def run(self, reader, writer):
        """Be called as a coroutine, which tells of its end."""
        name, end = self.connected(reader, writer)
        if name is None:
            return None
        session = self.session
        # The session must not hold on to the task, or nobody would ever hear of an exception that nobody asks for.
        call = session.calls[name] = Handler(current_task())
        try:
            if end is not None and end.hold:
                await session.hold(name)
            result = None if end is None else end.finish()
        except FAILURES as exc:
            call.finish(session, name, {"raised": encode_error(exc)})
            raise
        call.finish(session, name, {"returned": encode_value(result)})
        return result

    def connected(self, reader, writer):
        """Tell of a call, and react; return its name and the reaction that says how it ends."""
        session, name, end = self.session, None, None
        if session.served.get(self.name) is not self:  # forgotten
            abort(writer.transport)
            return None, None
        try:  # a failure of ours must not reach the implementation
            self.count += 1
            name = "%s#%d" % (self.name, self.count)
            session.calls[name] = None
            session.keep_stream(name, reader, writer, writer.transport)
            raw = session.raw_of(name)
            session.emit("client_connected", on=name, value={} if raw is None else {"object": raw})
            end = self.program.carry_out(session, name, "client_connected")
        except Exception as exc:
            session.faults.append(describe_fault("client_connected of %s" % name, exc))
        return name, end


class Handler:
    """A call of a callback that is a coroutine; to the session it is what the tasks of other calls are."""

    def __init__(self, task):
        self.task = task and weakref.ref(task)
        self.over = False

    def done(self):
        return self.over

    def cancel(self):
        task = self.task and self.task()
        if task is not None:
            task.cancel()

    def finish(self, session, name, outcome):
        self.over = True
        if session.calls.get(name) is self:  # not forgotten
            session.emit("finished", on=name, **outcome)


current_task = getattr(asyncio, "current_task", None) or asyncio.Task.current_task  # 3.7 and later, and before


def callback_of_form(loop, form, call, run):
    """Return a client-connected callback of a form, which calls a function or runs a coroutine function."""

    def function(reader, writer):
        return call(reader, writer)

    async def coroutine(reader, writer):
        return await run(reader, writer)

    def future(reader, writer):
        call(reader, writer)
        return loop.create_future()

    class Callback:
        async def __call__(self, reader, writer):
            return await run(reader, writer)

    forms = {"function": function, "coroutine": coroutine, "future": future, "object": Callback()}
    if form not in forms:
        raise Fault("there is no form of callback %.80r" % (form,))
    return forms[form]


# ---------------------------------------------------------------- the session

# Replies are never changed once made, so the most frequent one can be the same object every time.
NONE = {"returned": {}}
OUTSIDE = frozenset(("unhandled", "unraisable", "warning", "log", "unsettled"))  # events that belong to no object
TRUE = {"returned": {"bool": True}}
FALSE = {"returned": {"bool": False}}


class Family(dict):
    """The objects of one kind, by name."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def __missing__(self, name):
        raise Fault("there is no %s named %.80r" % (self.kind, name))


class Session:
    """The named objects of one session, the loop they live on, and what happened to them."""

    def __init__(self, testee, library=asyncio):
        self.library = library  # where the classes under test come from; the self-check puts its own in place
        self.readers = Family("reader")
        self.writers = Family("writer")
        self.transports = Family("transport")
        self.protocols = Family("protocol")
        self.servers = Family("server")
        self.raws = Family("raw end")
        self.addresses = Family("address")
        self.sockets = Family("socket")
        self.objects = self.readers, self.writers, self.transports, self.protocols, self.servers
        self.openers = {}  # calls that connect and have not been accepted yet, and the names of the addresses they connect to
        self.served = {}  # the callbacks of servers, by the names of the calls that made these
        self.held = Family("call that holds")  # the futures that they wait for
        self.answers = {}  # for names of hosts: addresses, or the text of an error
        self.askers = {}  # who waits for one: for each name futures, and what is asked of it
        self.connected = self.transports, self.raws, self.servers, self.addresses, self.sockets, self.held
        self.placed = False  # whether there were addresses or servers
        self.left = False  # whether a server could not be closed
        self.port = self.reservation = self.directory = None
        self.hosts = itertools.count(1)
        self.wired = False  # whether there are connections, which move without being called
        self.calls = Family("call")  # tasks; None for a call that failed before there was a task
        self.waiting = {}  # those of them whose reply was pending: task to name
        self.others = set()  # those of them that are not reads
        self.events = []  # since the last reply
        self.told = collections.Counter()  # the events of the replies before, by name and by object
        self.received = collections.Counter()  # bytes that were delivered, by protocol
        self.faults = []  # since the last reply, in callbacks, where they cannot be raised
        self.buffers = []  # to overwrite after the call at hand
        self.everything = self.objects + (self.raws, self.calls, self.others, self.told, self.received)
        self.everything += self.addresses, self.sockets, self.openers, self.served, self.held, self.answers, self.askers
        self.testee = testee
        self.begin()
        Outside.session = self

    def begin(self):
        """Make a loop to live on."""
        self.used = False  # whether there were connections, of which all has been forgotten
        self.loop = self.testee.new_loop()
        if self.testee.resolves:
            self.loop.resolve = self.resolve
        self.loop.set_debug(False)  # the environment may have asked for it
        self.loop.spins = self.spins
        self.loop.set_exception_handler(self.unhandled)
        asyncio.set_event_loop(self.loop)

    def run(self, commands):
        """Carry out commands; return the replies."""
        commands, replies = iter(commands), []
        while True:
            self.loop.drive(self.carry_out(commands, replies))
            if not self.used:
                return replies
            self.end()  # a faulty transport may have left something in the loop that comes in the way of the next one
            self.begin()

    def end(self):
        """Close the loop; return the events of that and of what was done before."""
        self.loop.close()
        asyncio.set_event_loop(None)
        events, self.events = self.events, []
        if self.left:  # nobody is to hear of it that it complains
            events, self.loop, self.left = [event for event in events if event["ev"] not in OUTSIDE], None, False
            gc.collect()
        return events

    def close(self):
        """Drop everything; return the events of that."""
        self.loop.drive(self.clean_up())
        events = self.end()
        Outside.session = None
        return events

    # These run inside the loop, so the implementation is called as by a user's callback. Each yield lets it run until
    # nothing more happens.

    def carry_out(self, commands, replies):
        """Carry out commands and add the replies, as far as they can live on the same loop."""
        loop = self.loop
        for command in commands:
            try:
                reply = COMMANDS[command["op"]](self, command)
                if (not loop.at_rest or self.wired) and not command.get("no_settle") and command["op"] != "turn":
                    yield
                    if self.waiting:
                        self.look()
                if type(reply) is not dict:  # but a call that was started, or something to do after settling
                    if callable(reply):
                        reply = reply()
                    elif hasattr(reply, "send"):
                        reply = yield from reply
                    else:
                        reply = self.progress(command["as"], reply)
            except Exception as exc:
                reply = self.explain(command, exc)
            if self.events or self.faults:
                reply = self.complete(reply)
            replies.append(reply)
            if self.used:
                break

    def wait(self, holds, seconds):
        """Wait until something holds, the better part of which has been waited for by settling; return the reply."""
        deadline, step = time.monotonic() + seconds, 0.0001
        # Settling is exact: what objects in memory have not done by then they never will, so there is no sense in
        # waiting for the deadline.
        while self.wired and not holds() and time.monotonic() < deadline and not self.has_spun():
            yield step
            if self.waiting:
                self.look()
            step = min(2 * step, 0.005)
        return TRUE if holds() else FALSE

    def go_round(self, turns):
        """Let the loop run for some turns; return the reply."""
        yield Turns(turns)
        if self.waiting:
            self.look()
        return NONE

    def advance(self, seconds):
        """Let time go by, and do what it brings about; return the reply."""
        for _ in self.loop.advance(seconds):
            yield
            if self.waiting:
                self.look()
        return NONE

    def clean_up(self):
        after = self.forget()
        yield
        after()
        gc.collect()
        yield

    def moves(self):
        """Return whether something goes on outside of the loop: a descriptor has something for it, or had for us."""
        if self.loop.selector is not None and self.loop.selector.select(0):
            return True
        moved = [raw.receive() for raw in self.raws.values() if raw.receiving is not None]
        if any(moved):
            self.loop.turns = 0  # who moves does not spin
            return True
        return False

    def wire(self, placed=False):
        """Take note that there are connections from now on, and whether there are addresses."""
        self.wired, self.loop.moved = True, self.moves
        self.placed = self.placed or placed
        if self.loop.selector is None:
            self.loop.idle_turns = IO_IDLE_TURNS

    def complete(self, reply):
        """Return a reply with all that happened since the last one."""
        reply = {"fault": "; ".join(self.faults)} if self.faults else dict(reply)
        if self.events:
            reply["events"] = self.events
            self.told.update((event["ev"], event.get("on")) for event in self.events)
        self.faults, self.events = [], []
        return reply

    def happened(self, ev, on):
        """Tell how often an event has occurred since the session began: to an object, or to any."""
        now = [(event["ev"], event.get("on")) for event in self.events]
        if on is None:
            return sum(n for (name, _), n in self.told.items() if name == ev) + sum(name == ev for name, _ in now)
        return self.told[ev, on] + now.count((ev, on))

    def explain(self, command, exc):
        """Return the reply to a command that failed outside of the implementation."""
        op = command.get("op")
        if not isinstance(op, str) or op not in COMMANDS:
            return {"fault": "there is no command %.80r" % (op,)}
        if isinstance(exc, KeyError) and exc.args and exc.args[0] not in command:
            exc = Fault("there is no argument %s" % exc)
        if isinstance(exc, AttributeError):
            exc = self.lack(command) or exc
        if isinstance(exc, Unsupported):
            return {"unsupported": str(exc)}
        return {"fault": describe_fault(op, exc)}

    def lack(self, command):
        """Return the error that an object lacks the method that the command is named after, None if it has it."""
        name, method = command.get("on"), command["op"].partition(".")[2]
        for family in self.objects:
            if name in family and not hasattr(family[name], method):
                return Unsupported("%s has no %s" % (type(family[name]).__name__, method))
        return None

    # Names.

    def claim(self, command):
        """Return the name that the command gives to what it makes, which must be free."""
        name = command["as"]
        if (
            name in self.calls
            or name in self.readers
            or name in self.writers
            or name in self.transports
            or name in self.protocols
            or name in self.raws
            or name in self.servers
            or name in self.addresses
            or name in self.sockets
        ):
            raise Fault("the name %.80r is taken" % (name,))
        return name

    def name_of(self, value):
        """Return the name of an object, None if the session does not know it."""
        for family in self.objects:
            for name, known in family.items():
                if known is value:
                    return name
        return None

    def keep_stream(self, name, reader, writer, transport):
        """Keep a reader and a writer, and what is below them."""
        if writer is not None:
            self.writers[name + ".writer"] = writer
        if reader is not None:
            self.readers[name + ".reader"] = reader
        self.transports[name + ".transport"] = transport
        self.protocols[name + ".protocol"] = transport.get_protocol()

    def raw_of(self, call):
        """Return the name of the raw end that has connected for a call of a callback, None if it cannot be told."""
        ends = self.ends_of(call)
        for name, raw in reversed(list(self.raws.items())):
            if raw.far is None and raw.ends == ends:
                return name
        return None

    def call_of(self, raw, address):
        """Return the name of the call that has opened the far end of a raw end, None if it cannot be told."""
        opened = [name for name in self.openers if name + ".transport" in self.transports]
        if raw.ends[0]:
            opened = [name for name in opened if self.ends_of(name) == raw.ends]
        else:  # Unix sockets that connect have no name
            opened = [name for name in opened if self.openers[name] == address]
        if len(opened) != 1:
            return None
        del self.openers[opened[0]]
        return opened[0]

    def ends_of(self, call):
        """Return what a transport says of the names of its own end and of the other."""
        transport = self.transports[call + ".transport"]
        return tuple([comparable_name(transport.get_extra_info(end)) for end in ("sockname", "peername")])

    # Addresses, servers and names of hosts.

    def own_sockets(self):
        """Return what identifies the sockets that are the driver's."""
        own = [end for address in self.addresses.values() for end in address.own]
        own += [raw.near for raw in self.raws.values() if raw.near is not None]
        own += [passed.end for passed in self.sockets.values() if not passed.taken]
        return {identity(number_of(end)) for end in own if number_of(end) is not None}

    def take_port(self):
        """Return the port of all the session's addresses."""
        if self.port is None:
            self.port, self.reservation = take_port()
        return self.port

    def next_host(self):
        """Return a host of the loopback interface that nobody else uses."""
        n, pid = next(self.hosts), os.getpid()
        if n > MOST_HOSTS:
            raise Fault("a session has at most %d addresses" % MOST_HOSTS)
        return "127.%d.%d.%d" % (1 + (pid >> 8) % 254, pid & 0xFF, n)

    def next_path(self, directory=""):
        """Return a path in a directory of the session's own."""
        if self.directory is None:
            self.directory = tempfile.mkdtemp(prefix="streamspec-")
        return os.path.join(self.directory, directory, "s%d" % next(self.hosts))

    async def hold(self, name):
        """Wait until the call of that name is released."""
        future = self.held[name] = self.loop.create_future()
        try:
            await future
        finally:
            if self.held.get(name) is future:
                del self.held[name]

    def resolve(self, host, port, family, kind, proto, flags):
        """Return the future of the addresses of a host, None if the driver does not answer for it."""
        future, host = self.loop.create_future(), host.decode("latin-1") if isinstance(host, bytes) else host
        if not host or numeric(host):
            # The loop would ask in a thread, and nobody can know when that has come to rest.
            try:
                future.set_result(socket.getaddrinfo(host, port, family, kind, proto, flags))
            except OSError as exc:
                future.set_exception(exc)
            return future
        if host not in self.answers and not host.endswith(".test"):  # such names are nobody's
            return None
        asked = future, port, family, kind, proto
        what = [{"text": FAMILY_NAMES.get(family, str(int(family)))}, {"int": int(proto)}, {"int": int(flags)}]
        self.emit("resolving", on=host, value={"list": what})
        if host in self.answers:
            self.answer(asked, self.answers[host])
        else:
            self.askers.setdefault(host, []).append(asked)
        return future

    def answer(self, asked, answer):
        future, port, family, kind, proto = asked
        if future.done():  # who asked does not wait any more
            return
        if isinstance(answer, str):
            future.set_exception(socket.gaierror(answer))
            return
        infos = []
        for address in answer:
            if family in (socket.AF_UNSPEC, address.family):
                name = (address.name[0], port_number(port)) + (0, 0) * (address.family == socket.AF_INET6)
                infos.append((address.family, kind or socket.SOCK_STREAM, proto or socket.IPPROTO_TCP, "", name))
        future.set_result(infos)

    def forget(self):
        """Drop all objects and calls; return what is to be done when that has settled."""
        if self.waiting:
            self.abandon(list(self.waiting))
        after = done
        if self.wired or self.writers or self.protocols:
            after = self.disconnect(*[list(family.values()) for family in self.connected], all_of_them=True)
        for family in self.everything:
            if family:
                family.clear()
        return after

    def forget_some(self, names):
        """Drop the objects and calls of these names; return what is to be done when that has settled."""
        self.abandon([task for task, name in self.waiting.items() if name in names])
        self.others.difference_update([self.calls[name] for name in names if name in self.calls])
        after = done
        if self.wired or self.writers or self.protocols:
            dropped = [[family[name] for name in names if name in family] for family in self.connected]
            after = self.disconnect(*dropped, all_of_them=False)
        for name in names:
            for family in self.objects + (self.raws, self.calls, self.received, self.addresses, self.sockets, self.openers):
                family.pop(name, None)
            call = name[: -len(".server")] if name.endswith(".server") else name
            if call + ".server" not in self.servers:
                self.served.pop(call, None)
        for key in [key for key in self.told if key[1] in names]:
            del self.told[key]
        return after

    def disconnect(self, transports, raws, servers, addresses, sockets, held, all_of_them):
        """Abort transports, close raw ends and so on; return what is to be done when that has settled."""
        # This comes before anything is dropped, or that might complain of being still open. So might a writer made by
        # hand, whose transport is a mock.
        before = len(self.events)
        for future in held:
            future.cancel()
        for server in servers:
            with contextlib.suppress(*FAILURES):
                server.close()
        for transport in transports:
            abort(transport)
        for raw in raws:
            raw.close()

        def after():
            for raw in raws:
                raw.close_far()
            for address in addresses:
                address.clear()
            for passed in sockets:
                close_unless_closed(passed.end, passed.identity)
            if all_of_them:
                self.leave_addresses()
            gc.collect()  # or else what the garbage has to say might be told in the middle of the next scenario
            if all_of_them:
                del self.events[before:]
                self.used = self.wired
                self.wired, self.loop.moved, self.loop.idle_turns = False, None, type(self.loop).idle_turns
            else:
                self.events[before:] = [event for event in self.events[before:] if event["ev"] not in OUTSIDE]
            return NONE

        return after

    def leave_addresses(self):
        """Give back the port and the directory, and stop whatever still listens: a server that could not be closed."""
        if not self.placed:
            return
        for descriptor, end in sockets_of_this_process():
            if listens(end):
                self.left = True
                with contextlib.suppress(Exception):
                    self.loop.remove_reader(descriptor)  # or the loop would notice, for ever
                    end.shutdown(socket.SHUT_RDWR)
        if self.reservation is not None:
            self.reservation.close()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.placed, self.port, self.reservation, self.directory = False, None, None, None
        self.hosts = itertools.count(1)

    def abandon(self, tasks):
        """Cancel pending calls, and tell nothing of how they end."""
        for task in tasks:
            del self.waiting[task]
            task.add_done_callback(retrieve)
            task.cancel()

    # The three styles of command. What is passed in has been decoded already; here are the phases two and three.

    def make(self, command, family, cls, *arguments, **keywords):
        """Make an object and keep it by its name."""
        name = self.claim(command)
        try:
            made = cls(*arguments, **keywords)
        except FAILURES as exc:
            return {"raised": encode_error(exc)}
        family[name] = made
        return NONE

    def call(self, function, *arguments):
        """Call something that comes back at once."""
        buffers = self.buffers
        if buffers:
            self.buffers = []  # a callback that is called meanwhile may have some of its own
        try:
            result = function(*arguments)
        except FAILURES as exc:
            reply = {"raised": encode_error(exc)}
        else:
            reply = NONE if result is None else {"returned": encode_value(result, self)}
        for buffer in buffers:
            overwrite(buffer)
        return reply

    def start(self, command, method, *arguments):
        """Start something that may wait; progress tells after settling how far it came."""
        name = self.claim(command)
        try:
            awaitable = method(*arguments)
        except FAILURES as exc:
            self.calls[name] = None
            return {"raised": encode_error(exc, is_read(command))}
        if self.buffers:
            for buffer in self.buffers:
                overwrite(buffer)
            self.buffers = []
        task = self.calls[name] = self.loop.create_task(awaitable)
        if not is_read(command):
            self.others.add(task)
        return task

    def run_eagerly(self, command, method):
        """Run a coroutine by hand, and give it up where it gives way."""
        name = self.claim(command)
        self.calls[name] = None
        try:
            coroutine = method()
            if not hasattr(coroutine, "send"):
                coroutine = coroutine.__await__()
            coroutine.send(None)
            coroutine.close()
        except StopIteration as end:
            return {"returned": encode_value(end.value, self)}
        except FAILURES as exc:
            return {"raised": encode_error(exc)}
        return {"pending": name}

    def progress(self, name, task):
        """Return the reply to the command that started a call."""
        if task.done():
            return self.outcome(task)
        self.waiting[task] = name
        if self.wired or len(self.waiting) > 1:
            self.watch()
        return {"pending": name}

    # Pending calls.

    def look(self):
        """Tell of the calls that have come to their end."""
        for task in list(self.waiting):
            if task.done():
                self.finished(task)

    def watch(self):
        """Let calls tell of their end themselves.

        While a single one is pending, it is enough to look after settling, which saves the loop a turn. Of several, and
        among the callbacks of protocols, the events must stand in the order in which the calls finish.
        """
        for task in self.waiting:
            task.remove_done_callback(self.finished)
            task.add_done_callback(self.finished)

    def finished(self, task):
        name = self.waiting.pop(task, None)
        if name is None:  # told already, or forgotten
            return
        try:
            event = self.outcome(task)
        except Exception as exc:  # must not reach the loop, which would lay it at the implementation's door
            self.faults.append(describe_fault("the end of " + name, exc))
            return
        event["ev"], event["on"] = "finished", name
        self.events.append(event)

    # Events.

    def emit(self, event, **details):
        self.events.append(dict(details, ev=event))
        if self.wired and self.loop.selector is None:
            self.loop.at_rest = False  # another loop may bring things one by one, without call_soon

    def unhandled(self, loop, context):
        exc = context.get("exception")
        text = with_error(context.get("message", ""), exc)
        if exc is None:
            self.emit("unhandled", text=text)
        else:
            self.emit("unhandled", text=text, raised=encode_error(exc))

    def spins(self):
        if not self.has_spun():
            self.emit("unsettled")

    def has_spun(self):
        """Return whether something has gone on without an end since the last reply."""
        return any(event["ev"] == "unsettled" for event in reversed(self.events))

    def react(self, on, command):
        """Carry out a command of a protocol's program, and tell of it."""
        self.emit("doing", on=on, command=command)
        try:
            reply = COMMANDS[command["op"]](self, command)
        except Exception as exc:
            reply = self.explain(command, exc)
        if type(reply) is dict and "unsupported" in reply:
            error = {"kind": "not-supported", "native": "AttributeError", "message": reply["unsupported"]}
            reply = {"raised": error}
        if type(reply) is not dict or "fault" in reply:
            what = reply["fault"] if type(reply) is dict else "%s may wait" % command["op"]
            self.faults.append("in a callback of %s: %s" % (on, what))
            return
        event = {"ev": "did", "on": on}
        event.update(reply)
        self.events.append(event)

    def outcome(self, task):
        """Return what became of a finished call."""
        if task.cancelled():
            return {"raised": {"kind": "cancelled", "native": native_name(asyncio.CancelledError)}}
        exc = task.exception()
        if isinstance(exc, Fault):
            raise exc
        if exc is not None:
            return {"raised": encode_error(exc, task not in self.others)}
        result = task.result()
        if type(result) is bytes:
            return {"returned": {"bytes": result.decode("latin-1")}}
        return {"returned": encode_value(result, self)}


def port_number(port):
    return int(port or 0)


def is_read(command):
    return command["op"].startswith("reader.")


def done():
    return NONE


def abort(transport):
    """Abort a transport whose session does not want to know how, or close one that can only be closed."""
    for method in ("abort", "close"):
        try:
            getattr(transport, method)()
            return
        except (AttributeError, NotImplementedError):
            pass
        except FAILURES:
            return


def retrieve(task):
    """Ask for the exception of a call that nobody waits for any more, or the loop would complain that nobody did."""
    if not task.cancelled():
        task.exception()


def describe_fault(what, exc):
    """Return a sentence about a failure of our own, and show where it was."""
    if isinstance(exc, Fault):
        return "%s: %s" % (what, exc)
    if isinstance(exc, UnicodeEncodeError):
        return "%s: a string of bytes holds characters above U+00FF" % what
    traceback.print_exception(type(exc), exc, exc.__traceback__)
    return "%s: %s in the adapter: %s" % (what, type(exc).__name__, exc)


def with_error(text, exc):
    """Return a text with an exception behind it, if there is one."""
    if exc is None:
        return text
    return "%s: %s: %s" % (text, native_name(type(exc)), exc)


# ---------------------------------------------------------------- the commands
#
# One function each. It decodes and looks up, then hands over to the session's make, call or start. What it stumbles
# over until then is made a fault, or unsupported, by Session.explain. To add a family: give the session a Family for
# its objects and write a section here.

COMMANDS = {}


def command(op):
    """Enter a function into the table of commands."""

    def enter(function):
        COMMANDS[op] = function
        return function

    return enter


def attribute(obj, name):
    """Return the attribute of an implementation's object; that it has none says something about the implementation."""
    try:
        return getattr(obj, name)
    except AttributeError:
        raise Unsupported("%s has no %s" % (getattr(obj, "__name__", type(obj).__name__), name)) from None


def numeric(host):
    """Return whether a host is an address and not a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, host.partition("%")[0])
            return True
    return False


def number(value):
    if type(value) is not int:
        raise Fault("a number is needed, not %.80r" % (value,))
    return value


# Readers.


@command("reader.make")
def reader_make(session, command):
    cls = attribute(session.library, "StreamReader")
    if "limit" in command:
        return session.make(command, session.readers, cls, limit=number(command["limit"]))
    return session.make(command, session.readers, cls)


@command("reader.set_transport")
def reader_set_transport(session, command):
    method = session.readers[command["on"]].set_transport
    return session.call(method, session.transports[command["transport"]])


@command("reader.feed_data")
def reader_feed_data(session, command):
    method = session.readers[command["on"]].feed_data
    return session.call(method, decode_data(session, command["data"]))


@command("reader.feed_eof")
def reader_feed_eof(session, command):
    return session.call(session.readers[command["on"]].feed_eof)


@command("reader.set_exception")
def reader_set_exception(session, command):
    method = session.readers[command["on"]].set_exception
    exc = ScriptedError(command["exception"]) if "exception" in command else None
    return session.call(method, exc)


@command("reader.exception")
def reader_exception(session, command):
    return session.call(session.readers[command["on"]].exception)


@command("reader.at_eof")
def reader_at_eof(session, command):
    return session.call(session.readers[command["on"]].at_eof)


@command("reader.read")
def reader_read(session, command):
    method = session.readers[command["on"]].read
    if "n" in command:
        return session.start(command, method, number(command["n"]))
    return session.start(command, method)


@command("reader.readline")
def reader_readline(session, command):
    return session.start(command, session.readers[command["on"]].readline)


@command("reader.readexactly")
def reader_readexactly(session, command):
    method = session.readers[command["on"]].readexactly
    return session.start(command, method, number(command["n"]))


@command("reader.readuntil")
def reader_readuntil(session, command):
    method = session.readers[command["on"]].readuntil
    if "separator" in command:
        return session.start(command, method, decode_data(session, command["separator"]))
    if "separators" in command:
        separators = tuple([decode_data(session, form) for form in command["separators"]])
        return session.start(command, method, separators)
    return session.start(command, method)


@command("reader.iterate")
def reader_iterate(session, command):
    reader = session.readers[command["on"]]
    attribute(reader, "__aiter__")
    most = number(command["n"]) if "n" in command else None
    return session.start(command, iterate, session, command["as"], reader, most)


async def iterate(session, name, reader, most):
    """Iterate over a reader, as a user would, and tell of each item."""
    items = 0
    if items == most:
        return
    async for item in reader:
        try:
            session.emit("item", on=name, value=encode_value(item))
        except Exception as exc:
            raise Fault(describe_fault("an item of " + name, exc)) from None
        items += 1
        if items == most:
            return


# Mock transports.


class MockTransport(asyncio.Transport):
    """Records that it was paused and resumed, and that it was closed; what is written to it is gone."""

    def __init__(self, session, name, can_pause):
        super().__init__()
        self.session, self.name, self.can_pause, self.closing = session, name, can_pause, False

    def pause_reading(self):
        self.emit("pause_reading")
        if not self.can_pause:
            raise NotImplementedError

    def resume_reading(self):
        self.emit("resume_reading")

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    abort = close

    def write(self, data):
        pass

    writelines = write

    def write_eof(self):
        pass

    def can_write_eof(self):
        return True

    def get_write_buffer_size(self):
        return 0

    def emit(self, event):
        if self.session.transports.get(self.name) is self:  # not forgotten
            self.session.emit(event, on=self.name)


@command("mock.make")
def mock_make(session, command):
    name = session.claim(command)
    session.transports[name] = MockTransport(session, name, command.get("can_pause", True))
    return NONE


# Transports of the base classes.


@command("bare.make")
def bare_make(session, command):
    base = attribute(session.library, command["name"])
    cls = base if command.get("plain") else told_of_writes(session, command["as"], base)
    return session.make(command, session.transports, cls, extra={"known": "here"})


def told_of_writes(session, name, base):
    """Return a subclass of a transport whose write tells what it is given."""

    class Told(base):
        def write(self, data):
            session.emit("item", on=name, value=encode_value(data))

    return Told


# Raw ends.


@command("raw.make")
def raw_make(session, command):
    name = session.claim(command)
    raw = Raw.pair(command["kind"], buffer_of(command))
    session.wire()
    session.raws[name] = raw
    return NONE


def buffer_of(command):
    return number(command["buffer"]) if "buffer" in command else None


@command("raw.connect")
def raw_connect(session, command):
    address, name, buffer = address_of(session, command), session.claim(command), buffer_of(command)
    session.wire(True)
    try:
        near = connected(address, buffer)
    except OSError as exc:
        return {"raised": encode_error(exc)}
    session.raws[name] = Raw(address.kind, near, peer=near.getpeername())
    return NONE


@command("raw.accept")
def raw_accept(session, command):
    address, name = address_of(session, command), session.claim(command)
    raw = address.accept()

    def after():  # when who has connected knows of that
        accepted = raw or address.accept()
        if accepted is None:
            return {"raised": encode_error(BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)))}
        session.raws[name] = accepted
        call = session.call_of(accepted, command["address"])
        return NONE if call is None else {"returned": {"object": call}}

    return after


@command("raw.send")
def raw_send(session, command):
    raw, data = session.raws[command["on"]], decode_data(session, command["data"])
    raw.descriptor()
    return session.call(raw.send, data)


@command("raw.recv")
def raw_recv(session, command):
    raw, name = session.raws[command["on"]], session.claim(command)
    future, wanted = session.loop.create_future(), number(command["n"]) if "n" in command else None
    raw.begin_to_receive(future, wanted)
    session.calls[name] = future
    session.others.add(future)
    if command.get("no_settle") and "ms" in command:
        raw.receive_within(number(command["ms"]) / 1000)
    else:
        raw.receive()
    return future


@command("raw.shutdown")
def raw_shutdown(session, command):
    return session.call(session.raws[command["on"]].socket().shutdown, socket.SHUT_WR)


@command("raw.close")
def raw_close(session, command):
    session.raws[command["on"]].close()
    return NONE


@command("raw.reset")
def raw_reset(session, command):
    session.raws[command["on"]].reset()
    return NONE


@command("raw.sockname")
def raw_sockname(session, command):
    return session.call(session.raws[command["on"]].socket().getsockname)


@command("raw.peername")
def raw_peername(session, command):
    return session.call(session.raws[command["on"]].socket().getpeername)


@command("raw.far_open")
def raw_far_open(session, command):
    return session.call(session.raws[command["on"]].far_open)


# Addresses and sockets.


def address_of(session, command):
    """Return the address that a command is about, which has to be of its kind."""
    address = session.addresses[command["address"]]
    if address.kind != command["kind"]:
        raise Fault("the address %s is not of the kind %.80r" % (command["address"], command["kind"]))
    return address


@command("address.make")
def address_make(session, command):
    need_posix()
    name, kind, state = session.claim(command), command["kind"], command.get("state", "free")
    if kind == "unix":
        where = session.next_path("missing" if state == "no-directory" else "")
    elif kind == "tcp":
        host = command["host"] if "host" in command else session.next_host()
        if ":" in host and not has_ipv6():
            raise Unsupported("this machine has no IPv6")
        where = host, number(command["port"]) if "port" in command else session.take_port()
    else:
        raise Fault("there is no address of the kind %.80r" % (kind,))
    session.wire(True)
    address = session.addresses[name] = Address(kind, where)
    address.put(state)
    return NONE


@command("address.put")
def address_put(session, command):
    session.addresses[command["on"]].put(command["state"])
    return NONE


@command("address.state")
def address_state(session, command):
    return {"returned": {"text": session.addresses[command["on"]].state()}}


@command("address.ask")
def address_ask(session, command):
    address, question, found = session.addresses[command["on"]], command["name"], {}
    if question not in QUESTIONS:
        raise Fault("nothing is known of %.80r" % (question,))
    if question == "backlog" and sys.platform != "linux":
        raise Unsupported("nobody but Linux tells a backlog")
    ours = session.own_sockets()
    for descriptor, end in sockets_of_this_process():
        if plain_name(end.getsockname()) == address.name and identity(descriptor) not in ours:
            found[listens(end)] = QUESTIONS[question](end)
    return {"returned": encode_value(found.get(True, None if question == "backlog" else found.get(False)))}


@command("socket.make")
def socket_make(session, command):
    name, kind = session.claim(command), command["kind"]
    need_posix()
    if "raw" in command:
        raw = session.raws[command["raw"]]
        if raw.kind != kind:
            raise Fault("the raw end %s is not of the kind %.80r" % (command["raw"], kind))
        end = raw.take_far()
    else:
        address = address_of(session, command) if "address" in command else None
        family = address.family if address else {"tcp": socket.AF_INET, "unix": socket.AF_UNIX}[kind]
        end = socket.socket(family, socket.SOCK_DGRAM if command.get("datagram") else socket.SOCK_STREAM)
        try:
            if address:
                end.bind(address.name)
        except OSError as exc:
            end.close()
            raise Fault("no socket can be bound to %s: %s" % (address.name, exc)) from None
    session.wire(True)
    session.sockets[name] = Passed(end)
    return NONE


@command("socket.is_open")
def socket_is_open(session, command):
    return TRUE if has_descriptor(session.sockets[command["on"]].identity) else FALSE


# Protocols.


@command("protocol.make")
def protocol_make(session, command):
    name = session.claim(command)
    if command.get("plain"):
        session.protocols[name] = asyncio.Protocol()
    else:
        session.protocols[name] = Programmed(session, name, command.get("program", []))
    return NONE


@command("reader_protocol.make")
def reader_protocol_make(session, command):
    cls, name = attribute(session.library, "StreamReaderProtocol"), command["as"]
    reader = session.readers[command["reader"]]

    def connected(reader, writer):
        if name in session.protocols:
            session.readers[name + ".reader"], session.writers[name + ".writer"] = reader, writer
            session.emit("client_connected", on=name)

    async def connected_later(reader, writer):
        connected(reader, writer)

    if "callback" not in command:
        return session.make(command, session.protocols, cls, reader)
    callback = callback_of_form(session.loop, command["callback"], connected, connected_later)
    return session.make(command, session.protocols, cls, reader, callback)


@command("protocol.connection_made")
def protocol_connection_made(session, command):
    method = session.protocols[command["on"]].connection_made
    return session.call(method, session.transports[command["transport"]])


@command("protocol.data_received")
def protocol_data_received(session, command):
    method = session.protocols[command["on"]].data_received
    return session.call(method, decode_data(session, command["data"]))


@command("protocol.connection_lost")
def protocol_connection_lost(session, command):
    method = session.protocols[command["on"]].connection_lost
    exc = ScriptedError(command["exception"]) if "exception" in command else None
    return session.call(method, exc)


# Connections.


@command("connection.open")
def connection_open(session, command):
    raw, protocol = session.raws[command["raw"]], session.protocols[command["protocol"]]
    name, text = session.claim(command), command.get("exception")

    def factory():
        if text is not None:
            raise ScriptedError(text)
        if isinstance(protocol, Programmed):
            protocol.opening.append(name)
        return protocol

    async def opening():
        session.transports[name + ".transport"] = await connect(session.loop, raw.kind, far, factory)

    far = raw.take_far()
    return session.start(command, opening)


async def connect(loop, kind, far, factory):
    """Have the implementation make a transport of a far end."""
    if kind == "tcp":
        connecting = loop.create_connection(factory, sock=far)
    elif kind == "unix":
        connecting = loop.create_unix_connection(factory, None, sock=far)  # 3.6 wants a path
    elif kind.startswith("read-"):
        connecting = loop.connect_read_pipe(factory, far)
    else:
        connecting = loop.connect_write_pipe(factory, far)
    transport, _ = await connecting
    return transport


@command("stream.open")
def stream_open(session, command):
    if "raw" not in command:
        return stream_connect(session, command)
    raw, name, library = session.raws[command["raw"]], session.claim(command), session.library
    positional, keywords = arguments(session, command, raw.kind)

    async def opening():
        reader = writer = None
        if raw.kind == "tcp":
            reader, writer = await library.open_connection(*positional, sock=far, **keywords)
        elif raw.kind == "unix":
            reader, writer = await library.open_unix_connection(*positional, sock=far, **keywords)
        else:
            reader = library.StreamReader(**keywords)
            protocol = library.StreamReaderProtocol(reader)
            transport = await connect(session.loop, raw.kind, far, lambda: protocol)
            if not raw.kind.startswith("read-"):
                protocol.unused_reader = reader  # to which the protocol may have but a weak reference
                reader, writer = None, library.StreamWriter(transport, protocol, None, session.loop)
        session.keep_stream(name, reader, writer, transport if writer is None else writer.transport)

    far = raw.take_far()
    return session.start(command, opening)


def stream_connect(session, command):
    name, kind = session.claim(command), command["kind"]
    function = function_of_kind(session, kind, "open_connection", "open_unix_connection")
    where = [address_of(session, command)] if "address" in command else None
    positional, keywords = arguments(session, command, kind, where)
    session.openers[name] = command.get("address")

    async def opening():
        reader, writer = await function(*positional, **keywords)
        session.keep_stream(name, reader, writer, writer.transport)

    session.wire(True)
    return session.start(command, opening)


@command("stream.serve")
def stream_serve(session, command):
    name = session.claim(command)
    function = function_of_kind(session, command["kind"], "start_server", "start_unix_server")
    where = command.get("addresses")
    if where is not None:
        where = [address_of(session, dict(command, address=address)) for address in where]
    positional, keywords = arguments(session, command, command["kind"], where)
    served = Served(session, name, command.get("program", []))
    callback = callback_of_form(session.loop, command["callback"], served.call, served.run)

    async def serving():
        server = await function(callback, *positional, **keywords)
        if session.served.get(name) is served:
            session.servers[name + ".server"] = server
        else:  # forgotten meanwhile
            server.close()

    session.wire(True)
    session.served[name] = served
    return session.start(command, serving)


def function_of_kind(session, kind, *names):
    """Return the function of the implementation for connections of a kind."""
    kinds = ("tcp", "unix")
    if kind not in kinds:
        raise Fault("streams over %.80r have no addresses" % (kind,))
    return attribute(session.library, names[kinds.index(kind)])


FAMILIES = {"unspecified": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
FAMILY_NAMES = {family: name for name, family in FAMILIES.items()}


def arguments(session, command, kind, where=None):
    """Return the arguments, by position and by name, of connecting and serving, some of them at addresses."""
    keywords = {name: number(command[name]) for name in ("proto", "flags", "interleave", "limit", "backlog") if name in command}
    keywords.update({name: command[name] for name in ("reuse_address", "reuse_port", "start_serving") if name in command})
    if "family" in command:
        keywords["family"] = FAMILIES[command["family"]]
    if "delay" in command:
        keywords["happy_eyeballs_delay"] = number(command["delay"]) / 1000
    if "local" in command:
        keywords["local_addr"] = session.addresses[command["local"]].name
    if "socket" in command:
        passed = session.sockets[command["socket"]]
        passed.taken, keywords["sock"] = True, passed.end
    if kind == "unix":
        if "host" in command or "port" in command or where is not None and len(where) != 1:
            raise Fault("of a Unix socket there is one path, and no host and no port")
        positional = [address.name for address in where or ()]
        if command.get("path_like"):
            positional = [pathlib.Path(path) for path in positional]
    else:
        positional = hosts_and_port(session, command, where, keywords)
    for further in command.get("keywords", ()):
        value = session.loop if further["value"] == {"object": "loop"} else decode_value(further["value"])
        if further["name"]:
            keywords[further["name"]] = value
        else:
            positional.append(value)
    return positional, keywords


def hosts_and_port(session, command, where, keywords):
    """Return the host or the hosts and the port, as far as they are given."""
    if "host" not in command and where is None:
        if "port" in command:
            keywords["port"] = number(command["port"])
        return []
    if "host" in command:
        hosts = command["host"]
    else:
        hosts = [address.name[0] for address in where]
        hosts = hosts[0] if len(hosts) == 1 else hosts
    if "port" in command:
        return [hosts, number(command["port"])]
    return [hosts, where[0].name[1] if where else session.take_port()]


# Servers.

for method in ("start_serving", "serve_forever", "wait_closed"):

    def start_of_server(session, command, method=method):
        return session.start(command, getattr(session.servers[command["on"]], method))

    COMMANDS["server." + method] = start_of_server


@command("server.sockets")
def server_sockets(session, command):
    server = session.servers[command["on"]]
    attribute(server, "sockets")

    def names_of_sockets():
        sockets = server.sockets
        return None if sockets is None else [plain_name(end.getsockname()) for end in sockets]

    return session.call(names_of_sockets)


@command("server.context")
def server_context(session, command):
    server, name = session.servers[command["on"]], session.claim(command)
    attribute(type(server), "__aenter__")

    async def inside():
        async with server:
            if command.get("serve"):
                await server.serve_forever()
            else:
                await session.hold(name)

    return session.start(command, inside)


# Transports and writers, and of protocols the callbacks without an argument.

CONTAINERS = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "single": lambda chunks: chunks[0],
    "number": len,
}


def simple_call(family, method):
    """Return the command that calls a method without arguments."""

    def carry_out(session, command):
        return session.call(getattr(getattr(session, family)[command["on"]], method))

    return carry_out


for family, prefix, methods in (
    ("protocols", "protocol.", "eof_received pause_writing resume_writing"),
    ("writers", "writer.", "close is_closing write_eof can_write_eof"),
    ("transports", "transport.", "close is_closing write_eof can_write_eof abort pause_reading resume_reading"),
    ("transports", "transport.", "is_reading get_write_buffer_size get_write_buffer_limits get_protocol"),
    ("servers", "server.", "close is_serving close_clients abort_clients"),
):
    for method in methods.split():
        COMMANDS[prefix + method] = simple_call(family, method)


def of_either(session, command):
    """Return the transport or the writer that a command is about."""
    family = session.writers if command["op"].startswith("writer.") else session.transports
    return family[command["on"]]


@command("transport.write")
@command("writer.write")
def write(session, command):
    method = of_either(session, command).write
    return session.call(method, decode_data(session, command["data"]))


@command("transport.writelines")
@command("writer.writelines")
def writelines(session, command):
    method, container = of_either(session, command).writelines, command.get("container", "list")
    if container not in CONTAINERS:
        raise Fault("there is no container %.80r" % (container,))
    chunks = [decode_data(session, form) for form in command["chunks"]]
    return session.call(method, CONTAINERS[container](chunks))


@command("transport.get_extra_info")
@command("writer.get_extra_info")
def get_extra_info(session, command):
    method = of_either(session, command).get_extra_info
    if "default" in command:
        return session.call(method, command["name"], command["default"])
    return session.call(method, command["name"])


@command("transport.set_write_buffer_limits")
def transport_set_write_buffer_limits(session, command):
    method = session.transports[command["on"]].set_write_buffer_limits
    marks = {mark: number(command[mark]) for mark in ("high", "low") if mark in command}
    return session.call(functools.partial(method, **marks))


@command("transport.set_protocol")
def transport_set_protocol(session, command):
    method = session.transports[command["on"]].set_protocol
    return session.call(method, session.protocols[command["protocol"]])


@command("writer.make")
def writer_make(session, command):
    cls = attribute(session.library, "StreamWriter")
    reader = session.readers[command["reader"]] if "reader" in command else None
    transport, protocol = session.transports[command["transport"]], session.protocols[command["protocol"]]
    return session.make(command, session.writers, cls, transport, protocol, reader, session.loop)


@command("writer.transport")
def writer_transport(session, command):
    writer = session.writers[command["on"]]
    attribute(type(writer), "transport")
    return session.call(getattr, writer, "transport")


@command("writer.drain")
def writer_drain(session, command):
    method = session.writers[command["on"]].drain
    return session.run_eagerly(command, method) if command.get("eager") else session.start(command, method)


@command("writer.wait_closed")
def writer_wait_closed(session, command):
    return session.start(command, session.writers[command["on"]].wait_closed)


@command("object.has")
def object_has(session, command):
    for family in session.objects:
        if command["on"] in family:
            return TRUE if hasattr(family[command["on"]], command["name"]) else FALSE
    raise Fault("there is no object named %.80r" % (command["on"],))


@command("object.is")
def object_is(session, command):
    cls = getattr(asyncio, command["name"], None)
    if not isinstance(cls, type):
        raise Fault("asyncio has no class %.80r" % (command["name"],))
    for family in session.objects:
        if command["on"] in family:
            return TRUE if isinstance(family[command["on"]], cls) else FALSE
    raise Fault("there is no object named %.80r" % (command["on"],))


# Control.


@command("cancel")
def cancel(session, command):
    task = session.calls[command["on"]]
    if not is_over(task):
        task.cancel()
    return NONE


@command("settle")
def settle(session, command):
    return NONE  # which is done before every reply


@command("turn")
def turn(session, command):
    n = number(command["n"])
    if n < 1:
        raise Fault("%d turns cannot be run" % n)
    return session.go_round(n)


@command("release")
def release(session, command):
    future = session.held[command["on"]]
    if future.done():
        raise Fault("%s is released already" % command["on"])
    if "exception" in command:
        future.set_exception(ScriptedError(command["exception"]))
    else:
        future.set_result(None)
    return NONE


@command("resolver.answer")
def resolver_answer(session, command):
    if session.loop.resolve is None:
        raise Unsupported("the loop does not look names up by its getaddrinfo")
    answer = command.get("exception")
    if answer is None:
        answer = [session.addresses[name] for name in command.get("addresses", ())]
        if any(address.kind != "tcp" for address in answer):
            raise Fault("hosts have addresses of TCP")
    session.wire(True)
    session.answers[command["name"]] = answer
    for asked in session.askers.pop(command["name"], ()):
        session.answer(asked, answer)
    return NONE


@command("clock.freeze")
def clock_freeze(session, command):
    need_stoppable_clock(session).freeze()
    return NONE


@command("clock.advance")
def clock_advance(session, command):
    loop, seconds = need_stoppable_clock(session), number(command["ms"]) / 1000
    if loop.now is None:
        raise Fault("time has not been stopped")
    if command.get("no_settle"):
        loop.now += seconds
        loop.ring()
        return NONE
    return session.advance(seconds)


def need_stoppable_clock(session):
    if not hasattr(session.loop, "freeze"):
        raise Unsupported("the clock of the loop cannot be stopped")
    return session.loop


def is_over(task):
    return task is None or task.done()


@command("run")
def run(session, command):
    until, seconds = command["until"], number(command["ms"]) / 1000
    if "event" not in until:
        name = until["done"]
        if name not in session.calls and name.partition("#")[0] in session.served:  # a call that has not come yet
            return session.wait(lambda: name in session.calls and is_over(session.calls[name]), seconds)
        task = session.calls[name]
        return session.wait(lambda: is_over(task), seconds)
    event, on = until["event"], until.get("on")
    if "bytes" in until:
        wanted = number(until["bytes"])
        received = session.received
        return session.wait(lambda: (sum(received.values()) if on is None else received[on]) >= wanted, seconds)
    count = number(until.get("count", 1))
    return session.wait(lambda: session.happened(event, on) >= count, seconds)


@command("forget")
def forget(session, command):
    return session.forget_some(names(command)) if "names" in command else session.forget()


@command("collect")
def collect(session, command):
    for name in names(command):
        if session.readers.pop(name, None) is None and session.writers.pop(name, None) is None:
            raise Fault("there is no reader or writer named %.80r" % (name,))
    gc.collect()
    return NONE


def names(command):
    if not isinstance(command["names"], list):
        raise Fault("names is a list, not %.80r" % (command["names"],))
    return command["names"]


# ---------------------------------------------------------------- what goes on outside of calls


class Outside:
    """Turns warnings, log records and errors that could not be raised into events of the session."""

    session = None  # there is one at a time, as there is one of each hook

    @classmethod
    def install(cls):
        warnings.simplefilter("always")
        warnings.showwarning = cls.showwarning
        logger = logging.getLogger("asyncio")
        logger.addHandler(LogHandler(logging.WARNING))
        logger.propagate = False
        if hasattr(sys, "unraisablehook"):  # 3.8 and later
            sys.unraisablehook = cls.unraisablehook

    @classmethod
    def emit(cls, event, text):
        if cls.session is not None:
            cls.session.emit(event, text=text)
        else:
            print("between sessions: %s: %s" % (event, text), file=sys.stderr)

    @classmethod
    def showwarning(cls, message, category, filename, lineno, file=None, line=None):
        cls.emit("warning", "%s: %s" % (category.__name__, message))

    @classmethod
    def unraisablehook(cls, args):
        text = "%s %s" % (args.err_msg or "Exception ignored in", type(args.object).__name__)
        if args.exc_value is None:
            cls.emit("unraisable", "%s: %s" % (text, args.exc_type.__name__))
        else:
            cls.emit("unraisable", with_error(text, args.exc_value))


class LogHandler(logging.Handler):
    def emit(self, record):
        Outside.emit("log", with_error(record.getMessage(), record.exc_info[1] if record.exc_info else None))


# ---------------------------------------------------------------- the wire protocol
#
# JSON-RPC 2.0, one message a line.

MAX_LINE = 64 << 20  # bytes
PARSE_ERROR, INVALID_REQUEST, NO_SUCH_METHOD, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603

encode_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class RequestError(Exception):
    """A request that is refused as a whole."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Server:
    """Answers requests."""

    def __init__(self, testee=None, library=asyncio):
        self.testee = testee or Testee(stock_loop_class())
        self.library = library
        self.session = self.session_id = None  # the one that is open
        self.over = False

    def answer(self, line):
        """Return the response, a line, to a request, a line."""
        response = {"jsonrpc": "2.0", "id": None}
        try:
            response["result"] = self.carry_out(line, response)
        except RequestError as exc:
            response["error"] = {"code": exc.code, "message": str(exc)}
        except Exception as exc:
            traceback.print_exc()
            response["error"] = {"code": INTERNAL_ERROR, "message": "%s: %s" % (type(exc).__name__, exc)}
        encoded = encode_json(response).encode("ascii")
        if len(encoded) >= MAX_LINE:
            del response["result"]
            response["error"] = {"code": INTERNAL_ERROR, "message": "the response has %d bytes" % len(encoded)}
            encoded = encode_json(response).encode("ascii")
        return encoded + b"\n"

    def carry_out(self, line, response):
        if len(line) > MAX_LINE:
            raise RequestError(INVALID_REQUEST, "the line is longer than %d bytes" % MAX_LINE)
        try:
            request = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as exc:
            raise RequestError(PARSE_ERROR, "not JSON: %s" % exc) from None
        if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or type(request.get("id")) is not int:
            raise RequestError(INVALID_REQUEST, "a request is an object with jsonrpc 2.0 and a number as its id")
        response["id"] = request["id"]
        method = request.get("method")
        if not isinstance(method, str) or method not in METHODS:
            raise RequestError(NO_SUCH_METHOD, "there is no method %.80r" % (method,))
        params = request.get("params", {})
        if not isinstance(params, dict):
            raise RequestError(INVALID_PARAMS, "params is an object")
        return METHODS[method](self, params)

    def initialize(self, params):
        param(params, "protocol", int)
        return describe(self.testee)

    def session_run(self, params):
        session_id, commands = param(params, "session", int), param(params, "commands", list)
        if set(map(type, commands)) - {dict}:
            raise RequestError(INVALID_PARAMS, "a command is an object")
        if self.session is None:
            self.session, self.session_id = Session(self.testee, self.library), session_id
        elif self.session_id != session_id:
            raise RequestError(INVALID_PARAMS, "session %d is still open" % self.session_id)
        return {"replies": self.session.run(commands)}

    def session_close(self, params):
        session_id = param(params, "session", int)
        if self.session is None:  # a session in which nothing was ever run
            return {"events": []}
        if self.session_id != session_id:
            raise RequestError(INVALID_PARAMS, "session %d is still open" % self.session_id)
        session, self.session = self.session, None
        return {"events": session.close()}

    def shutdown(self, params):
        self.over = True
        return {}


METHODS = {
    "initialize": Server.initialize,
    "session.run": Server.session_run,
    "session.close": Server.session_close,
    "shutdown": Server.shutdown,
}


def param(params, name, cls):
    value = params.get(name)
    if type(value) is not cls:
        raise RequestError(INVALID_PARAMS, "%s is missing or is not of type %s" % (name, cls.__name__))
    return value


def version_of(module):
    """Return the version of a module: what it says itself, or what was installed under its name."""
    version = getattr(module, "__version__", None)
    if not version and sys.version_info >= (3, 8):
        import importlib.metadata

        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(module.__name__)
    return str(version or "unknown")


def describe(testee):
    """Return what this adapter says of itself."""
    capabilities = ["reader", "reader.transport", "turns", "typed-buffers", "python-surface"]
    if own(testee.base):
        capabilities.append("virtual-time")
    if sys.version_info >= (3, 13):
        capabilities.append("reader.tuple-separators")
    best_effort = []
    if fcntl is not None:
        kinds = [kind for kind in ("transport.tcp", "transport.unix", "transport.pipe") if kind not in testee.lacking]
        capabilities += ["writer", "reader-protocol", "transport", "connect", "server"] + kinds
        if testee.resolves:
            capabilities.append("resolver")
        best_effort = kinds[:1]
    names = [name for name in ("SelectorEventLoop", "ProactorEventLoop") if getattr(asyncio, name, None) is testee.base]
    loop = names[0] if names else native_name(testee.base)
    name, version = platform.python_implementation() + " asyncio", platform.python_version()
    if testee.module is not None:
        loop = "%s on %s %s" % (loop, platform.python_implementation(), version)
        name, version = testee.module.__name__, version_of(testee.module)
    system = os.uname().sysname if hasattr(os, "uname") else "Windows"
    return {
        "protocol": PROTOCOL,
        "name": name,
        "version": version,
        "language": "python",
        "target": "%d.%d" % sys.version_info[:2],
        "settling": "exact",
        "capabilities": capabilities,
        "best_effort": best_effort,
        "detail": "%s, %s, %s" % (loop, system, sys.executable),
    }


def serve(server, requests, replies):
    """Answer requests until there are no more."""
    while not server.over:
        line = requests.readline(MAX_LINE + 1)
        if not line:
            break
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = requests.readline(MAX_LINE + 1)  # of a line that is refused
        replies.write(server.answer(line))
        replies.flush()
    if server.session is not None:
        server.session.close()


def take_standard_streams():
    """Keep standard input and output to ourselves: others read nothing, and print to standard error."""
    requests = os.fdopen(os.dup(0), "rb", 1 << 16)
    replies = os.fdopen(os.dup(1), "wb", 1 << 16)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, replies


# ---------------------------------------------------------------- replay


def replay(path, testee):
    """Run a transcript again; return the exit status."""
    try:
        with open(path, encoding="utf-8") as file:
            transcript = json.load(file)
        if transcript["schema"] != TRANSCRIPT_SCHEMA:
            raise Fault("schema %r is not %d, which this adapter reads" % (transcript["schema"], TRANSCRIPT_SCHEMA))
        steps = [(dict(step["command"]), step.get("reply")) for step in transcript["steps"]]
        for _, recorded in steps:
            comparable(recorded, True)  # can be decoded
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Fault) as exc:
        print("%s is not a transcript: %s: %s" % (path, type(exc).__name__, exc), file=sys.stderr)
        return 2
    with_texts = from_this_implementation(transcript, describe(testee))
    session = Session(testee)
    different = 0
    for count, (command, recorded) in enumerate(steps, 1):
        print("%d. %s" % (count, shown(command)))
        different += not compare(session.run([command])[0], recorded, with_texts)
    print("%d. the end of the session" % (len(steps) + 1))
    closing = session.close()
    if steps and steps[-1][1] is not None:  # else the recording broke off before the end
        different += not compare({"events": closing}, {"events": transcript.get("closing") or []}, with_texts)
    print("%d of %d differ from the recording" % (different, len(steps) + 1) if different else "all as recorded")
    return 1 if different else 0


def compare(now, recorded, with_texts):
    """Print what came back now, and what had come back then if that was something else."""
    same = recorded is not None and comparable(now, with_texts) == comparable(recorded, with_texts)
    print("   came back: %s" % shown(now))
    print("   recorded:  %s" % ("the same" if same else shown(recorded) if recorded is not None else "no reply"))
    return same


def from_this_implementation(transcript, description):
    """Return whether names of types and texts can be compared with those of the recording."""
    recorded = transcript.get("implementation") or {}
    return all(recorded.get(key) == description[key] for key in ("name", "target"))


def comparable(value, with_texts):
    """Return a reply, or a part of one, without what differs from one run to the next, and bytes in one form."""
    if isinstance(value, list):
        return [comparable(item, with_texts) for item in value]
    if not isinstance(value, dict):
        return value
    ignored = {"turn", "turns"}
    if not with_texts:
        ignored |= {"native", "message"}
        if "ev" in value:
            ignored.add("text")
    result = {}
    for key, item in value.items():
        if key in ("bytes", "partial"):
            result[key] = decode_bytes(item)
        elif key not in ignored and not (key == "events" and not item):
            result[key] = comparable(item, with_texts)
    return result


def shown(value, most=400):
    text = json.dumps(value, default=repr)
    return text if len(text) <= most else "%s... (%d characters)" % (text[:most], len(text))


# ---------------------------------------------------------------- self-check
#
# The checks ask a Server, line by line, as the driver would. In the first half the classes under test are stand-ins
# that keep what reaches them and behave as told; in the second half they are asyncio's own.


class StandIn:
    """Takes the place of asyncio's StreamReader."""

    def __init__(self, **arguments):
        self.arguments = arguments
        Library.readers.append(self)

    def feed_data(self, data):
        # A mutable buffer changes later, so its contents are kept beside it.
        self.fed = data, data[:] if isinstance(data, bytearray) else data
        asyncio.get_event_loop().call_soon(self.look)

    def look(self):
        self.seen_by_the_loop = bytes(self.fed[0]) if isinstance(self.fed[0], bytearray) else None

    def feed_eof(self):
        Library.behaviour()

    def at_eof(self):
        return Library.behaviour()

    async def read(self, *arguments):
        self.arguments = arguments
        return await Library.behaviour()

    async def readuntil(self, *arguments):
        self.arguments = arguments
        return Library.behaviour()

    def readline(self):
        return Library.behaviour()


class WireStandIn:
    """Takes the place of a writer, a protocol or a transport: each of its methods keeps its arguments."""

    def __init__(self, *arguments):
        self.reached = None
        Library.made = self, arguments

    def keep(self, name, *arguments, **keywords):
        # A mutable buffer changes later, and a generator can be gone through once.
        copies = [copied(argument) for argument in arguments]
        self.reached = name, copies, keywords
        self.last = arguments[-1] if arguments else None
        asyncio.get_event_loop().call_soon(self.look)
        return Library.behaviour()

    def look(self):
        self.seen_by_the_loop = bytes(self.last) if isinstance(self.last, bytearray) else None

    def __getattr__(self, name):
        if name.startswith("_") or name == "missing":
            raise AttributeError(name)
        return functools.partial(self.keep, name)


def copied(argument):
    if isinstance(argument, bytearray):
        return argument[:]
    if type(argument) in (list, tuple):
        return type(argument)([copied(item) for item in argument])
    return Went([copied(item) for item in argument]) if hasattr(argument, "__next__") else argument


class Went(list):
    """What came out of something that is gone through once."""


def kept(name):
    """Return a function that connects or serves, and keeps its arguments."""

    async def function(*arguments, **keywords):
        Library.called = name, arguments, keywords
        server, writer = WireStandIn(), WireStandIn()
        writer.transport = WireStandIn()
        return server if name.startswith("start") else (WireStandIn(), writer)

    return staticmethod(function)


class Library:
    """Takes the place of the module asyncio."""

    StreamReader = StandIn
    StreamReaderProtocol = StreamWriter = WireStandIn
    open_connection, open_unix_connection = kept("open_connection"), kept("open_unix_connection")
    start_server, start_unix_server = kept("start_server"), kept("start_unix_server")
    made = None  # the last wire stand-in, and what it was made with
    called = None  # the name of the last of these functions that was called, and its arguments
    readers = []
    behaviour = None  # what a method of the stand-in calls


class Conversation:
    """A driver for the checks."""

    def __init__(self, testee, library):
        self.testee, self.server, self.seen = testee, Server(testee, library), []
        if library is not asyncio:
            self.run({"op": "reader.make", "as": "r"})
            self.reader = library.readers.pop()

    def ask(self, method, **params):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode("utf-8")
        return json.loads(self.server.answer(line).decode("utf-8"))

    def run(self, *commands):
        """Return the replies, or the one reply."""
        replies = self.ask("session.run", session=1, commands=commands)["result"]["replies"]
        self.seen += [event for reply in replies for event in reply.get("events", [])]
        return replies if len(commands) > 1 else replies[0]

    def close(self):
        return self.ask("session.close", session=1)["result"]["events"]

    @property
    def session(self):
        return self.server.session

    def connect(self, kind="unix", *program, **more):
        """Make a raw end w and a transport c.transport with a protocol p; return the reply to opening."""
        return self.run(
            dict(more, op="raw.make", kind=kind, buffer=8192, **{"as": "w"}),
            {"op": "protocol.make", "as": "p", "program": list(program)},
            {"op": "connection.open", "as": "c", "raw": "w", "protocol": "p"},
        )[2]

    def on(self, on, op, **arguments):
        """Return the reply to a command about an object."""
        return self.run(dict(arguments, op=op, on=on))

    def wait(self, **until):
        """Wait until a condition holds; return the events of that."""
        reply = self.run({"op": "run", "until": until, "ms": 60000})
        same(reply["returned"], {"bool": True})
        return reply.get("events", [])

    def event(self, ev, on):
        """Wait for an event; return it."""
        while True:
            for event in self.seen:
                if (event["ev"], event.get("on")) == (ev, on):
                    return event
            self.wait(event=ev, on=on)

    def outcome(self, name, op, **arguments):
        """Start something and wait for its end; return how it ends."""
        reply = self.run(dict(arguments, op=op, **{"as": name}))
        if "pending" in reply:
            self.seen = [event for event in self.seen if event.get("on") != name]
            self.wait(done=name)
            reply = self.event("finished", name)
        return {key: reply[key] for key in ("returned", "raised", "unsupported", "fault") if key in reply}

    def address(self, name, kind, state="free", **more):
        same(self.run(dict(more, op="address.make", kind=kind, state=state, **{"as": name})), NONE)
        return self.session.addresses[name]

    def serve(self, kind, form, *program, **more):
        """Make a server srv at an address a."""
        self.address("a", kind)
        more = dict(more, kind=kind, callback=form, addresses=["a"], program=[dict(r, **{"in": "client_connected"}) for r in program])
        same(self.outcome("srv", "stream.serve", **more), NONE)
        self.seen = []

    def client(self, name, kind):
        return self.run({"op": "raw.connect", "as": name, "kind": kind, "address": "a"})

    def has(self, capability):
        return capability in describe(self.testee)["capabilities"]

    def feed(self, form):
        self.reader.fed = None
        reply = self.run({"op": "reader.feed_data", "on": "r", "data": form})
        return reply, self.reader.fed

    def behave(self, behaviour, op="reader.at_eof", **arguments):
        """Return the reply to a command that makes the stand-in do something."""
        Library.behaviour = staticmethod(behaviour)
        return self.run(dict(arguments, op=op, on="r"))


def raising(exc):
    def behaviour():
        raise exc

    return behaviour


class Unencodable(list):
    """A result that cannot be encoded, which is not the failure of the call that returned it."""

    def __iter__(self):
        raise ValueError("a list that cannot be iterated over, made for this check")


def native(value):
    """Return all that tells one piece of data from another."""
    if isinstance(value, memoryview):
        return memoryview, value.format, value.readonly, type(value.obj), value.tobytes()
    if isinstance(value, (tuple, list)):
        return type(value), [native(item) for item in value]
    return type(value), value


EVERY_BYTE = "".join(map(chr, range(256)))

# What is sent, and what must reach the implementation.
DATA = (
    ("bytes", "ab\n", b"ab\n"),
    ("every byte", EVERY_BYTE, bytes(range(256))),
    ("no bytes", "", b""),
    ("a repeat form", {"repeat": "ab", "times": 3}, b"ababab"),
    ("a list of parts", ["x", {"repeat": ["y", "z"], "times": 2}, "\xff"], b"xyzyz\xff"),
    ("the form bytes", {"form": "bytes", "bytes": "a\x80"}, b"a\x80"),
    ("a bytearray", {"form": "bytearray", "bytes": EVERY_BYTE}, bytearray(range(256))),
    ("a view", {"form": "view", "bytes": "ab"}, memoryview(b"ab")),
    ("a wide view", {"form": "wide", "bytes": "abcdefgh"}, memoryview(b"abcdefgh").cast("I")),
    ("a repeated view", {"form": "view", "bytes": {"repeat": "ab", "times": 999}}, memoryview(b"ab" * 999)),
    ("an empty wide view", {"form": "wide", "bytes": ""}, memoryview(array.array("I"))),
    ("a mutated buffer", {"form": "mutated", "bytes": "ab"}, bytearray(b"ab")),
    ("text", {"form": "text", "bytes": "ab\xe9"}, "ab\xe9"),
    ("none", {"form": "none", "bytes": ""}, None),
    ("a number", {"form": "int", "bytes": "12"}, 12),
    ("a list", {"form": "list", "bytes": "ab"}, [b"ab"]),
)

BAD_DATA = (
    "\u0100",
    {"form": "wide", "bytes": "abc"},
    {"form": "no such form", "bytes": ""},
    {"form": "view"},
    {"repeat": "a", "times": -1},
    {"repeat": "a", "times": 1 << 40},
    5,
    None,
)

RESULTS = (
    (None, {}),
    (b"\x00\xff", {"bytes": "\x00\xff"}),
    (b"ab" * 1000, {"bytes": "ab" * 1000}),
    (bytearray(b"a"), {"bytes": "a", "type": "bytearray"}),
    (memoryview(b"a"), {"bytes": "a", "type": "memoryview"}),
    (True, {"bool": True}),
    (7, {"int": 7}),
    ("text", {"text": "text"}),
    ([b"a", None], {"list": [{"bytes": "a"}, {}]}),
    (ScriptedError("boom"), {"error": {"kind": "scripted", "native": "ScriptedError", "message": "boom"}}),
)

ERRORS = (  # from a method that reads
    (asyncio.IncompleteReadError(b"ab", 5), {"kind": "incomplete-read", "partial": "ab", "expected": 5}),
    (asyncio.IncompleteReadError(b"", None), {"kind": "incomplete-read", "partial": ""}),
    (asyncio.LimitOverrunError("over", 4), {"kind": "limit-overrun", "consumed": 4}),
    (ValueError("v"), {"kind": "invalid-argument"}),
    (TypeError("t"), {"kind": "invalid-type"}),
    (AssertionError("a"), {"kind": "invalid-state"}),
    (RuntimeError("r"), {"kind": "concurrent-read"}),
    (NotImplementedError("n"), {"kind": "not-supported"}),
    (ScriptedError("s"), {"kind": "scripted"}),
    (ConnectionResetError("c"), {"kind": "connection-reset"}),
    (BrokenPipeError("b"), {"kind": "broken-pipe"}),
    (ConnectionAbortedError("c"), {"kind": "os-error"}),
    (OSError("o"), {"kind": "os-error"}),
    (RecursionError("r"), {"kind": "other"}),
    (LookupError("l"), {"kind": "other"}),
)


def same(got, wanted):
    if got != wanted:
        raise AssertionError("got %s\n     not %s" % (shown(got), shown(wanted)))


def check_data(talk):
    for what, form, wanted in DATA:
        reply, fed = talk.feed(form)
        same((what, native(fed[1]), type(fed[0])), (what, native(wanted), type(wanted)))
        same(reply, NONE)


def check_mutated_data(talk):
    talk.feed({"form": "mutated", "bytes": "ab"})
    same(list(talk.reader.seen_by_the_loop), [byte ^ 0xFF for byte in b"ab"])
    talk.feed({"form": "bytearray", "bytes": "ab"})
    same(list(talk.reader.seen_by_the_loop), list(b"ab"))


def check_bad_data(talk):
    for form in BAD_DATA:
        reply, fed = talk.feed(form)
        same((list(reply), fed), (["fault"], None))


def check_arguments(talk):
    talk.run({"op": "reader.make", "as": "limited", "limit": 3})
    same((talk.reader.arguments, Library.readers.pop().arguments), ({}, {"limit": 3}))
    talk.behave(lambda: asyncio.sleep(0), "reader.read", **{"as": "c1"})
    same(talk.reader.arguments, ())
    talk.behave(lambda: asyncio.sleep(0), "reader.read", n=-1, **{"as": "c2"})
    same(talk.reader.arguments, (-1,))
    talk.behave(lambda: None, "reader.readuntil", **{"as": "c3"})
    same(talk.reader.arguments, ())
    for count, (what, form, wanted) in enumerate(DATA):
        if what != "a mutated buffer":  # has changed by the time it is looked at
            talk.behave(lambda: None, "reader.readuntil", separator=form, **{"as": "s%d" % count})
            same(repr(native(talk.reader.arguments)), repr(native((wanted,))))
    forms = ["\r\n", {"form": "bytearray", "bytes": "x"}]
    talk.behave(lambda: None, "reader.readuntil", separators=forms, **{"as": "c4"})
    same(repr(native(talk.reader.arguments)), repr(native(((b"\r\n", bytearray(b"x")),))))
    talk.behave(lambda: None, "reader.readuntil", separators=[], **{"as": "c5"})
    same(talk.reader.arguments, ((),))


def check_results(talk):
    for count, (result, wanted) in enumerate(RESULTS):
        same(talk.behave(lambda: result), {"returned": wanted})
        same(talk.behave(lambda: result, "reader.readuntil", **{"as": "c%d" % count}), {"returned": wanted})


def check_errors(talk):
    for count, (exc, wanted) in enumerate(ERRORS):
        wanted = dict(wanted, native=native_name(type(exc)), message=str(exc))
        same(talk.behave(raising(exc), "reader.readuntil", **{"as": "c%d" % count}), {"raised": wanted})
        same((exc.__traceback__, exc.__context__), (None, None))
        if wanted["kind"] == "concurrent-read":  # only reads can be concurrent reads
            wanted["kind"] = "invalid-state"
        same(talk.behave(raising(exc)), {"raised": wanted})


def check_whose_failure(talk):
    same(talk.run({"op": "reader.exception", "on": "r"}), {"unsupported": "StandIn has no exception"})
    same(talk.run({"op": "reader.iterate", "on": "r", "as": "c1"}), {"unsupported": "StandIn has no __aiter__"})
    for bad in (
        {"op": "no.such"},
        {"op": ["reader.make"]},
        {},
        {"op": "reader.at_eof", "on": "nobody"},
        {"op": "reader.at_eof"},
        {"op": "reader.feed_data", "on": "r"},
        {"op": "reader.make", "as": "r"},
        {"op": "reader.read", "on": "r"},
        {"op": "reader.read", "on": "r", "as": "c2", "n": "5"},
        {"op": "cancel", "on": "r"},
    ):
        same(list(talk.run(bad)), ["fault"])
    same(list(talk.behave(raising(OSError("o")), "reader.readline", **{"as": "c3"})), ["raised"])
    with contextlib.redirect_stderr(io.StringIO()):  # where the adapter complains of itself
        same(list(talk.behave(lambda: Unencodable(), "reader.readuntil", **{"as": "c4"})), ["fault"])


def check_settling(talk):
    async def hops(count):
        while count != 0:
            count -= 1
            await asyncio.sleep(0)
        return b"done"

    reply = talk.behave(lambda: hops(1000), "reader.read", **{"as": "c1"})
    same(reply, {"returned": {"bytes": "done"}})
    reply = talk.behave(lambda: hops(-1), "reader.read", **{"as": "c2"})
    same(reply, {"pending": "c2", "events": [{"ev": "unsettled"}]})


def check_forgotten(talk):
    async def stubborn():
        try:
            await asyncio.get_event_loop().create_future()
        except asyncio.CancelledError:
            raise ValueError("no")

    same(talk.behave(stubborn, "reader.read", **{"as": "c1"}), {"pending": "c1"})
    same(talk.run({"op": "forget"}), NONE)


def check_outside(talk):
    def elsewhere():
        loop = asyncio.get_event_loop()
        loop.call_soon(raising(ValueError("in a callback")))
        loop.call_soon(warnings.warn, "careful")
        loop.call_soon(logging.getLogger("asyncio").warning, "look %s", "here")
        if hasattr(sys, "unraisablehook"):
            loop.call_soon(Dying)
            loop.call_soon(gc.collect)  # without which PyPy does not notice

    class Dying:
        def __del__(self):
            raise ValueError("too late")

    reply = talk.behave(elsewhere)
    texts = [(event["ev"], event["text"]) for event in reply["events"]]
    same([ev for ev, _ in texts], ["unhandled", "warning", "log", "unraisable"][: len(texts)])
    same("ValueError: in a callback" in texts[0][1], True)
    same(texts[1:3], [("warning", "UserWarning: careful"), ("log", "look here")])


def check_a_read(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r", "limit": 4},
        {"op": "reader.feed_data", "on": "r", "data": "ab\ncdefg"},
        {"op": "reader.readuntil", "on": "r", "as": "c1", "separator": "\n"},
        {"op": "reader.readuntil", "on": "r", "as": "c2", "separator": "\n"},
        {"op": "reader.feed_eof", "on": "r"},
        {"op": "reader.readexactly", "on": "r", "as": "c3", "n": 9},
        {"op": "reader.at_eof", "on": "r"},
    )
    same(replies[2], {"returned": {"bytes": "ab\n"}})
    same((replies[3]["raised"]["kind"], replies[3]["raised"]["consumed"]), ("limit-overrun", 5))
    same((replies[5]["raised"]["partial"], replies[5]["raised"]["expected"]), ("cdefg", 9))
    same(replies[6], TRUE)


def check_a_pending_read(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r"},
        {"op": "reader.read", "on": "r", "as": "c1", "n": 5},
        {"op": "settle"},
        {"op": "run", "until": {"done": "c1"}, "ms": 1000},
        {"op": "reader.feed_data", "on": "r", "data": "ab"},
        {"op": "run", "until": {"done": "c1"}, "ms": 1000},
    )
    finished = {"ev": "finished", "on": "c1", "returned": {"bytes": "ab"}}
    same(replies[1:], [{"pending": "c1"}, NONE, FALSE, dict(NONE, events=[finished]), TRUE])


def check_no_settling(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r"},
        {"op": "reader.read", "on": "r", "as": "c1", "n": 5, "no_settle": True},
        {"op": "reader.feed_data", "on": "r", "data": "ab", "no_settle": True},
        {"op": "settle"},
    )
    finished = {"ev": "finished", "on": "c1", "returned": {"bytes": "ab"}}
    same(replies[1:], [{"pending": "c1"}, NONE, dict(NONE, events=[finished])])
    # Nor between one message and the next.
    same(talk.run({"op": "reader.read", "on": "r", "as": "c2", "n": 5, "no_settle": True}), {"pending": "c2"})
    same(talk.run({"op": "reader.feed_data", "on": "r", "data": "a", "no_settle": True}), NONE)
    same(talk.run({"op": "reader.feed_data", "on": "r", "data": "b", "no_settle": True}), NONE)
    finished["on"] = "c2"
    same(talk.run({"op": "reader.make", "as": "other"}), dict(NONE, events=[finished]))


def check_order(talk):
    """Calls that are pending at the same time are told of in the order in which they finish."""
    makes = [{"op": "reader.make", "as": name} for name in "abc"]
    reads = [{"op": "reader.read", "on": name, "as": "read " + name, "n": 1} for name in "abc"]
    feeds = [{"op": "reader.feed_data", "on": name, "data": "x", "no_settle": True} for name in "cab"]
    events = talk.run(*(makes + reads + feeds + [{"op": "settle"}]))[-1]["events"]
    same([event["on"] for event in events], ["read c", "read a", "read b"])


def check_cancel(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r"},
        {"op": "reader.readline", "on": "r", "as": "c1"},
        {"op": "cancel", "on": "c1"},
        {"op": "cancel", "on": "c1"},
        {"op": "reader.readline", "on": "r", "as": "c2", "no_settle": True},
        {"op": "cancel", "on": "c2"},
    )
    for reply, name in ((replies[2], "c1"), (replies[5], "c2")):  # the second one had not even begun
        cancelled = {"ev": "finished", "on": name, "raised": {"kind": "cancelled", "native": "asyncio.CancelledError"}}
        same(reply, dict(NONE, events=[cancelled]))
    same(replies[3], NONE)


def check_forget(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r"},
        {"op": "reader.make", "as": "kept"},
        {"op": "reader.read", "on": "r", "as": "c1"},
        {"op": "forget", "names": ["r", "c1"]},
        {"op": "reader.at_eof", "on": "kept"},
        {"op": "reader.make", "as": "r"},
        {"op": "reader.read", "on": "r", "as": "c1"},
        {"op": "reader.read", "on": "kept", "as": "c2"},
        {"op": "forget"},
        {"op": "reader.make", "as": "kept"},
    )
    pending = {"pending": "c1"}
    same(replies, [NONE, NONE, pending, NONE, FALSE, NONE, pending, {"pending": "c2"}, NONE, NONE])


def check_pausing(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r", "limit": 1},
        {"op": "mock.make", "as": "t"},
        {"op": "reader.set_transport", "on": "r", "transport": "t"},
        {"op": "reader.feed_data", "on": "r", "data": "ab"},
        {"op": "reader.feed_data", "on": "r", "data": "c"},
        {"op": "reader.readexactly", "on": "r", "as": "c1", "n": 2},
        {"op": "reader.make", "as": "other", "limit": 1},
        {"op": "mock.make", "as": "rigid", "can_pause": False},
        {"op": "reader.set_transport", "on": "other", "transport": "rigid"},
        {"op": "reader.feed_data", "on": "other", "data": "abcd"},
    )
    same(replies[3], NONE)
    same(replies[4]["events"], [{"ev": "pause_reading", "on": "t"}])
    same(replies[5], {"returned": {"bytes": "ab"}, "events": [{"ev": "resume_reading", "on": "t"}]})
    same(replies[9], dict(NONE, events=[{"ev": "pause_reading", "on": "rigid"}]))
    until = [{"event": "pause_reading", "on": "t"}, {"event": "pause_reading", "count": 2}, {"event": "pause_reading", "on": "t", "count": 2}]
    same(talk.run(*({"op": "run", "until": u, "ms": 1} for u in until)), [TRUE, TRUE, FALSE])


def check_iteration(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r"},
        {"op": "reader.feed_data", "on": "r", "data": "a\nb\nc"},
        {"op": "reader.iterate", "on": "r", "as": "c1", "n": 1},
        {"op": "reader.iterate", "on": "r", "as": "c2"},
        {"op": "reader.feed_eof", "on": "r"},
    )
    seen = (("c1", "a\n"), ("c2", "b\n"), ("c2", "c"))
    items = [{"ev": "item", "on": on, "value": {"bytes": value}} for on, value in seen]
    same(replies[2:], [
        dict(NONE, events=items[:1]),
        {"pending": "c2", "events": items[1:2]},
        dict(NONE, events=[items[2], {"ev": "finished", "on": "c2", "returned": {}}]),
    ])


def check_exceptions(talk):
    replies = talk.run(
        {"op": "reader.make", "as": "r"},
        {"op": "reader.exception", "on": "r"},
        {"op": "reader.set_exception", "on": "r", "exception": "boom"},
        {"op": "reader.exception", "on": "r"},
        {"op": "reader.read", "on": "r", "as": "c1"},
        {"op": "reader.set_exception", "on": "r"},
        {"op": "reader.exception", "on": "r"},
    )
    boom = {"kind": "scripted", "native": "ScriptedError", "message": "boom"}
    same(replies[1:], [NONE, NONE, {"returned": {"error": boom}}, {"raised": boom}, NONE, NONE])


def stand_ins(talk):
    """Make a mock transport t, stand-ins for a protocol p, a writer v and a transport s; return the latter three."""
    Library.behaviour = staticmethod(lambda: None)
    talk.run({"op": "mock.make", "as": "t"})
    talk.run({"op": "reader_protocol.make", "as": "p", "reader": "r"})
    protocol, arguments = Library.made
    same([argument is talk.reader for argument in arguments], [True])
    talk.run({"op": "writer.make", "as": "v", "transport": "t", "protocol": "p"})
    writer, arguments = Library.made
    session = talk.session
    wanted = session.transports["t"], protocol, None, session.loop
    same([argument is right for argument, right in zip(arguments, wanted)], [True] * 4)
    talk.run({"op": "writer.make", "as": "w", "transport": "t", "protocol": "p", "reader": "r"})
    same(Library.made[1][2] is talk.reader, True)
    session.transports["s"] = transport = WireStandIn()
    return protocol, writer, transport


def check_written(talk):
    protocol, writer, transport = stand_ins(talk)
    for name, family, object in (("v", "writer", writer), ("s", "transport", transport)):
        for what, form, wanted in DATA:
            same(talk.on(name, family + ".write", data=form), NONE)
            same(object.reached[0], "write")
            same((what, native(object.reached[1])), (what, native([wanted])))
        forms, plain = [form for _, form, _ in DATA], [wanted for _, _, wanted in DATA]
        for container, wanted in (
            ("list", plain), ("tuple", tuple(plain)), ("generator", Went(plain)), ("number", len(plain)),
        ):
            same(talk.on(name, family + ".writelines", chunks=forms, container=container), NONE)
            same((container, native(object.reached[1])), (container, native([wanted])))
        talk.on(name, family + ".writelines", chunks=["a", "b"])
        same(native(object.reached[1]), native([[b"a", b"b"]]))
        talk.on(name, family + ".writelines", chunks=["ab"], container="single")
        same(native(object.reached[1]), native([b"ab"]))
        talk.on(name, family + ".write", data={"form": "mutated", "bytes": "ab"})
        same(object.reached[1], [bytearray(b"ab")])
        same(list(object.seen_by_the_loop), [byte ^ 0xFF for byte in b"ab"])
        for form in BAD_DATA:
            object.reached = None
            same((list(talk.on(name, family + ".write", data=form)), object.reached), (["fault"], None))
        same(list(talk.on(name, family + ".writelines", chunks=["a"], container="no such container")), ["fault"])
    for what, form, wanted in DATA:
        talk.on("p", "protocol.data_received", data=form)
        same((what, native(protocol.reached[1])), (what, native([wanted])))


def check_wire_arguments(talk):
    protocol, writer, transport = stand_ins(talk)

    def reached(object, on, op, **arguments):
        same(talk.on(on, op, **arguments), NONE)
        same(object.reached[0], op.partition(".")[2])
        return object.reached[1:]

    for method in ("close", "is_closing", "write_eof", "can_write_eof"):
        same(reached(writer, "v", "writer." + method), ([], {}))
        same(reached(transport, "s", "transport." + method), ([], {}))
    for method in ("abort", "pause_reading", "resume_reading", "is_reading", "get_protocol"):
        same(reached(transport, "s", "transport." + method), ([], {}))
    for method in ("get_write_buffer_size", "get_write_buffer_limits"):
        same(reached(transport, "s", "transport." + method), ([], {}))
    for method in ("eof_received", "pause_writing", "resume_writing"):
        same(reached(protocol, "p", "protocol." + method), ([], {}))
    for object, name, family in ((writer, "v", "writer"), (transport, "s", "transport")):
        same(reached(object, name, family + ".get_extra_info", name="x"), (["x"], {}))
        same(reached(object, name, family + ".get_extra_info", name="x", default="d"), (["x", "d"], {}))
    for marks in ({}, {"high": 5}, {"low": 0}, {"high": 7, "low": -1}):
        same(reached(transport, "s", "transport.set_write_buffer_limits", **marks), ([], marks))
    same(list(talk.on("s", "transport.set_write_buffer_limits", high="5")), ["fault"])
    same(reached(transport, "s", "transport.set_protocol", protocol="p")[0][0] is protocol, True)
    same(reached(protocol, "p", "protocol.connection_made", transport="s")[0][0] is transport, True)
    same(reached(protocol, "p", "protocol.connection_lost"), ([None], {}))
    exc = reached(protocol, "p", "protocol.connection_lost", exception="boom")[0][0]
    same((type(exc) is ScriptedError, str(exc)), (True, "boom"))
    same(talk.on("s", "object.has", name="anything"), TRUE)
    same(talk.on("s", "object.has", name="missing"), FALSE)
    same(list(talk.on("nobody", "object.has", name="x")), ["fault"])
    same(talk.on("s", "object.is", name="StreamReader"), FALSE)
    same(list(talk.on("s", "object.is", name="Reader")), ["fault"])
    same(list(talk.on("nobody", "object.is", name="StreamReader")), ["fault"])
    same(talk.on("t", "transport.abort"), NONE)
    same(talk.on("t", "transport.is_closing"), TRUE)


def check_wire_results(talk):
    protocol, writer, transport = stand_ins(talk)
    for result, wanted in RESULTS + (
        (protocol, {"object": "p"}),
        (talk.reader, {"object": "r"}),
        (("127.0.0.1", 80), {"list": [{"text": "127.0.0.1"}, {"int": 80}]}),
        ([protocol, object], {"list": [{"object": "p"}, {"text": "type", "type": "type"}]}),
    ):
        Library.behaviour = staticmethod(lambda: result)
        same(talk.on("s", "transport.get_extra_info", name="x"), {"returned": wanted})
        same(talk.on("v", "writer.close"), {"returned": wanted})
        same(talk.on("p", "protocol.eof_received"), {"returned": wanted})

    async def waits():
        await asyncio.sleep(0)
        return Library.result()

    Library.behaviour = staticmethod(waits)
    for count, (exc, wanted) in enumerate(ERRORS):
        Library.result = staticmethod(raising(exc))
        wanted = dict(wanted, native=native_name(type(exc)), message=str(exc))
        if wanted["kind"] == "concurrent-read":
            wanted["kind"] = "invalid-state"
        same(talk.on("v", "writer.drain", **{"as": "d%d" % count}), {"raised": wanted})
        same(talk.on("v", "writer.wait_closed", **{"as": "c%d" % count}), {"raised": wanted})
    talk.session.transports["bare"] = object()
    same(talk.on("bare", "transport.write", data="x"), {"unsupported": "object has no write"})
    same(talk.on("bare", "transport.is_reading"), {"unsupported": "object has no is_reading"})


def check_eager(talk):
    stand_ins(talk)

    async def waits(result):
        try:
            if result is None:
                await asyncio.get_event_loop().create_future()
            return result() if callable(result) else result
        finally:
            ended.append(result)

    ended = []
    for count, (result, wanted) in enumerate((
        (5, {"returned": {"int": 5}}),
        (raising(ScriptedError()), {"raised": {"kind": "scripted", "native": "ScriptedError"}}),
        (None, {"pending": "e2"}),
    )):
        Library.behaviour = staticmethod(lambda: waits(result))
        same(talk.on("v", "writer.drain", eager=True, **{"as": "e%d" % count}), wanted)
    same(len(ended), 3)


def raw_command(op, **arguments):
    return dict(arguments, op="raw." + op, on="w")


def check_raw_ends(talk):
    for kind in ("unix", "tcp", "read-pipe", "write-pipe"):
        talk.run({"op": "raw.make", "as": "w", "kind": kind, "buffer": 8192})
        far = talk.session.raws["w"].far.fileno()
        if kind != "write-pipe":
            same(talk.run(raw_command("send", data=EVERY_BYTE)), {"returned": {"int": 256}})
            same(os.read(far, 1000), bytes(range(256)))
        if kind in ("unix", "read-pipe"):
            sent = talk.run(raw_command("send", data={"repeat": "x", "times": 1 << 20}))["returned"]["int"]
            same((0 < sent < 1 << 20, talk.run(raw_command("send", data="x"))), (True, {"returned": {"int": 0}}))
            got = 0
            while got < sent:
                got += len(os.read(far, 1 << 20))
            same(got, sent)
        if kind != "read-pipe":
            same(talk.run(raw_command("recv", n=3, **{"as": "r1"})), {"pending": "r1"})
            same(list(talk.run(raw_command("recv", n=3, **{"as": "r2"}))), ["fault"])
            os.write(far, b"ab")
            same(talk.run({"op": "settle"}), NONE)
            os.write(far, b"cdefghi")
            same(talk.wait(done="r1"), [{"ev": "finished", "on": "r1", "returned": {"bytes": "abc"}}])
            same(talk.run(raw_command("recv", n=4, **{"as": "r3"})), {"returned": {"bytes": "defg"}})
            same(talk.run(raw_command("recv", **{"as": "r4"})), {"pending": "r4"})
            talk.session.raws["w"].far.close()
            same(talk.wait(done="r4"), [{"ev": "finished", "on": "r4", "returned": {"bytes": "hi"}}])
        else:
            talk.session.raws["w"].far.close()
            same(talk.run(raw_command("send", data="x"))["raised"]["kind"], "broken-pipe")
            same(list(talk.run(raw_command("shutdown"))), ["fault"])
        same(talk.run(raw_command("close")), NONE)
        same(list(talk.run(raw_command("send", data="x"))), ["fault"])
        talk.run({"op": "forget"})


def check_far_end(talk):
    for kind in ENDS:
        talk.run({"op": "raw.make", "as": "w", "kind": kind})
        raw = talk.session.raws["w"]
        same(talk.run(raw_command("far_open")), TRUE)
        if kind in ("unix", "tcp"):
            near, far = talk.run(raw_command("sockname")), talk.run(raw_command("peername"))
            for reply, name in ((near, raw.far.getpeername()), (far, raw.far.getsockname())):
                same(reply, {"returned": encode_value(name)})
        other = os.dup(raw.far.fileno())
        raw.far.close()
        same((kind, talk.run(raw_command("far_open"))), (kind, TRUE))
        os.close(other)
        same((kind, talk.run(raw_command("far_open"))), (kind, FALSE))
        talk.run({"op": "forget"})


def check_reset(talk):
    talk.run({"op": "raw.make", "as": "w", "kind": "tcp"})
    raw, linger = talk.session.raws["w"], struct.pack("ii", 1, 0)
    raw.far.send(b"ab")
    same(talk.run(raw_command("recv", n=2, **{"as": "r0"})), {"returned": {"bytes": "ab"}})
    same(talk.run(raw_command("recv", **{"as": "r1"})), {"pending": "r1"})
    raw.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    raw.far.close()
    raised = talk.wait(done="r1")[0]["raised"]
    same((raised["kind"], raised["partial"]), ("connection-reset", ""))
    talk.run({"op": "forget"})
    talk.run({"op": "raw.make", "as": "w", "kind": "tcp"})
    far = talk.session.raws["w"].far
    same(talk.run(raw_command("reset")), NONE)
    far.setblocking(True)
    try:
        same(far.recv(1), "a reset")
    except ConnectionResetError:
        pass
    talk.run({"op": "forget"}, {"op": "raw.make", "as": "w", "kind": "unix"})
    same(list(talk.run(raw_command("reset"))), ["fault"])


def check_connections(talk):
    for kind in ("unix", "tcp", "read-pipe", "write-pipe"):
        opened = talk.connect(kind)
        same(opened, dict(NONE, events=[{"ev": "connection_made", "on": "p"}]))
        same(talk.on("c.transport", "transport.get_protocol"), {"returned": {"object": "p"}})
        if kind != "write-pipe":
            talk.run(raw_command("send", data="ab"))
            talk.wait(event="data_received", bytes=2)
        if kind != "read-pipe":
            talk.on("c.transport", "transport.write", data="cd")
            talk.run(raw_command("recv", n=2, **{"as": "r"}))
            talk.wait(done="r")
        same(list(talk.run({"op": "connection.open", "as": "again", "raw": "w", "protocol": "p"})), ["fault"])
        closed = talk.on("c.transport", "transport.close")
        same(closed, dict(NONE, events=[{"ev": "connection_lost", "on": "p"}]))
        same(talk.run(raw_command("far_open")), FALSE)
        same(talk.run({"op": "forget"}), NONE)
    scripted = {"kind": "scripted", "native": "ScriptedError", "message": "no"}
    for exception, wanted in ((None, NONE), ("no", {"raised": scripted})):
        command = {"op": "connection.open", "as": "c", "raw": "w", "protocol": "p", "exception": exception}
        if exception is None:
            del command["exception"]
        made = {"op": "raw.make", "as": "w", "kind": "unix"}, {"op": "protocol.make", "as": "p", "plain": True}
        same(talk.run(*(made + (command,)))[2], wanted)
        same(list(talk.on("c.transport", "transport.is_closing")), ["fault" if exception else "returned"])
        talk.run({"op": "forget"})


def check_streams(talk):
    for kind in ("unix", "tcp", "read-pipe", "write-pipe"):
        made = {"op": "raw.make", "as": "w", "kind": kind}
        same(talk.run(made, {"op": "stream.open", "as": "s", "raw": "w", "limit": 100})[1], NONE)
        if kind != "write-pipe":
            talk.run(raw_command("send", data="ab"), {"op": "reader.readexactly", "on": "s.reader", "as": "r", "n": 2})
            talk.wait(done="r")
        if kind != "read-pipe":
            talk.run({"op": "writer.write", "on": "s.writer", "data": "cd"}, raw_command("recv", n=2, **{"as": "v"}))
            talk.wait(done="v")
            same(talk.on("s.writer", "writer.transport"), {"returned": {"object": "s.transport"}})
            same(talk.on("s.writer", "writer.drain", **{"as": "d"}), NONE)
        same(talk.on("s.transport", "transport.get_protocol"), {"returned": {"object": "s.protocol"}})
        same("s.reader" in talk.session.readers, kind != "write-pipe")
        same("s.writer" in talk.session.writers, kind != "read-pipe")
        same(talk.on("s.transport", "transport.close"), NONE)
        same(talk.run({"op": "forget"}), NONE)


def check_program(talk):
    size = {"op": "transport.get_write_buffer_size", "on": "c.transport"}
    writes = {"op": "transport.write", "on": "c.transport", "data": {"repeat": "x", "times": 100000}}
    marks = {"op": "transport.set_write_buffer_limits", "on": "c.transport", "high": 10}
    talk.connect(
        "unix",
        {"in": "connection_made", "do": [marks]},
        {"in": "data_received", "nth": 2, "do": [writes, {"op": "transport.abort", "on": "c.transport"}]},
        {"in": "pause_writing", "do": [size]},
    )
    same([event["ev"] for event in talk.run(raw_command("send", data="a"))["events"]], ["data_received"])
    events = talk.run(raw_command("send", data="b"))["events"]
    same([(event["ev"], event.get("command", {}).get("op")) for event in events], [
        ("data_received", None),
        ("doing", "transport.write"),
        ("pause_writing", None),
        ("doing", "transport.get_write_buffer_size"),
        ("did", None),
        ("did", None),
        ("doing", "transport.abort"),
        ("did", None),
        ("connection_lost", None),
    ])
    same((events[0]["value"], events[4]["returned"]["int"] > 10, events[5]["returned"]), ({"bytes": "b"}, True, {}))


def check_callbacks(talk):
    for form, value in (
        ({}, None), ({"bool": True}, True), ({"int": 0}, 0), ({"text": "t"}, "t"), ({"bytes": "\xff"}, b"\xff"),
        ({"list": [{"int": 1}, {}]}, [1, None]),
    ):
        talk.run({"op": "protocol.make", "as": "p", "program": [{"in": "eof_received", "return": form}]})
        same(native(talk.session.protocols["p"].eof_received()), native(value))
        talk.run({"op": "forget"})
    talk.connect("unix", {"in": "data_received", "raise": "boom"}, {"in": "eof_received", "return": {"bool": True}})
    events = talk.run(raw_command("send", data="a"))["events"]
    boom = {"kind": "scripted", "native": "ScriptedError", "message": "boom"}
    same([event["raised"] for event in events if event["ev"] == "unhandled"], [boom])


def check_settling_with_raw_ends(talk):
    talk.connect()
    sent = {"repeat": "abcdefg", "times": 200000}
    same(talk.run(raw_command("recv", n=1400000, **{"as": "r"})), {"pending": "r"})
    events = talk.on("c.transport", "transport.write", data=sent)["events"]
    same([event["ev"] for event in events], ["pause_writing", "resume_writing", "finished"])
    same(events[-1]["returned"]["bytes"] == "abcdefg" * 200000, True)


def check_receiving_alone(talk):
    talk.connect()
    talk.on("c.transport", "transport.write", data={"repeat": "x", "times": 100000}, no_settle=True)
    same(talk.run(raw_command("recv", n=100000, ms=5, no_settle=True, **{"as": "r"})), {"pending": "r"})
    same(len(talk.session.raws["w"].received) < 100000, True)
    same([event["ev"] for event in talk.run({"op": "settle"})["events"]], ["resume_writing", "finished"])
    talk.run({"op": "forget"}, {"op": "raw.make", "as": "w", "kind": "unix"})
    threading.Timer(0.02, talk.session.raws["w"].far.send, [b"y"]).start()
    same(talk.run(raw_command("recv", n=1, ms=60000, no_settle=True, **{"as": "s"})), {"returned": {"bytes": "y"}})


def check_waiting(talk):
    talk.connect()
    for until in ({"bytes": 1}, {"on": "p", "count": 2}, {"on": "p", "bytes": 3}):
        threading.Timer(0.02, talk.session.raws["w"].near.send, [b"x"]).start()
        talk.wait(event="data_received", **until)
    same(talk.run({"op": "run", "until": {"event": "data_received", "bytes": 4}, "ms": 1}), FALSE)


def check_waiting_for_who_spins(talk):
    spinning = [True]

    async def spin():
        while spinning:
            await asyncio.sleep(0)

    talk.connect()
    begun = time.monotonic()
    talk.session.loop.create_task(spin())
    reply = talk.run({"op": "run", "until": {"event": "eof_received"}, "ms": 60000})
    same(reply, dict(FALSE, events=[{"ev": "unsettled"}]))
    same(time.monotonic() - begun < 30, True)
    spinning.clear()


def check_by_hand(talk):
    for callback in ("function", "coroutine"):
        replies = talk.run(
            {"op": "reader.make", "as": "r"},
            {"op": "mock.make", "as": "t"},
            {"op": "reader_protocol.make", "as": "p", "reader": "r", "callback": callback},
            {"op": "protocol.connection_made", "on": "p", "transport": "t"},
            {"op": "protocol.data_received", "on": "p", "data": "ab"},
            {"op": "reader.read", "on": "p.reader", "as": "c1", "n": 5},
            {"op": "writer.write", "on": "p.writer", "data": "gone"},
            {"op": "protocol.pause_writing", "on": "p"},
            {"op": "writer.drain", "on": "p.writer", "as": "c2"},
            {"op": "protocol.resume_writing", "on": "p"},
            {"op": "writer.close", "on": "p.writer"},
            {"op": "transport.is_closing", "on": "t"},
            {"op": "forget"},
            {"op": "reader.make", "as": "r"},
            {"op": "mock.make", "as": "t"},
            {"op": "reader_protocol.make", "as": "p", "reader": "r", "callback": callback},
            {"op": "protocol.connection_made", "on": "p", "transport": "t"},
            {"op": "forget"},
            {"op": "collect", "names": []},
        )
        same(replies[3], dict(NONE, events=[{"ev": "client_connected", "on": "p"}]))
        finished = {"ev": "finished", "on": "c2", "returned": {}}
        same(replies[5:9], [{"returned": {"bytes": "ab"}}, NONE, NONE, {"pending": "c2"}])
        same(replies[9:13], [dict(NONE, events=[finished]), NONE, TRUE, NONE])
        same(replies[17:], [NONE, NONE])  # though nobody has closed that writer


def check_collect(talk):
    talk.run({"op": "raw.make", "as": "w", "kind": "unix"}, {"op": "stream.open", "as": "s", "raw": "w"})
    reader = weakref.ref(talk.session.readers["s.reader"])
    writer = weakref.ref(talk.session.writers["s.writer"])
    same(talk.run({"op": "collect", "names": ["s.writer"]})["returned"], {})
    same((reader() is not None, writer()), (True, None))
    same(talk.run({"op": "collect", "names": ["s.reader"]})["returned"], {})
    same(list(talk.on("s.reader", "reader.at_eof")), ["fault"])
    same(list(talk.run({"op": "collect", "names": ["s.transport"]})), ["fault"])


def check_forgotten_connections(talk):
    talk.connect()
    talk.run({"op": "forget"})
    descriptors = len(os.listdir("/dev/fd"))
    streams = ["s.reader", "s.writer", "s.transport", "s.protocol"]
    for names in (None, ["w", "p", "c", "c.transport", "v", "s", "f", "d", "r"] + streams):
        talk.connect("unix", {"in": "connection_lost", "raise": "too late"})
        writes = {"op": "transport.write", "on": "c.transport", "data": {"repeat": "x", "times": 100000}}
        raw = {"op": "raw.make", "as": "v", "kind": "unix", "buffer": 8192}
        opened = {"op": "stream.open", "as": "s", "raw": "v"}
        drain = {"op": "writer.drain", "on": "s.writer", "as": "d"}
        read = {"op": "reader.read", "on": "s.reader", "as": "r"}
        file = {"op": "raw.make", "as": "f", "kind": "read-file"}
        paused = {"op": "transport.pause_reading", "on": "s.transport"}  # so that nothing but aborting ends it
        talk.run(writes, raw, opened, paused, drain, read, file)
        transport = talk.session.transports["s.transport"]
        same(talk.run({"op": "forget"} if names is None else {"op": "forget", "names": names}), NONE)
        same((len(os.listdir("/dev/fd")), transport.is_closing()), (descriptors, True))
        same(talk.run({"op": "run", "until": {"event": "connection_made", "on": "p"}, "ms": 1}), FALSE)


def check_functions(talk):
    stand_ins(talk)
    one, other = talk.address("a", "tcp"), talk.address("b", "tcp")
    path = talk.address("u", "unix").name
    talk.run({"op": "socket.make", "as": "k", "kind": "tcp"})
    sock, loop, port = talk.session.sockets["k"].end, talk.session.loop, one.name[1]
    same((other.name[1], other.name[0] != one.name[0]), (port, True))
    odd = [{"name": "ssl", "value": {}}, {"name": "loop", "value": {"object": "loop"}}, {"name": "", "value": {"text": "x"}}]
    common = (
        ({}, [], {}),
        ({"host": ""}, ["", port], {}),
        ({"host": "x", "port": 0}, ["x", 0], {}),
        ({"port": 7}, [], {"port": 7}),
        ({"socket": "k", "family": "ipv6", "flags": 3}, [], {"sock": sock, "family": socket.AF_INET6, "flags": 3}),
        ({"family": "unspecified", "limit": 0, "keywords": odd}, ["x"], {"family": socket.AF_UNSPEC, "limit": 0, "ssl": None, "loop": loop}),
    )
    for function, op, more, cases in (
        ("open_connection", "stream.open", {}, common + (
            ({"address": "a"}, list(one.name), {}),
            ({"address": "a", "port": 1}, [one.name[0], 1], {}),
            ({"address": "a", "host": "h"}, ["h", port], {}),
            ({"local": "b", "proto": 6, "family": "ipv4"}, [], {"local_addr": other.name, "proto": 6, "family": socket.AF_INET}),
            ({"delay": 250, "interleave": 2}, [], {"happy_eyeballs_delay": 0.25, "interleave": 2}),
        )),
        ("start_server", "stream.serve", {"callback": "function"}, common + (
            ({"addresses": ["a"]}, list(one.name), {}),
            ({"addresses": ["a", "b"]}, [[one.name[0], other.name[0]], port], {}),
            ({"addresses": []}, [[], port], {}),
            ({"backlog": -1, "reuse_address": False}, [], {"backlog": -1, "reuse_address": False}),
            ({"reuse_port": True, "start_serving": False}, [], {"reuse_port": True, "start_serving": False}),
        )),
        ("open_unix_connection", "stream.open", {"kind": "unix"}, (
            ({}, [], {}),
            ({"address": "u"}, [path], {}),
            ({"address": "u", "path_like": True, "limit": 5}, [pathlib.Path(path)], {"limit": 5}),
            ({"socket": "k"}, [], {"sock": sock}),
        )),
        ("start_unix_server", "stream.serve", {"kind": "unix", "callback": "coroutine"}, (
            ({}, [], {}),
            ({"addresses": ["u"], "backlog": 2}, [path], {"backlog": 2}),
            ({"addresses": ["u"], "path_like": True}, [pathlib.Path(path)], {}),
        )),
    ):
        for given, positional, keywords in cases:
            command = dict({"op": op, "kind": "tcp", "as": "o"}, **more)
            command.update(given)
            same((given, talk.run(command)), (given, NONE))
            name, got, by_name = Library.called
            got = list(got)[op == "stream.serve":]  # behind the callback
            same((name, list(map(native, got)), sorted(by_name)), (function, list(map(native, positional)), sorted(keywords)))
            same([by_name[key] == keywords[key] and type(by_name[key]) is type(keywords[key]) for key in by_name], [True] * len(keywords))
            talk.run({"op": "forget", "names": ["o", "o.server", "o.reader", "o.writer", "o.transport", "o.protocol"]})
    for bad in (
        {"op": "stream.open", "as": "o", "kind": "tcp", "address": "u"},
        {"op": "stream.open", "as": "o", "kind": "read-pipe"},
        {"op": "stream.open", "as": "o", "kind": "unix", "host": "x"},
        {"op": "stream.serve", "as": "o", "kind": "unix", "callback": "function", "addresses": ["u", "u"]},
        {"op": "stream.serve", "as": "o", "kind": "tcp", "callback": "thread"},
        {"op": "stream.serve", "as": "o", "kind": "tcp", "callback": "function", "addresses": ["nobody"]},
        {"op": "stream.serve", "as": "o", "kind": "tcp", "callback": "function", "backlog": "5"},
    ):
        same(list(talk.run(bad)), ["fault"])


def check_server_calls(talk):
    stand_ins(talk)
    talk.run({"op": "stream.serve", "as": "srv", "kind": "tcp", "callback": "function"})
    server = talk.session.servers["srv.server"]
    for method in ("close", "is_serving", "close_clients", "abort_clients"):
        same(talk.on("srv.server", "server." + method), NONE)
        same(server.reached, (method, [], {}))
    talk.behave(lambda: asyncio.sleep(0))
    for method in ("start_serving", "serve_forever", "wait_closed"):
        same(talk.on("srv.server", "server." + method, **{"as": method}), NONE)
        same(server.reached, (method, [], {}))
    same(talk.on("srv.server", "server.context", **{"as": "c"}), {"unsupported": "WireStandIn has no __aenter__"})
    for sockets, wanted in ((None, {}), ([], {"list": []}), ((), {"list": []})):
        server.sockets = sockets
        same(talk.on("srv.server", "server.sockets"), {"returned": wanted})
    same(talk.on("srv.server", "object.has", name="missing"), FALSE)
    talk.session.servers["bare"] = object()
    same(talk.on("bare", "server.is_serving"), {"unsupported": "object has no is_serving"})
    same(talk.on("bare", "server.start_serving", **{"as": "s"}), {"unsupported": "object has no start_serving"})
    same(talk.on("bare", "server.sockets"), {"unsupported": "object has no sockets"})
    same(list(talk.on("nobody", "server.close")), ["fault"])


def check_addresses(talk):
    for kind, states in (
        ("tcp", {"free": None, "live": None, "silent": None}),
        ("unix", {"free": "free", "live": "socket", "stale": "socket", "file": "file", "no-directory": "free"}),
    ):
        for state, there in states.items():
            address = talk.address("a", kind, state)
            if there is not None:
                same((state, talk.on("a", "address.state")), (state, {"returned": {"text": there}}))
            end = socket.socket(address.family)
            end.setblocking(False)
            code = end.connect_ex(address.name)
            if code == errno.EINPROGRESS and state != "silent":
                code = ready(end, select.POLLOUT) and end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            wanted = {"live": 0, "silent": errno.EINPROGRESS}.get(state, errno.ECONNREFUSED)
            same((state, code), (state, errno.ENOENT if there == "free" else wanted))
            end.close()
            if state != "no-directory":
                same(talk.on("a", "address.put", state="live"), NONE)
                same(talk.client("w", kind), NONE)
                same(talk.on("a", "address.put", state="free"), NONE)
                refused = "FileNotFoundError" if kind == "unix" else "ConnectionRefusedError"
                raised = talk.client("v", kind)["raised"]
                same((raised["kind"], raised["native"]), ("os-error", refused))
            same(talk.run({"op": "forget"}), NONE)
    ours = talk.address("a", "tcp", "live")
    same(talk.address("b", "tcp", host="127.0.0.1", port=0).name, ("127.0.0.1", 0))
    same(talk.address("c", "tcp", host="127.0.0.1").name, ("127.0.0.1", ours.name[1]))
    for question in ("backlog", "reuse_address", "reuse_port"):
        same(talk.on("a", "address.ask", name=question), NONE)  # nobody's but ours
    same(list(talk.on("a", "address.ask", name="colour")), ["fault"])
    same(list(talk.on("a", "address.put", state="file")), ["fault"])
    same(list(talk.run({"op": "raw.connect", "as": "w", "kind": "unix", "address": "a"})), ["fault"])
    same(list(talk.run({"op": "raw.accept", "as": "w", "kind": "tcp", "address": "c"})), ["fault"])


def check_asking(talk):
    talk.serve("tcp", "function", backlog=7, reuse_address=True)
    same(talk.client("w", "tcp")["returned"], {})
    for question, answer in (("backlog", {"int": 7}), ("reuse_address", {"bool": True}), ("reuse_port", {"bool": False})):
        same((question, talk.on("a", "address.ask", name=question)), (question, {"returned": answer}))
    talk.on("srv.server", "server.close")
    talk.wait(event="client_connected", on="srv#1")
    talk.run({"op": "settle"})
    same(talk.on("a", "address.ask", name="backlog"), NONE)
    talk.run({"op": "forget"})
    talk.serve("unix", "function")
    same(talk.on("a", "address.ask", name="backlog"), NONE)
    same(talk.on("a", "address.ask", name="reuse_address"), FALSE)


def check_sockets(talk):
    for kind in ("tcp", "unix"):
        talk.address("a", kind)
        for arguments, family, sort, name in (
            ({}, None, socket.SOCK_STREAM, None),
            ({"datagram": True}, None, socket.SOCK_DGRAM, None),
            ({"address": "a"}, None, socket.SOCK_STREAM, talk.session.addresses["a"].name),
            ({"raw": "w"}, None, socket.SOCK_STREAM, None),
        ):
            talk.run({"op": "raw.make", "as": "w", "kind": kind})
            same(talk.run(dict(arguments, op="socket.make", kind=kind, **{"as": "k"})), NONE)
            end = talk.session.sockets["k"].end
            same((end.family, end.type & 0xF), (socket.AF_UNIX if kind == "unix" else socket.AF_INET, sort))
            same(name is None or end.getsockname() == name, True)
            same(end is talk.session.raws["w"].far, "raw" in arguments)
            same(talk.on("k", "socket.is_open"), TRUE)
            end.close()
            same(talk.on("k", "socket.is_open"), FALSE)
            talk.run({"op": "forget", "names": ["k", "w"]})
        talk.run({"op": "forget"})
    talk.run({"op": "raw.make", "as": "w", "kind": "unix"}, {"op": "socket.make", "as": "k", "kind": "unix", "raw": "w"})
    same(list(talk.run({"op": "socket.make", "as": "l", "kind": "unix", "raw": "w"})), ["fault"])
    same(talk.outcome("s", "stream.open", kind="unix", socket="k"), NONE)
    same(talk.on("s.transport", "transport.abort"), NONE)
    same(talk.on("k", "socket.is_open"), FALSE)


def check_connecting(talk):
    for kind in ("tcp", "unix"):
        talk.address("a", kind, "live")
        same(talk.run({"op": "raw.accept", "as": "w", "kind": kind, "address": "a"})["raised"]["kind"], "os-error")
        same(talk.outcome("s", "stream.open", kind=kind, address="a"), NONE)
        same(talk.run({"op": "raw.accept", "as": "w", "kind": kind, "address": "a"}), {"returned": {"object": "s"}})
        same(talk.run(raw_command("send", data="ab")), {"returned": {"int": 2}})
        same(talk.outcome("r", "reader.readexactly", on="s.reader", n=2), {"returned": {"bytes": "ab"}})
        same(talk.run({"op": "writer.write", "on": "s.writer", "data": "cd"}), NONE)
        same(talk.outcome("v", "raw.recv", on="w", n=2), {"returned": {"bytes": "cd"}})
        near, far = talk.run(raw_command("sockname")), talk.run(raw_command("peername"))
        same(talk.on("s.writer", "writer.get_extra_info", name="peername")["returned"]["list" if kind == "tcp" else "text"], near["returned"]["list" if kind == "tcp" else "text"])
        same(talk.run(raw_command("far_open")), TRUE)
        same(list(talk.run({"op": "stream.open", "as": "t", "raw": "w"})), ["fault"])
        talk.on("s.transport", "transport.abort")
        same(talk.run(raw_command("far_open")), FALSE)
        # Of two at once it is known of TCP which is which.
        for name in "tu":
            same(talk.outcome(name, "stream.open", kind=kind, address="a"), NONE)
        for name, call in (("x", "t"), ("y", "u")):
            wanted = {"object": call} if kind == "tcp" else {}
            same(talk.run({"op": "raw.accept", "as": name, "kind": kind, "address": "a"}), {"returned": wanted})
        talk.on("t.transport", "transport.abort")
        same([talk.on(name, "raw.far_open") for name in "xy"], [FALSE, TRUE])
        talk.run({"op": "forget"})
    talk.address("a", "tcp", "silent")
    same(talk.run({"op": "stream.open", "as": "s", "kind": "tcp", "address": "a"}), {"pending": "s"})
    same(talk.run({"op": "run", "until": {"done": "s"}, "ms": 1}), FALSE)


def check_serving(talk):
    greets = {"nth": 1, "do": [{"op": "writer.write", "on": "srv#1.writer", "data": "hi"}]}
    for kind in ("unix", "tcp"):
        for form in ("function", "coroutine", "future", "object"):
            talk.serve(kind, form, greets)
            same(talk.client("w", kind)["returned"], {})
            same(talk.event("client_connected", "srv#1")["value"], {"object": "w"})
            if form in ("coroutine", "object"):
                talk.event("finished", "srv#1")
            same([event["ev"] for event in talk.seen][:3], ["client_connected", "doing", "did"])
            same([event.get("returned") for event in talk.seen if event["ev"] == "finished"], [{}] * (form in ("coroutine", "object")))
            same(talk.outcome("r", "raw.recv", on="w", n=2), {"returned": {"bytes": "hi"}})
            same(talk.client("v", kind)["returned"], {})
            same(talk.event("client_connected", "srv#2")["value"], {"object": "v"})
            same(talk.run({"op": "run", "until": {"done": "srv#2"}, "ms": 60000})["returned"], {"bool": True})
            for name, call in (("w", "srv#1"), ("v", "srv#2")):
                talk.run({"op": "raw.send", "on": name, "data": call})
                same(talk.outcome("c" + name, "reader.readexactly", on=call + ".reader", n=5), {"returned": {"bytes": call}})
                same(talk.on(call + ".writer", "writer.transport"), {"returned": {"object": call + ".transport"}})
                same(talk.on(call + ".transport", "transport.get_protocol"), {"returned": {"object": call + ".protocol"}})
                same(talk.on(name, "raw.far_open"), TRUE)
                talk.on(call + ".transport", "transport.abort")
                same(talk.on(name, "raw.far_open"), FALSE)
            bound = talk.session.addresses["a"].name
            bound = {"text": bound} if kind == "unix" else {"list": [{"text": bound[0]}, {"int": bound[1]}]}
            same(talk.on("srv.server", "server.sockets"), {"returned": {"list": [bound]}})
            same(talk.on("srv.server", "server.close"), NONE)
            talk.run({"op": "settle"})
            same(talk.client("u", kind)["raised"]["kind"], "os-error")
            same(talk.run({"op": "forget"}), NONE)


def check_settling_of_servers(talk):
    talk.serve("unix", "coroutine", {})
    events = talk.client("w", "unix")["events"]
    same([event["ev"] for event in events], ["client_connected", "finished"])
    clients = [{"op": "raw.connect", "as": "c%d" % n, "kind": "unix", "address": "a", "no_settle": True} for n in range(9)]
    events = talk.run(*(clients + [{"op": "settle"}]))[-1]["events"]
    same([event["value"]["object"] for event in events if "value" in event], ["c%d" % n for n in range(9)])


def check_holding(talk):
    for form in ("coroutine", "object"):
        talk.serve("unix", form, {"hold": True}, {"nth": 2, "hold": True, "return": {"int": 5}}, {"nth": 4, "raise": "at once"})
        for n in "1234":
            talk.client("w" + n, "unix")
        same([n for n in "12345" if talk.run({"op": "run", "until": {"done": "srv#" + n}, "ms": 1}) == TRUE], ["4"])

        def ended(n):
            return {key: value for key, value in talk.event("finished", "srv#" + n).items() if key in ("returned", "raised")}

        scripted = {"kind": "scripted", "native": "ScriptedError"}
        same(ended("4"), {"raised": dict(scripted, message="at once")})
        talk.on("srv#1", "release", exception="late")
        same(ended("1"), {"raised": dict(scripted, message="late")})
        talk.on("srv#2", "release")
        same(ended("2"), {"returned": {"int": 5}})
        talk.on("srv#3", "cancel")
        same(ended("3"), {"raised": {"kind": "cancelled", "native": "asyncio.CancelledError"}})
        same(list(talk.on("srv#3", "release")), ["fault"])
        same(talk.on("srv#3", "cancel")["returned"], {})
        talk.run({"op": "forget"})
    talk.serve("unix", "function", {"raise": "no"})
    events = talk.client("w", "unix")["events"]
    same([event["raised"]["message"] for event in events if event["ev"] == "unhandled"], ["no"])
    same(list(talk.on("srv#1", "release")), ["fault"])
    same(talk.on("srv#1", "cancel"), NONE)


def check_unretrieved(talk):
    """The adapter does not hold on to a task so that nobody hears of its exception."""

    class Protocol:
        async def start(callback, *rest, **more):
            reader, writer = WireStandIn(), WireStandIn()
            writer.transport = WireStandIn()
            Library.task = weakref.ref(asyncio.get_event_loop().create_task(callback(reader, writer)))
            return WireStandIn()

    stand_ins(talk)
    Library.start_server, before = staticmethod(Protocol.start), Library.__dict__["start_server"]
    try:
        program = [{"in": "client_connected", "raise": "unheard"}]
        talk.run({"op": "stream.serve", "as": "srv", "kind": "tcp", "callback": "coroutine", "program": program})
    finally:
        Library.start_server = before
    same(talk.event("finished", "srv#1")["raised"]["message"], "unheard")
    gc.collect()
    talk.run({"op": "settle"})
    same(Library.task(), None)
    same([event["raised"]["message"] for event in talk.seen if event["ev"] == "unhandled"], ["unheard"])


def check_contexts(talk):
    talk.serve("unix", "function")
    server = talk.session.servers["srv.server"]
    if not hasattr(server, "__aenter__"):
        same(list(talk.on("srv.server", "server.context", **{"as": "c"})), ["unsupported"])
        same(list(talk.on("srv.server", "server.serve_forever", **{"as": "c"})), ["unsupported"])
        return
    same(talk.on("srv.server", "server.context", **{"as": "c1"}), {"pending": "c1"})
    talk.on("c1", "release")
    same(talk.event("finished", "c1")["returned"], {})
    same(talk.on("srv.server", "server.is_serving"), FALSE)
    talk.run({"op": "forget"})
    talk.serve("unix", "function")
    same(talk.on("srv.server", "server.context", **{"as": "c2"}), {"pending": "c2"})
    talk.on("c2", "release", exception="inside")
    same(talk.event("finished", "c2")["raised"]["message"], "inside")
    talk.run({"op": "forget"})
    talk.serve("unix", "function", start_serving=False)
    same(talk.client("w", "unix")["raised"]["kind"], "os-error")
    same(talk.on("srv.server", "server.context", serve=True, **{"as": "c3"}), {"pending": "c3"})
    same(talk.client("w", "unix")["returned"], {})
    same(list(talk.on("c3", "release")), ["fault"])
    talk.on("srv#1.transport", "transport.abort")  # for whom the end might wait
    talk.on("c3", "cancel")
    same(talk.event("finished", "c3")["raised"]["kind"], "cancelled")


def check_resolver(talk):
    talk.address("a", "tcp", "live")
    answer = {"op": "resolver.answer", "name": "x.test", "addresses": ["a"]}
    if not talk.has("resolver"):
        same(list(talk.run(answer)), ["unsupported"])
        return
    asked = {"kind": "tcp", "host": "x.test", "family": "ipv4", "flags": 0}
    reply = talk.run(dict(asked, op="stream.open", proto=6, **{"as": "s"}))
    what = {"list": [{"text": "ipv4"}, {"int": 6}, {"int": 0}]}
    same(reply, {"pending": "s", "events": [{"ev": "resolving", "on": "x.test", "value": what}]})
    talk.run({"op": "stream.open", "as": "t", "kind": "tcp", "host": "x.test"})
    same(talk.on("t", "cancel")["returned"], {})
    talk.run(answer)
    same(talk.event("finished", "s")["returned"], {})
    same(talk.run({"op": "raw.accept", "as": "w", "kind": "tcp", "address": "a"}), {"returned": {"object": "s"}})
    same(talk.outcome("u", "stream.open", **asked), NONE)  # from now on
    same(talk.outcome("v", "stream.open", **dict(asked, family="ipv6"))["raised"]["kind"], "os-error")  # it has none
    talk.run({"op": "resolver.answer", "name": "y.test", "exception": "no such host"})
    raised = talk.outcome("w1", "stream.open", **dict(asked, host="y.test"))["raised"]
    same(raised, {"kind": "os-error", "native": "socket.gaierror", "message": "no such host"})
    loop, port = talk.session.loop, talk.session.port
    for family, address in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port, 0, 0))):
        if family == socket.AF_INET or has_ipv6():
            talk.address("b%d" % family, "tcp", host=address[0])
            talk.run({"op": "resolver.answer", "name": "z.test", "addresses": ["a", "b%d" % family]})
            wanted = [(family, socket.SOCK_STREAM, 17, "", address)]
            for name in ("z.test", b"z.test"):
                same(loop.getaddrinfo(name, str(port), family=family, proto=17).result()[-1:], wanted)
            talk.run({"op": "settle"})
    same([info[4][0] for info in loop.getaddrinfo("127.0.0.1", 1).result()][:1], ["127.0.0.1"])
    same(numeric("::1%lo") and numeric("127.0.0.1") and not numeric("x.test"), True)


def check_clock(talk):
    freeze, advance = {"op": "clock.freeze"}, {"op": "clock.advance", "ms": 1}
    if not talk.has("virtual-time"):
        same([list(talk.run(command)) for command in (freeze, advance)], [["unsupported"]] * 2)
        return
    same(list(talk.run(advance)), ["fault"])
    same(talk.run(freeze, freeze), [NONE, NONE])
    loop, rang = talk.session.loop, []
    now = loop.time()

    def ring_again(first):
        rang.append(first)
        loop.call_later(0.25, rang.append, first + 0.25)

    loop.call_later(0.1, rang.append, 0.1)
    loop.call_later(0.25, ring_again, 0.25)
    cancelled = loop.call_later(0.2, rang.append, "cancelled")
    cancelled.cancel()
    for ms, due in ((99, []), (1, [0.1]), (149, [0.1]), (1, [0.1, 0.25]), (249, [0.1, 0.25]), (1, [0.1, 0.25, 0.5])):
        same(talk.run({"op": "clock.advance", "ms": ms}), NONE)
        same((ms, rang), (ms, due))
    same(abs(loop.time() - now - 0.5) < ROUNDING, True)
    # Far on at once, but as if the time went by: what is set when something rings is in time.
    del rang[:]
    loop.call_later(0.6, rang.append, 0.6)
    loop.call_later(0.25, ring_again, 0.25)
    same(talk.run({"op": "clock.advance", "ms": 700}), NONE)
    same(rang, [0.25, 0.5, 0.6])
    loop.call_later(1, rang.append, 1)
    same(talk.run({"op": "clock.advance", "ms": 2000, "no_settle": True}), NONE)
    same(len(rang), 3)
    same(talk.run({"op": "settle"}), NONE)
    same(len(rang), 4)
    # The adapter's own waits go by another clock.
    talk.connect()
    threading.Timer(0.02, talk.session.raws["w"].near.send, [b"x"]).start()
    talk.wait(event="data_received")
    same(talk.run({"op": "run", "until": {"event": "data_received", "bytes": 4}, "ms": 1}), FALSE)
    # Connecting to several addresses, one of which is silent.
    if sys.version_info < (3, 8) or not talk.has("resolver"):
        return
    talk.address("a", "tcp", "silent")
    talk.address("b", "tcp", "live")
    talk.run({"op": "resolver.answer", "name": "x.test", "addresses": ["a", "b"]})
    opened = talk.run({"op": "stream.open", "as": "s", "kind": "tcp", "host": "x.test", "delay": 250})
    same(opened["pending"], "s")
    same(talk.run({"op": "clock.advance", "ms": 249}), NONE)
    talk.run({"op": "clock.advance", "ms": 1})
    same(talk.event("finished", "s")["returned"], {})


def check_turns(talk):
    talk.run({"op": "reader.make", "as": "r"})
    loop, steps = talk.session.loop, []

    def step(rest):
        steps.append(rest)
        if rest:
            loop.call_soon(step, rest - 1)

    loop.call_soon_threadsafe(step, 9)
    same(talk.run({"op": "turn", "n": 1}), NONE)
    same(steps, [9])
    same(talk.run({"op": "turn", "n": 3}, {"op": "turn", "n": 1}), [NONE, NONE])
    same(steps, [9, 8, 7, 6, 5])
    same(talk.run({"op": "settle"}), NONE)
    same(len(steps), 10)
    same(list(talk.run({"op": "turn", "n": 0})), ["fault"])
    # What comes from outside belongs to a turn as well.
    talk.connect()
    near, calls = talk.session.raws["w"].near, []
    one, other = socket.socketpair()
    try:
        loop.add_reader(one, lambda: (one.recv(1), loop.call_soon(calls.append, 1)))
        other.send(b"x")
        for _ in range(9):
            if not calls:
                same(talk.run({"op": "turn", "n": 1}), NONE)
        same(calls, [1])
        loop.remove_reader(one)
    finally:
        one.close()
        other.close()
    near.send(b"y")
    events = []
    for _ in range(9):
        events += talk.run({"op": "turn", "n": 1}).get("events", [])
    same([event["ev"] for event in events], ["data_received"])


all_tasks = getattr(asyncio, "all_tasks", None) or asyncio.Task.all_tasks  # 3.7 and later, and before


class Unclosable:
    """A server that cannot be closed."""

    def close(self):
        raise RuntimeError("no")


def check_forgotten_servers(talk):
    talk.serve("unix", "function")
    talk.run({"op": "forget"})
    descriptors = len(os.listdir("/dev/fd"))
    more = ["w", "v", "s", "t", "k", "p"]
    calls = ["srv#%d%s" % (n, what) for n in (1, 2, 3) for what in ("", ".reader", ".writer", ".transport", ".protocol")]
    for kind in ("unix", "tcp"):
        for some in (False, True):
            talk.serve(kind, "coroutine", {"hold": True})
            talk.client("w", kind)
            talk.client("v", kind)
            talk.event("client_connected", "srv#2")
            session = talk.session
            directory = session.directory
            talk.on("srv#1.transport", "transport.pause_reading")
            talk.on("srv#2.writer", "writer.write", data={"repeat": "x", "times": 1000000})
            if hasattr(talk.session.servers["srv.server"], "serve_forever"):
                same(talk.on("srv.server", "server.serve_forever", **{"as": "s"}), {"pending": "s"})
            talk.run({"op": "socket.make", "as": "k", "kind": kind})
            talk.address("b", kind, "silent" if kind == "tcp" else "live")
            talk.run({"op": "stream.open", "as": "t", "kind": kind, "address": "b"})
            if talk.has("resolver"):
                talk.run({"op": "stream.open", "as": "p", "kind": "tcp", "host": "x.test"})
            # Who comes when all is being forgotten is nobody's.
            talk.run({"op": "raw.connect", "as": "u", "kind": kind, "address": "a", "no_settle": True})
            names = ["srv", "srv.server", "a", "b", "u", "s.server"] + more + calls + ["t" + call[5:] for call in calls[1:5]]
            before, tasks = len(talk.seen), all_tasks(session.loop)
            same(talk.run(dict({"op": "forget"}, **({"names": names} if some else {})))["returned"], {})
            same((kind, some, talk.seen[before:]), (kind, some, []))
            same(([name for name in session.calls], [task for task in tasks if not task.done()]), ([], []))
            if some:
                same(talk.run({"op": "forget"}), NONE)
            same(session.left, False)
            same((kind, some, len(os.listdir("/dev/fd"))), (kind, some, descriptors))
            same((session.directory, session.port, session.served, directory and os.path.exists(directory)), (None, None, {}, directory and False))
    # Who is being accepted when all is forgotten is not told of, and is not left open.
    for form in ("function", "coroutine"):
        for turns in range(1, 6):
            talk.serve("unix", form)
            client = {"op": "raw.connect", "as": "w", "kind": "unix", "address": "a", "no_settle": True}
            replies = talk.run(client, {"op": "turn", "n": turns, "no_settle": True}, {"op": "forget"})
            same(replies[2], NONE)
            same((form, turns, len(os.listdir("/dev/fd"))), (form, turns, descriptors))
            same(talk.run({"op": "run", "until": {"event": "client_connected"}, "ms": 1}), FALSE)
    for kind in ("tcp", "unix") if talk.testee.module is None else ("tcp",):
        talk.serve(kind, "function")
        where = talk.session.addresses["a"].name
        talk.session.servers["srv.server"] = Unclosable()
        same(talk.run({"op": "forget"}), NONE)
        with socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET) as end:
            same(end.connect_ex(where), errno.ENOENT if kind == "unix" else errno.ECONNREFUSED)
        talk.run({"op": "settle"})


CHECKS = (
    (Library, "data reach the implementation in the form asked for", check_data),
    (Library, "a mutated buffer changes after the call and before the loop runs", check_mutated_data),
    (Library, "data that cannot be decoded never reach the implementation", check_bad_data),
    (Library, "arguments not given are not passed, others are", check_arguments),
    (Library, "results come back with their type", check_results),
    (Library, "errors are told by their class, and let go of", check_errors),
    (Library, "failures are laid at the right door", check_whose_failure),
    (Library, "settling follows a chain of callbacks to its end, and notices one without an end", check_settling),
    (Library, "nothing is told of a forgotten call, however it ends", check_forgotten),
    (Library, "what goes on outside of calls is an event", check_outside),
    (Library, "what is written reaches the implementation in the form and the container asked for", check_written),
    (Library, "calls of transports, writers and protocols arrive with their arguments", check_wire_arguments),
    (Library, "what they return and raise comes back", check_wire_results),
    (Library, "a coroutine is run by hand as far as it goes", check_eager),
    (Library, "connecting and serving are called with what is given, and with nothing else", check_functions),
    (Library, "calls of servers arrive", check_server_calls),
    (Library, "a callback's exception that nobody retrieves is heard of", check_unretrieved),
    (asyncio, "a read, an overrun, an incomplete read", check_a_read),
    (asyncio, "a pending read is woken", check_a_pending_read),
    (asyncio, "nothing runs before the reply if so asked", check_no_settling),
    (asyncio, "several pending reads", check_order),
    (asyncio, "cancelling", check_cancel),
    (asyncio, "forgetting", check_forget),
    (asyncio, "a mock transport is paused and resumed", check_pausing),
    (asyncio, "iteration", check_iteration),
    (asyncio, "stored exceptions", check_exceptions),
    (asyncio, "raw ends send and receive without the implementation", check_raw_ends),
    (asyncio, "a raw end knows whether its far end is open", check_far_end),
    (asyncio, "a raw end is reset", check_reset),
    (asyncio, "a connection of each kind", check_connections),
    (asyncio, "a stream of each kind", check_streams),
    (asyncio, "a program is carried out within the callback, and told of in order", check_program),
    (asyncio, "callbacks return and raise what the program says", check_callbacks),
    (asyncio, "settling goes on as long as raw ends receive", check_settling_with_raw_ends),
    (asyncio, "raw ends can receive while nothing else runs", check_receiving_alone),
    (asyncio, "run waits for what comes from elsewhere", check_waiting),
    (asyncio, "nobody waits for what spins", check_waiting_for_who_spins),
    (asyncio, "a stream-reader protocol and a writer made by hand", check_by_hand),
    (asyncio, "letting go of objects", check_collect),
    (asyncio, "forgetting connections leaves nothing behind", check_forgotten_connections),
    (asyncio, "addresses are what they are said to be", check_addresses),
    (asyncio, "the implementation's socket at an address is asked", check_asking),
    (asyncio, "sockets to pass", check_sockets),
    (asyncio, "connecting to addresses, and accepting that", check_connecting),
    (asyncio, "a server with a callback of each form", check_serving),
    (asyncio, "settling has servers accept who has connected", check_settling_of_servers),
    (asyncio, "callbacks hold until they are released or cancelled", check_holding),
    (asyncio, "contexts of servers", check_contexts),
    (asyncio, "names are resolved as told", check_resolver),
    (asyncio, "time is stopped, and advanced to the millisecond", check_clock),
    (asyncio, "turns are counted", check_turns),
    (asyncio, "forgetting servers leaves nothing behind", check_forgotten_servers),
)


def self_check(testee):
    """Run all checks; return the exit status."""
    failed = 0
    for library, name, check in CHECKS:
        if testee.lacking and library is asyncio:  # most of these have connections of each kind
            print("--   %s: not tried, since the loop lacks %s" % (name, ", ".join(testee.lacking)))
            continue
        talk = Conversation(testee, library)
        try:
            check(talk)
            same(talk.close(), [])
        except Exception as exc:
            failed += 1
            talk.close()
            print("FAIL %s\n     %s: %s" % (name, type(exc).__name__, exc))
        else:
            print("ok   %s" % name)
    return 1 if failed else 0


# ---------------------------------------------------------------- the command line


def main(arguments):
    loop = None
    if len(arguments) >= 2 and arguments[0] == "--loop":
        loop, arguments = arguments[1], arguments[2:]
    if not arguments:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when it is over
        requests, replies = take_standard_streams()

        def action(testee):
            if hasattr(gc, "freeze"):  # 3.7 and later
                gc.freeze()  # what is here by now stays; to go through it after every session would take milliseconds
            with requests, replies:
                serve(Server(testee), requests, replies)
            return 0

    elif len(arguments) == 2 and arguments[0] == "--replay":
        action = functools.partial(replay, arguments[1])
    elif arguments == ["--self-check"]:
        action = self_check
    elif arguments == ["--describe"]:
        action = print_description
    else:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        testee = Testee.load(loop) if loop is not None else Testee(stock_loop_class())
    except LoopError as exc:
        print(exc, file=sys.stderr)
        return 2
    if action is not print_description:
        Outside.install()
    return beside_loops(functools.partial(action, testee)) if loop is not None else action(testee)


def print_description(testee):
    print(json.dumps(describe(testee)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
