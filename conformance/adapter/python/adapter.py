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
is a fact and not a guess: nothing will happen to the call until another command comes.

Every command has three phases: decode and look up, invoke, encode. Only what comes out of the second is laid at the
implementation's door (`raised`). A failure in the first or the third is ours or the driver's, and the reply is a
`fault`.

To see a command at work: python3 -m pdb adapter.py --replay FILE, with a breakpoint in Session.carry_out. The sections
are, in this order: data and values, errors, the loop, the session, the commands, what goes on outside of calls, the
wire protocol, replay, self-check.
"""

import array
import asyncio
import collections
import contextlib
import functools
import gc
import importlib
import io
import json
import logging
import os
import platform
import queue
import sys
import threading
import traceback
import warnings

PROTOCOL = 1  # version of the wire protocol and of the vocabulary
TRANSCRIPT_SCHEMA = 1  # version of the transcripts that --replay reads


class Fault(Exception):
    """A command that cannot be carried out: a mistake of the driver or of this adapter, never of the implementation."""


class Unsupported(Exception):
    """The implementation does not have what the command needs."""


class ScriptedError(Exception):
    """The exception that reader.set_exception stores."""


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
    ((list, tuple), "list", lambda value: [encode_value(item) for item in value]),
)


def encode_value(value):
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
            encoded = {kind: encode(value)}
            if type(value) not in (str, int, list):
                encoded["type"] = native_name(type(value))
            return encoded
    name = native_name(type(value))
    return {"text": "an object of type " + name, "type": name}


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
    (NotImplementedError, "not-supported"),  # a RuntimeError too, so it stands before that
)
READ_KINDS = KINDS + (  # of what the methods that read raise
    (RecursionError, "other"),
    (RuntimeError, "concurrent-read"),
)
FAILURES = (Exception, asyncio.CancelledError)  # what an implementation may raise and live


@functools.lru_cache(maxsize=None)
def classify(cls, reading):
    """Return the kind of an exception class, and its native name."""
    for known, kind in READ_KINDS if reading else KINDS:
        if issubclass(cls, known):
            return kind, native_name(cls)
    return "other", native_name(cls)


def native_name(cls):
    """Return the name by which a user would write the class: asyncio's modules, for one, differ between versions."""
    if getattr(asyncio, cls.__name__, None) is cls:
        return "asyncio." + cls.__name__
    if cls.__module__ in ("builtins", __name__):
        return cls.__name__
    return cls.__module__ + "." + cls.__name__


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
    exc.__traceback__ = exc.__context__ = exc.__cause__ = None
    return error


# ---------------------------------------------------------------- the loop
#
# An event loop has no public way to ask whether it is idle. But whatever a callback, a future or a task wants done
# later goes through call_soon, which is public and can be overridden; so the loop takes note. A turn in which nothing
# was scheduled has left nothing behind.

MAX_TURNS = 10000  # an implementation that goes on for longer spins

# How many idle turns it takes to be sure. Callbacks run first in, first out, so objects in memory are at rest after
# one. What a socket delivers is queued by the selector without call_soon, and takes one turn more; a session with
# sockets must also settle when at_rest is true.
MEMORY_IDLE_TURNS = 1
IO_IDLE_TURNS = 2


def settling(base):
    """Return a subclass of an event loop class that knows when it has come to rest."""
    base_call_soon, base_call_soon_threadsafe = base.call_soon, base.call_soon_threadsafe

    class SettlingLoop(base):
        at_rest = True  # whether nothing was scheduled since the turn began, or since the loop stopped
        idle_turns = MEMORY_IDLE_TURNS

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
            """Run a generator inside the loop; return what it returns. After a yield it goes on when all is at rest."""
            self.steps, self.result, self.error = steps, None, None
            if self.at_rest:
                base_call_soon(self, self.resume)
            else:  # what has been left scheduled must not run before the generator has begun
                self.resume()
            if self.steps is not None:
                self.run_forever()
            result, error, self.result, self.error = self.result, self.error, None, None
            if error is not None:
                raise error
            return result

        def resume(self):
            try:
                next(self.steps)
            except StopIteration as end:
                self.result = end.value
            except BaseException as exc:  # drive raises it, or the loop would report it and run on without us
                self.error = exc
            else:
                self.at_rest = True
                self.turns = self.idle = 0
                base_call_soon(self, self.end_turn)
                return
            self.steps = None
            if self.is_running():
                self.stop()

        def end_turn(self):
            # Runs behind all that was scheduled before this turn, and is itself not taken note of.
            self.turns += 1
            self.idle = self.idle + 1 if self.at_rest else 0
            if self.idle == self.idle_turns:
                self.resume()
            elif self.turns < MAX_TURNS:
                self.at_rest = True
                base_call_soon(self, self.end_turn)
            else:
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
        idle_turns = IO_IDLE_TURNS
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
                    next(self.steps)
                except StopIteration as end:
                    outcome = end.value, None
                except BaseException as exc:
                    outcome = None, exc
                else:
                    self.at_rest = True
                    self.turns = self.idle = 0
                    base.call_soon(self, self.end_turn)
                    return
                self.steps = None
                self.outcomes.put(outcome)

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


