package main

import (
	"fmt"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

const programPlaces = `

directory = tempfile.TemporaryDirectory()
PORT = 10000 + os.getpid() % 20000
counts, ended, released, errors = {}, [], {}, {}  # of calls of servers' callbacks


class Address:
    """A host and a port, or a path, and what is there. It is no part of asyncio."""

    number = 0

    def __init__(self, kind, state="free", host=None, port=PORT):
        Address.number += 1
        self.kind, self.own = kind, []
        if kind == "tcp":
            self.name = host or "127.77.%d.%d" % (os.getpid() % 256, Address.number), port
            self.family = socket.AF_INET6 if ":" in self.name[0] else socket.AF_INET
        else:
            self.name = os.path.join(directory.name, "missing" if state == "no-directory" else "", "s%d" % Address.number)
            self.family = socket.AF_UNIX
        self.put(state)

    def put(self, state):
        while self.own:
            self.own.pop().close()
        if self.kind == "unix" and os.path.lexists(self.name):
            os.unlink(self.name)
        if state == "file":
            open(self.name, "w").close()
        if state in ("live", "silent", "stale"):
            listener = socket.socket(self.family)
            self.own.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self.name)
            if state == "stale":
                self.own.pop().close()
                return
            listener.listen(0 if state == "silent" else 100)
            listener.setblocking(False)
            if state == "silent":  # one fills the queue
                self.own.append(socket.create_connection(self.name))

    def state(self):
        if not os.path.lexists(self.name):
            return "free"
        return "file" if os.path.isfile(self.name) else "socket"

    def ask(self, name):
        return "look at what ss -ltn says"

    def connect(self, size=0):
        end = socket.socket(self.family)
        Raw.resize(end, size)
        end.settimeout(5 if self.kind == "tcp" else 0)
        if self.kind == "unix":
            end.bind("")  # gives it a name
        end.connect(self.name)
        return Raw.of(end)

    def accept(self):
        return Raw.of(self.own[0].accept()[0])


def keep(name, reader, writer):
    transport = writer.transport
    named.update({name + ".reader": reader, name + ".writer": writer, name + ".transport": transport})
    named[name + ".protocol"] = transport.get_protocol()


async def open_to(name, function, *arguments, **options):
    """Have asyncio connect."""
    keep(name, *await function(*arguments, **options))


async def serve(name, function, *arguments, **options):
    """Have asyncio start a server."""
    named[name + ".server"] = await function(*arguments, **options)


async def context(name, server, forever):
    """Be in the context of a server."""
    async with server:
        if forever:
            await server.serve_forever()
        else:
            await hold(name)


def connected(server, reader, writer):
    """Take note of a call of a server's callback; return its name."""
    counts[server] = counts.get(server, 0) + 1
    call = "%s#%d" % (server, counts[server])
    print("    %s: a client has connected from %r" % (call, writer.get_extra_info("peername")))
    keep(call, reader, writer)
    return call


@contextlib.contextmanager
def telling(call):
    """Tell how a callback that is a coroutine ends."""
    named[call] = (getattr(asyncio, "current_task", None) or asyncio.Task.current_task)()
    try:
        yield
        print("    %s returns" % call)
    except BaseException as exc:
        print("    %s raises %r" % (call, exc))
        raise
    finally:
        ended.append(call)


async def hold(call):
    """Wait until a call is released."""
    released[call] = asyncio.Event()
    await released[call].wait()
    if errors.get(call):
        raise errors[call]


def release(call, error=None):
    errors[call] = error
    released[call].set()
`

const programLeave = `
    for name, thing in list(named.items()):
        if name.endswith(".server"):
            thing.close()
        elif "." not in name and name not in ended:
            thing.cancel()
    await settle()
`

const programResolver = `

answers, asked, waiters = {}, {}, {}  # by names of hosts


def answer(host, what):
    """Say what a host's addresses are, or which error resolving it raises."""
    answers[host] = what
    for waiter in waiters.pop(host, []):
        waiter.set()


async def resolve(host, port, *, family=0, type=0, proto=0, flags=0):
    if host not in answers and not str(host).endswith(".test"):
        return socket.getaddrinfo(host, port, family, type, proto, flags)
    print("    resolving %s" % host)
    asked[host] = asked.get(host, 0) + 1
    if host not in answers:
        waiter = asyncio.Event()
        waiters.setdefault(host, []).append(waiter)
        await waiter.wait()
    if isinstance(answers[host], Exception):
        raise answers[host]
    found = [address for address in answers[host] if family in (0, address.family)]
    return [(a.family, socket.SOCK_STREAM, proto or socket.IPPROTO_TCP, "", (a.name[0], port)) for a in found]
`

const programClock = `

clock = []  # when time was stopped, and by how many milliseconds it has been advanced since


def freeze():
    clock[:] = [loop.time(), 0]
    loop.time = lambda: clock[0] + clock[1] / 1000


async def advance(ms):
    for _ in range(ms):
        clock[1] += 1
        await asyncio.sleep(0)
`

// serverStep writes the lines of a step about addresses, servers, connecting, the resolver or the clock, if it is one.
func (p *program) serverStep(c trace.Command, recorded string) bool {
	_, method, _ := strings.Cut(string(c.Op), ".")
	switch c.Op {
	case trace.AddressMake:
		p.line(fmt.Sprintf("%s = Address(%s)", p.name(c.As), addressArguments(c)), recorded)
	case trace.AddressPut:
		p.call(p.name(c.On), method, pyText(string(c.State)), recorded)
	case trace.AddressState, trace.AddressAsk:
		p.call(p.name(c.On), method, p.connectionArguments(c), recorded)
	case trace.RawConnect:
		size := ""
		if c.Buffer != 0 {
			size = fmt.Sprint(c.Buffer)
		}
		p.made(c.As, p.name(c.Address)+".connect", size, recorded)
	case trace.RawAccept:
		p.made(c.As, p.name(c.Address)+".accept", "", recorded)
	case trace.SocketMake:
		p.socket(c)
	case trace.SocketIsOpen:
		p.line(fmt.Sprintf("print(%s.fileno() >= 0)", p.name(c.On)), recorded)
	case trace.StreamOpen:
		if c.Raw != "" {
			return false
		}
		function := "asyncio.open_connection"
		if c.Kind == trace.Unix {
			function = "asyncio.open_unix_connection"
		}
		p.begin(c.As, "open_to", function, p.placed(c, c.Address != "", c.Address), recorded)
	case trace.StreamServe:
		function := "asyncio.start_server"
		if c.Kind == trace.Unix {
			function = "asyncio.start_unix_server"
		}
		callback := p.callback(c)
		p.begin(c.As, "serve", function, append([]string{callback}, p.placed(c, c.Addresses != nil, c.Addresses...)...), recorded)
	case trace.ServerSockets:
		p.line(fmt.Sprintf("print([end.getsockname() for end in %s.sockets or []])", p.object(c.On)), recorded)
	case trace.ServerStartServing, trace.ServerServeForever, trace.ServerWaitClosed:
		p.start(c.As, p.object(c.On)+"."+method, "", recorded)
	case trace.ServerContext:
		forever := "False"
		if c.Serve != nil && *c.Serve {
			forever = "True"
		}
		p.start(c.As, "context", fmt.Sprintf("%s, %s, %s", pyText(c.As), p.object(c.On), forever), recorded)
	case trace.Release:
		args := pyText(c.On)
		if c.Exception != nil {
			args += ", " + p.scriptedError(*c.Exception)
		}
		p.line(fmt.Sprintf("show(%s, release, %s)", pyText("release("+args+")"), args), recorded)
	case trace.ResolverAnswer:
		p.resolver = true
		what := "socket.gaierror(" + pyText(deref(c.Exception)) + ")"
		if c.Exception == nil {
			what = "[" + strings.Join(p.namesOf(c.Addresses), ", ") + "]"
		}
		p.line(fmt.Sprintf("answer(%s, %s)", pyText(c.Name), what), recorded)
	case trace.ClockFreeze:
		p.clock = true
		p.line("freeze()", recorded)
	case trace.ClockAdvance:
		p.clock = true
		p.line(fmt.Sprintf("await advance(%d)", c.Ms), recorded)
	default:
		return false
	}
	return true
}

// begin writes that asyncio connects or serves.
func (p *program) begin(as, helper, function string, args []string, recorded string) {
	name, all := p.name(as), strings.Join(args, ", ")
	p.live = append(p.live, name)
	p.line(fmt.Sprintf("%s = start(%s, %s, %s, %s, %s%s)", name, pyText(name), pyText(function+"("+all+")"), helper, pyText(as), function, prefixed(all)), recorded)
}

// made writes that something is made by a call that may fail.
func (p *program) made(as, function, args, recorded string) {
	p.line(fmt.Sprintf("%s = show(%s, %s%s)", p.name(as), pyText(function+"("+args+")"), function, prefixed(args)), recorded)
}

func addressArguments(c trace.Command) string {
	args := []string{pyText(string(c.Kind))}
	if c.State != "" {
		args = append(args, pyText(string(c.State)))
	}
	if c.Host != nil {
		args = append(args, "host="+pyText(*c.Host))
	}
	if c.Port != nil {
		args = append(args, fmt.Sprintf("port=%d", *c.Port))
	}
	return strings.Join(args, ", ")
}

// socket writes that a socket is made to be passed.
func (p *program) socket(c trace.Command) {
	name, family, sort := p.name(c.As), "socket.AF_INET", "socket.SOCK_STREAM"
	if c.Raw != "" {
		p.line(fmt.Sprintf("%s = %s.far", name, p.object(c.Raw)), "")
		return
	}
	if c.Kind == trace.Unix {
		family = "socket.AF_UNIX"
	}
	if c.Address != "" {
		family = p.name(c.Address) + ".family"
	}
	if c.Datagram != nil && *c.Datagram {
		sort = "socket.SOCK_DGRAM"
	}
	p.line(fmt.Sprintf("%s = socket.socket(%s, %s)", name, family, sort), "")
	if c.Address != "" {
		p.line(fmt.Sprintf("%s.bind(%s.name)", name, p.name(c.Address)), "")
	}
}

// placed are the arguments of connecting and serving, at addresses or not.
func (p *program) placed(c trace.Command, given bool, addresses ...string) []string {
	var args []string
	if c.Kind == trace.Unix {
		for _, a := range addresses {
			path := p.name(a) + ".name"
			if c.PathLike != nil && *c.PathLike {
				path = "pathlib.Path(" + path + ")"
			}
			if given {
				args = append(args, path)
			}
		}
	} else {
		args = p.hostsAndPort(c, given, addresses)
	}
	for _, number := range []struct {
		name  string
		value *int
	}{
		{"proto", c.Proto}, {"flags", c.Flags}, {"interleave", c.Interleave}, {"limit", c.Limit}, {"backlog", c.Backlog},
	} {
		if number.value != nil {
			args = append(args, fmt.Sprintf("%s=%d", number.name, *number.value))
		}
	}
	for _, yes := range []struct {
		name  string
		value *bool
	}{
		{"reuse_address", c.ReuseAddress}, {"reuse_port", c.ReusePort}, {"start_serving", c.StartServing},
	} {
		if yes.value != nil {
			args = append(args, yes.name+"="+pyValue(trace.BoolValue(*yes.value)))
		}
	}
	if c.Family != "" {
		families := map[trace.Family]string{trace.Unspecified: "AF_UNSPEC", trace.IPv4: "AF_INET", trace.IPv6: "AF_INET6"}
		args = append(args, "family=socket."+families[c.Family])
	}
	if c.Delay != nil {
		args = append(args, fmt.Sprintf("happy_eyeballs_delay=%g", float64(*c.Delay)/1000))
	}
	if c.Local != "" {
		args = append(args, "local_addr="+p.name(c.Local)+".name")
	}
	if c.Socket != "" {
		args = append(args, "sock="+p.name(c.Socket))
	}
	return p.further(c, args)
}

// hostsAndPort are the host or the hosts and the port, as far as they are given.
func (p *program) hostsAndPort(c trace.Command, given bool, addresses []string) []string {
	if c.Host == nil && !given {
		if c.Port != nil {
			return []string{fmt.Sprintf("port=%d", *c.Port)}
		}
		return nil
	}
	port := "PORT"
	var hosts []string
	if given {
		for i, a := range p.namesOf(addresses) {
			hosts = append(hosts, a+".name[0]")
			if i == 0 {
				port = a + ".name[1]"
			}
		}
	}
	host := "[" + strings.Join(hosts, ", ") + "]"
	if len(hosts) == 1 {
		host = hosts[0]
	}
	if c.Host != nil {
		host = pyText(*c.Host)
	}
	if c.Port != nil {
		port = fmt.Sprint(*c.Port)
	}
	return []string{host, port}
}

// further adds the arguments that the driver has named by itself: those by position stand before those by name.
func (p *program) further(c trace.Command, args []string) []string {
	positional := 0
	for positional < len(args) && !strings.Contains(args[positional], "=") {
		positional++
	}
	for _, k := range c.Keywords {
		value := pyValue(k.Value)
		if k.Value.Object == "loop" {
			value = "asyncio.get_event_loop()"
		}
		if k.Name != "" {
			args = append(args, k.Name+"="+value)
			continue
		}
		args = append(args[:positional:positional], append([]string{value}, args[positional:]...)...)
		positional++
	}
	return args
}

// callback writes the client-connected callback of a server, and returns its name.
func (p *program) callback(c trace.Command) string {
	name, indent := p.name(c.As+"_connected"), "    "
	waits := c.Callback == trace.Coroutine || c.Callback == trace.Object
	p.line("", "")
	if waits {
		p.line("async def "+name+"(reader, writer):", "")
	} else {
		p.line("def "+name+"(reader, writer):", "")
	}
	p.line(fmt.Sprintf("    call = connected(%s, reader, writer)", pyText(c.As)), "")
	if waits {
		p.line("    with telling(call):", "")
		indent += "    "
	} else {
		p.line("    ended.append(call)", "")
	}
	in := func(r trace.Reaction) string {
		if r.Nth == 0 {
			return indent
		}
		p.line(fmt.Sprintf("%sif call == %s:", indent, pyText(fmt.Sprintf("%s#%d", c.As, r.Nth))), "")
		return indent + "    "
	}
	for _, r := range c.Program {
		if len(r.Do) > 0 {
			p.does(in(r), r)
		}
	}
	for i := len(c.Program) - 1; i >= 0; i-- { // the last one says how it ends
		r := c.Program[i]
		inner := in(r)
		if r.Hold && waits {
			p.line(inner+"await hold(call)", "")
		}
		switch {
		case r.Raise != nil:
			p.line(inner+"raise "+p.scriptedError(*r.Raise), "")
		case r.Return != nil:
			p.line(inner+"return "+pyValue(*r.Return), "")
		default:
			p.line(inner+"return None", "")
		}
		if r.Nth == 0 {
			break
		}
	}
	if waits && len(c.Program) == 0 {
		p.line(indent+"return None", "")
	}
	if !waits {
		p.line("", "")
	}
	p.line("", "")
	switch c.Callback {
	case trace.Future:
		return fmt.Sprintf("lambda *ends: (%s(*ends), asyncio.get_event_loop().create_future())[1]", name)
	case trace.Object:
		return fmt.Sprintf(`type("Callback", (), {"__call__": lambda self, *ends: %s(*ends)})()`, name)
	}
	return name
}

func (p *program) namesOf(names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = p.name(name)
	}
	return all
}

// scriptedError writes an exception of ours.
func (p *program) scriptedError(text string) string {
	p.scripted = true
	return p.error + "(" + pyText(text) + ")"
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
