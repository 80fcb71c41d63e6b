package main

import (
	"fmt"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

const programConnections = `

named = {}  # transports, readers and writers, by the names that the recording gave them


class Raw:
    """The other end of a connection, worked by system calls. It is no part of asyncio."""

    def __init__(self, kind, size=0):
        self.kind, self.socket, self.file, self.path = kind, None, None, None
        if kind == "tcp":
            with socket.socket() as listener:
                far = socket.socket()
                for sock in (listener, far):
                    self.resize(sock, size)
                listener.bind(("127.0.0.1", 0))
                listener.listen(1)
                far.connect(listener.getsockname())
                self.socket = listener.accept()[0]
        elif kind == "unix":
            self.socket, far = socket.socketpair()
            for sock in (self.socket, far):
                self.resize(sock, size)
        elif kind.endswith("pipe"):
            reading, writing = os.pipe()
            if size and hasattr(fcntl, "F_SETPIPE_SZ"):
                fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, max(size, 4096))
            far, self.file = (reading, writing) if kind == "read-pipe" else (writing, reading)
            far = os.fdopen(far, "rb" if kind == "read-pipe" else "wb", 0)
        else:
            far = tempfile.TemporaryFile(buffering=0)
        if self.socket:
            self.file = self.socket.fileno()
            far.setblocking(False)
        if self.file is not None:
            os.set_blocking(self.file, False)
        self.far = far

    @classmethod
    def of(cls, end):
        """Make one of a socket that is connected already."""
        raw = cls.__new__(cls)
        raw.kind, raw.socket, raw.file, raw.far = "socket", end, end.fileno(), None
        end.setblocking(False)
        return raw

    @staticmethod
    def resize(sock, size):
        if size:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def send(self, data):
        sent = 0
        try:
            while sent < len(data):
                sent += os.write(self.file, data[sent:])
        except BlockingIOError:
            pass
        return sent

    async def recv(self, n=None):
        data = b""
        while n is None or len(data) < n:
            try:
                part = os.read(self.file, 65536 if n is None else n - len(data))
            except BlockingIOError:
                await asyncio.sleep(0)
                continue
            if not part:
                break
            data += part
        return data

    def recv_now(self, n, seconds):
        data, end = b"", time.monotonic() + seconds
        while len(data) < n and select.select([self.file], [], [], max(0, end - time.monotonic()))[0]:
            part = os.read(self.file, n - len(data))
            if not part:
                break
            data += part
        return data

    def shutdown(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        if self.socket:
            self.socket.close()
        else:
            os.close(self.file)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def sockname(self):
        return self.socket.getsockname()

    def peername(self):
        return self.socket.getpeername()

    def far_open(self):
        return "look at /proc/self/fd"


class Protocol(asyncio.Protocol):
    """Tells of its callbacks, and does in them what it was given to do."""

    def __init__(self, name):
        self.name, self.connection, self.reactions, self.calls, self.size = name, None, [], {}, 0

    def on(self, callback, number=None):
        def enter(function):
            self.reactions.append((callback, number, function))
        return enter

    def called(self, callback, *arguments):
        print("    %s.%s(%s)" % (self.name, callback, ", ".join(shorten(a) for a in arguments)))
        count = self.calls[callback] = self.calls.get(callback, 0) + 1
        for name, number, function in self.reactions:
            if name == callback and number in (None, count):
                return function()

    def connection_made(self, transport):
        named[self.connection + ".transport"] = transport
        self.called("connection_made")

    def data_received(self, data):
        self.size += len(data)
        self.called("data_received", data)

    def eof_received(self):
        return self.called("eof_received")

    def connection_lost(self, exc):
        self.called("connection_lost", exc)

    def pause_writing(self):
        self.called("pause_writing")

    def resume_writing(self):
        self.called("resume_writing")


def shorten(value):
    text = repr(value)
    return text if len(text) <= 80 else "%s... (%d in all)" % (text[:60], len(value))


async def connect(name, raw, protocol, failing=None):
    """Have asyncio make a transport of the far end."""
    loop = asyncio.get_event_loop()

    def factory():
        if failing:
            raise failing
        return protocol

    protocol.connection = name
    if raw.kind in ("tcp", "unix"):
        create = loop.create_connection if raw.kind == "tcp" else loop.create_unix_connection
        transport, _ = await create(factory, None, sock=raw.far)
    else:
        create = loop.connect_read_pipe if raw.kind.startswith("read") else loop.connect_write_pipe
        transport, _ = await create(factory, raw.far)
    named[name + ".transport"] = transport


async def open_stream(name, raw, **options):
    """Have asyncio make a reader and a writer of the far end."""
    loop = asyncio.get_event_loop()
    reader = writer = None
    if raw.kind in ("tcp", "unix"):
        function = asyncio.open_connection if raw.kind == "tcp" else asyncio.open_unix_connection
        reader, writer = await function(sock=raw.far, **options)
        transport = writer.transport
    else:
        reader = asyncio.StreamReader(loop=loop, **options)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        if raw.kind == "read-pipe":
            transport, _ = await loop.connect_read_pipe(lambda: protocol, raw.far)
        else:
            transport, _ = await loop.connect_write_pipe(lambda: protocol, raw.far)
            reader, writer = None, asyncio.StreamWriter(transport, protocol, None, loop)
    named.update({name + ".reader": reader, name + ".writer": writer, name + ".transport": transport})


async def until(condition, seconds):
    """Let everything run until a condition holds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)  # by the clock of nobody but the operating system
        await asyncio.sleep(0)
`

// connectionStep writes the lines of a step about connections.
func (p *program) connectionStep(c trace.Command, recorded string) {
	p.connections = true
	if p.serverStep(c, recorded) {
		p.places = true
		return
	}
	_, method, _ := strings.Cut(string(c.Op), ".")
	switch c.Op {
	case trace.RawMake:
		args := pyText(string(c.Kind))
		if c.Buffer != 0 {
			args += fmt.Sprintf(", %d", c.Buffer)
		}
		p.line(fmt.Sprintf("%s = Raw(%s)", p.name(c.As), args), "")
	case trace.RawRecv:
		args := ""
		if c.N != nil {
			args = fmt.Sprint(*c.N)
		}
		if c.NoSettle && c.N != nil {
			p.call(p.object(c.On), "recv_now", fmt.Sprintf("%s, %g", args, float64(c.Ms)/1000), recorded)
			break
		}
		p.start(c.As, p.object(c.On)+".recv", args, recorded)
	case trace.ProtocolMake:
		name := p.name(c.As)
		if c.Plain != nil && *c.Plain {
			p.line(name+" = asyncio.Protocol()", "")
			break
		}
		p.line(fmt.Sprintf("%s = Protocol(%s)", name, pyText(name)), "")
		for _, r := range c.Program {
			p.reaction(name, r)
		}
	case trace.ReaderProtocolMake:
		args := p.name(c.Reader)
		if c.Callback != "" {
			args += ", lambda reader, writer: print(\"    client connected\")"
		}
		p.line(fmt.Sprintf("%s = asyncio.StreamReaderProtocol(%s)", p.name(c.As), args), "")
	case trace.BareMake:
		class := "asyncio." + c.Name
		if c.Plain == nil || !*c.Plain {
			class = fmt.Sprintf("type(\"Told\", (%s,), {\"write\": lambda self, data: print(\"    written:\", data)})", class)
		}
		p.line(fmt.Sprintf("%s = %s(extra={\"known\": \"here\"})", p.object(c.As), class), "")
	case trace.ConnectionOpen:
		args := fmt.Sprintf("%s, %s, %s", pyText(c.As), p.object(c.Raw), p.object(c.Protocol))
		if c.Exception != nil {
			args += ", " + p.scriptedError(*c.Exception)
		}
		p.start(c.As, "connect", args, recorded)
	case trace.StreamOpen:
		args := fmt.Sprintf("%s, %s", pyText(c.As), p.object(c.Raw))
		function := "open_stream"
		if c.Limit != nil {
			function = fmt.Sprintf("(lambda *a: open_stream(*a, limit=%d))", *c.Limit)
		}
		p.start(c.As, function, args, recorded)
	case trace.WriterMake:
		reader := "None"
		if c.Reader != "" {
			reader = p.name(c.Reader)
		}
		p.line(fmt.Sprintf("%s = asyncio.StreamWriter(%s, %s, %s, asyncio.get_event_loop())", p.name(c.As), p.name(c.Transport), p.name(c.Protocol), reader), "")
	case trace.WriterDrain, trace.WriterWaitClosed:
		p.start(c.As, p.object(c.On)+"."+method, "", recorded)
	case trace.WriterTransport:
		p.line(fmt.Sprintf("print(%s.transport)", p.object(c.On)), recorded)
	case trace.ObjectHas:
		p.line(fmt.Sprintf("print(hasattr(%s, %s))", p.object(c.On), pyText(c.Name)), recorded)
	case trace.ObjectIs:
		p.line(fmt.Sprintf("print(isinstance(%s, asyncio.%s))", p.object(c.On), c.Name), recorded)
	default:
		mutated := c.Data != nil && c.Data.Form == trace.Mutated
		if mutated {
			p.line("data = "+pyData(*c.Data), "")
		}
		p.call(p.object(c.On), method, p.connectionArguments(c), recorded)
		if mutated {
			p.line("data[:] = bytes(byte ^ 0xFF for byte in data)", "the buffer changes before anything runs")
		}
	}
}

// connectionArguments are those of a call that does not wait.
func (p *program) connectionArguments(c trace.Command) string {
	var args []string
	if c.Data != nil {
		if c.Data.Form == trace.Mutated {
			args = append(args, "data")
		} else {
			args = append(args, pyData(*c.Data))
		}
	}
	if c.Chunks != nil {
		args = append(args, pyChunks(c))
	}
	if c.Transport != "" {
		args = append(args, p.object(c.Transport))
	}
	if c.Protocol != "" {
		args = append(args, p.object(c.Protocol))
	}
	switch {
	case c.Op == trace.ProtocolConnectionLost && c.Exception == nil:
		args = append(args, "None")
	case c.Exception != nil:
		args = append(args, p.scriptedError(*c.Exception))
	}
	if c.Name != "" {
		args = append(args, pyText(c.Name))
	}
	if c.Default != nil {
		args = append(args, pyText(*c.Default))
	}
	if c.High != nil {
		args = append(args, fmt.Sprintf("high=%d", *c.High))
	}
	if c.Low != nil {
		args = append(args, fmt.Sprintf("low=%d", *c.Low))
	}
	return strings.Join(args, ", ")
}

// pyChunks writes the chunks of writelines in their container.
func pyChunks(c trace.Command) string {
	parts := make([]string, len(c.Chunks))
	for i, d := range c.Chunks {
		parts[i] = pyData(d)
	}
	all := strings.Join(parts, ", ")
	switch c.Container {
	case trace.Tuple:
		return "tuple([" + all + "])"
	case trace.Generator:
		return "(chunk for chunk in [" + all + "])"
	case trace.Single:
		return all
	case trace.Number:
		return "1"
	}
	return "[" + all + "]"
}

// reaction writes what a protocol does in a callback.
func (p *program) reaction(protocol string, r trace.Reaction) {
	number := ""
	if r.Nth > 0 {
		number = fmt.Sprintf(", %d", r.Nth)
	}
	p.line("", "")
	p.line(fmt.Sprintf("@%s.on(%s%s)", protocol, pyText(string(r.In)), number), "")
	p.line("def reaction():", "")
	p.does("    ", r)
	switch {
	case r.Raise != nil:
		p.line("    raise "+p.scriptedError(*r.Raise), "")
	case r.Return != nil:
		p.line("    return "+pyValue(*r.Return), "")
	case len(r.Do) == 0:
		p.line("    pass", "")
	}
	p.line("", "")
}

// does writes the calls of a reaction.
func (p *program) does(indent string, r trace.Reaction) {
	for _, c := range r.Do {
		_, method, _ := strings.Cut(string(c.Op), ".")
		on := p.object(c.On)
		p.line(fmt.Sprintf("%sshow(%s, %s.%s%s)", indent, pyText(method), on, method, prefixed(p.connectionArguments(c))), "")
	}
}

// pyValue writes a value that a callback returns.
func pyValue(v trace.Value) string {
	switch {
	case v.Bool != nil && *v.Bool:
		return "True"
	case v.Bool != nil:
		return "False"
	case v.Int != nil:
		return fmt.Sprint(*v.Int)
	case v.Text != nil:
		return pyText(*v.Text)
	case v.Bytes != nil:
		return pyBytes(*v.Bytes)
	case v.List != nil:
		parts := make([]string, len(v.List))
		for i, e := range v.List {
			parts[i] = pyValue(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "None"
}

// object is the Python expression of an object: a name of its own, or what an open connection or a server brought along.
func (p *program) object(name string) string {
	if strings.ContainsAny(name, ".#") {
		return p.part(name)
	}
	return p.name(name)
}

// wait writes that something is waited for.
func (p *program) wait(u trace.Until, ms int, recorded string) {
	seconds := float64(ms) / 1000
	condition := "False"
	if u.Done != "" && !p.places {
		p.line(fmt.Sprintf("await asyncio.wait([%s], timeout=%g)", p.name(u.Done), seconds), recorded)
		return
	}
	if u.Done != "" || u.Event == trace.Finished {
		condition = p.done(u.Done + u.On)
	} else if u.Event == trace.ClientConnected && u.On != "" {
		condition = pyText(u.On+".writer") + " in named"
	} else if u.Event == trace.Resolving && u.On != "" {
		condition = fmt.Sprintf("asked.get(%s, 0) >= %d", pyText(u.On), max(u.Count, 1))
		p.resolver = true
	} else if u.On != "" && u.Bytes > 0 {
		condition = fmt.Sprintf("%s.size >= %d", p.name(u.On), u.Bytes)
	} else if u.On != "" {
		condition = fmt.Sprintf("%s.calls.get(%s, 0) >= %d", p.name(u.On), pyText(string(u.Event)), max(u.Count, 1))
	}
	p.line(fmt.Sprintf("await until(lambda: %s, %g)", condition, seconds), recorded)
}

// done is the condition that a call has finished.
func (p *program) done(call string) string {
	if strings.Contains(call, "#") {
		return pyText(call) + " in ended"
	}
	name := p.name(call)
	return fmt.Sprintf("%s is None or %s.done()", name, name)
}