class Testee:
    """The event loops to be driven: asyncio's own, or those that --loop names."""

    def __init__(self, base, module=None):
        self.base, self.module = base, module
        self.loop_class = settling(base) if module is None else parking(base)

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
        except (Exception, SystemExit) as exc:
            what = "the loop class %s cannot be subclassed and made without arguments, which counting its callbacks takes: %s"
            raise LoopError(what % (native_name(base), in_a_line(exc))) from None
        if not notices:
            what = "%s schedules callbacks otherwise than by its call_soon, so nobody can tell when it is at rest"
            raise LoopError(what % native_name(base))
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


def in_a_line(exc):
    return " ".join(("%s: %s" % (native_name(type(exc)), exc)).split())


def stock_loop_class():
    """Return the class of the loops that asyncio makes on this platform."""
    loop = asyncio.new_event_loop()
    loop.close()
    return type(loop)


# ---------------------------------------------------------------- the session

# Replies are never changed once made, so the most frequent one can be the same object every time.
NONE = {"returned": {}}
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

    def __init__(self, loop_class, library=asyncio):
        self.library = library  # where the classes under test come from; the self-check puts its own in place
        self.readers = Family("reader")
        self.transports = Family("transport")
        self.calls = Family("call")  # tasks; None for a call that failed before there was a task
        self.waiting = {}  # those of them whose reply was pending: task to name
        self.events = []  # since the last reply
        self.told = collections.Counter()  # the events of the replies before, by name and by object
        self.faults = []  # since the last reply, in callbacks, where they cannot be raised
        self.buffers = []  # to overwrite after the call at hand
        self.loop = loop_class()
        self.loop.set_debug(False)  # the environment may have asked for it
        self.loop.spins = lambda: self.emit("unsettled")
        self.loop.set_exception_handler(self.unhandled)
        asyncio.set_event_loop(self.loop)
        Outside.session = self

    def run(self, commands):
        """Carry out commands; return the replies."""
        return self.loop.drive(self.carry_out(commands))

    def close(self):
        """Drop everything; return the events of that."""
        self.loop.drive(self.clean_up())
        self.loop.close()
        Outside.session = None
        asyncio.set_event_loop(None)
        return self.events

    # These two run inside the loop, so the implementation is called as by a user's callback. Each yield lets it
    # run until nothing more happens.

    def carry_out(self, commands):
        loop, replies = self.loop, []
        for command in commands:
            try:
                reply = COMMANDS[command["op"]](self, command)
                if not loop.at_rest and not command.get("no_settle"):
                    yield
                    if self.waiting:
                        self.look()
                if type(reply) is not dict:  # but a call that was started, or a function to ask after settling
                    reply = reply() if callable(reply) else self.progress(command["as"], reply)
            except Exception as exc:
                reply = self.explain(command, exc)
            if self.events or self.faults:
                reply = self.complete(reply)
            replies.append(reply)
        return replies

    def clean_up(self):
        self.forget()
        yield
        gc.collect()
        yield

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
        for family in (self.readers,):
            if name in family and not hasattr(family[name], method):
                return Unsupported("%s has no %s" % (type(family[name]).__name__, method))
        return None

    # Names.

    def claim(self, command):
        """Return the name that the command gives to what it makes, which must be free."""
        name = command["as"]
        if name in self.calls or name in self.readers or name in self.transports:
            raise Fault("the name %.80r is taken" % (name,))
        return name

    def forget(self):
        """Drop all objects and calls."""
        if self.waiting:
            self.abandon(list(self.waiting))
        self.calls.clear()
        self.readers.clear()
        self.transports.clear()

    def forget_some(self, names):
        """Drop the objects and calls of these names."""
        self.abandon([task for task, name in self.waiting.items() if name in names])
        for family in (self.calls, self.readers, self.transports):
            for name in names:
                family.pop(name, None)

    def abandon(self, tasks):
        """Cancel pending calls, and tell nothing of how they end."""
        for task in tasks:
            del self.waiting[task]
            task.add_done_callback(retrieve)
            task.cancel()

    # The three styles of command. What is passed in has been decoded already; here are the phases two and three.

    def make(self, command, family, cls, **arguments):
        """Make an object and keep it by its name."""
        name = self.claim(command)
        try:
            made = cls(**arguments)
        except FAILURES as exc:
            return {"raised": encode_error(exc)}
        family[name] = made
        return NONE

    def call(self, function, *arguments):
        """Call something that comes back at once."""
        try:
            result = function(*arguments)
        except FAILURES as exc:
            reply = {"raised": encode_error(exc)}
        else:
            reply = NONE if result is None else {"returned": encode_value(result)}
        if self.buffers:
            self.overwrite_buffers()
        return reply

    def start(self, command, method, *arguments):
        """Start something that may wait; progress tells after settling how far it came."""
        name = self.claim(command)
        try:
            awaitable = method(*arguments)
        except FAILURES as exc:
            self.calls[name] = None
            return {"raised": encode_error(exc, reading=True)}
        if self.buffers:
            self.overwrite_buffers()
        task = self.calls[name] = self.loop.create_task(awaitable)
        return task

    def progress(self, name, task):
        """Return the reply to the command that started a call."""
        if task.done():
            return outcome(task)
        self.waiting[task] = name
        if len(self.waiting) > 1:
            self.watch()
        return {"pending": name}

    def overwrite_buffers(self):
        for buffer in self.buffers:
            overwrite(buffer)
        self.buffers = []

    # Pending calls.

    def look(self):
        """Tell of the calls that have come to their end."""
        for task in list(self.waiting):
            if task.done():
                self.finished(task)

    def watch(self):
        """Let calls tell of their end themselves.

        While a single one is pending, it is enough to look after settling, which saves the loop a turn. Of several, the
        events must stand in the order in which the calls finish.
        """
        for task in self.waiting:
            task.remove_done_callback(self.finished)
            task.add_done_callback(self.finished)

    def finished(self, task):
        name = self.waiting.pop(task, None)
        if name is None:  # told already, or forgotten
            return
        try:
            event = outcome(task)
        except Exception as exc:  # must not reach the loop, which would lay it at the implementation's door
            self.faults.append(describe_fault("the end of " + name, exc))
            return
        event["ev"], event["on"] = "finished", name
        self.events.append(event)

    # Events.

    def emit(self, event, **details):
        self.events.append(dict(details, ev=event))

    def unhandled(self, loop, context):
        self.emit("unhandled", text=with_error(context.get("message", ""), context.get("exception")))


def outcome(task):
    """Return what became of a finished task."""
    if task.cancelled():
        return {"raised": {"kind": "cancelled", "native": native_name(asyncio.CancelledError)}}
    exc = task.exception()
    if isinstance(exc, Fault):
        raise exc
    if exc is not None:
        return {"raised": encode_error(exc, reading=True)}
    result = task.result()
    if type(result) is bytes:
        return {"returned": {"bytes": result.decode("latin-1")}}
    return {"returned": encode_value(result)}


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
    """Records that it was paused and resumed, and does nothing else."""

    def __init__(self, session, name, can_pause):
        super().__init__()
        self.session, self.name, self.can_pause = session, name, can_pause

    def pause_reading(self):
        self.emit("pause_reading")
        if not self.can_pause:
            raise NotImplementedError

    def resume_reading(self):
        self.emit("resume_reading")

    def emit(self, event):
        if self.session.transports.get(self.name) is self:  # not forgotten
            self.session.emit(event, on=self.name)


@command("mock.make")
def mock_make(session, command):
    name = session.claim(command)
    session.transports[name] = MockTransport(session, name, command.get("can_pause", True))
    return NONE


# Control.


@command("cancel")
def cancel(session, command):
    task = session.calls[command["on"]]
    if task is not None and not task.done():
        task.cancel()
    return NONE


@command("settle")
def settle(session, command):
    return NONE  # which is done before every reply


@command("run")
def run(session, command):
    until = command["until"]
    number(command["ms"])
    # Settling is exact: what objects in memory have not done by then they never will, so there is no sense in waiting
    # for the deadline.
    if "event" in until:
        ev, on, count = until["event"], until.get("on"), number(until.get("count", 1))
        return lambda: TRUE if session.happened(ev, on) >= count else FALSE
    task = session.calls[until["done"]]
    return lambda: TRUE if task is None or task.done() else FALSE


@command("forget")
def forget(session, command):
    if "names" in command:
        names = command["names"]
        if not isinstance(names, list):
            raise Fault("names is a list, not %.80r" % (names,))
        session.forget_some(names)
    else:
        session.forget()
    return NONE


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
            self.session, self.session_id = Session(self.testee.loop_class, self.library), session_id
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


def describe(testee):
    """Return what this adapter says of itself."""
    capabilities = ["reader", "reader.transport", "typed-buffers", "python-surface"]
    if sys.version_info >= (3, 13):
        capabilities.append("reader.tuple-separators")
    names = [name for name in ("SelectorEventLoop", "ProactorEventLoop") if getattr(asyncio, name, None) is testee.base]
    loop = names[0] if names else native_name(testee.base)
    name, version = platform.python_implementation() + " asyncio", platform.python_version()
    if testee.module is not None:
        loop = "%s on %s %s" % (loop, platform.python_implementation(), version)
        name, version = testee.module.__name__, str(getattr(testee.module, "__version__", "") or "unknown")
    system = os.uname().sysname if hasattr(os, "uname") else "Windows"
    return {
        "protocol": PROTOCOL,
        "name": name,
        "version": version,
        "language": "python",
        "target": "%d.%d" % sys.version_info[:2],
        "settling": "exact",
        "capabilities": capabilities,
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
    session = Session(testee.loop_class)
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
    text = json.dumps(value)
    return text if len(text) <= most else "%s... (%d characters)" % (text[:most], len(text))


# ---------------------------------------------------------------- self-check
#
# The checks ask a Server, line by line, as the driver would. In the first half the reader class is a stand-in that
# keeps what reaches it and behaves as told; in the second half it is asyncio's own.


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


class Library:
    """Takes the place of the module asyncio."""

    StreamReader = StandIn
    readers = []
    behaviour = None  # what a method of the stand-in calls


class Conversation:
    """A driver for the checks."""

    def __init__(self, testee, library):
        self.server = Server(testee, library)
        if library is not asyncio:
            self.run({"op": "reader.make", "as": "r"})
            self.reader = library.readers.pop()

    def ask(self, method, **params):
        line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode("utf-8")
        return json.loads(self.server.answer(line).decode("utf-8"))

    def run(self, *commands):
        """Return the replies, or the one reply."""
        replies = self.ask("session.run", session=1, commands=commands)["result"]["replies"]
        return replies if len(commands) > 1 else replies[0]

    def close(self):
        return self.ask("session.close", session=1)["result"]["events"]

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
    (OSError("o"), {"kind": "other"}),
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
            wanted["kind"] = "other"
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
    (asyncio, "a read, an overrun, an incomplete read", check_a_read),
    (asyncio, "a pending read is woken", check_a_pending_read),
    (asyncio, "nothing runs before the reply if so asked", check_no_settling),
    (asyncio, "several pending reads", check_order),
    (asyncio, "cancelling", check_cancel),
    (asyncio, "forgetting", check_forget),
    (asyncio, "a mock transport is paused and resumed", check_pausing),
    (asyncio, "iteration", check_iteration),
    (asyncio, "stored exceptions", check_exceptions),
)


def self_check(testee):
    """Run all checks; return the exit status."""
    failed = 0
    for library, name, check in CHECKS:
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
