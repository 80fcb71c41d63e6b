package gokit

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/streamspec/streamspec/spec/trace"
)

// An address is where a server of the implementation, or the driver, can be connected to.
type address struct {
	kind trace.EndKind
	host string // of TCP
	port int    // of TCP
	path string // of Unix
	occupant
}

func (a *address) String() string {
	if a.kind == trace.Unix {
		return a.path
	}
	return net.JoinHostPort(a.host, strconv.Itoa(a.port))
}

// errNoIPv6 says that this machine has no such address.
var errNoIPv6 = errors.New("there is no IPv6 here")

// places are where the addresses of a scenario lie.
type places struct {
	port int    // of all its addresses of TCP; 0: it has none yet
	lock int    // the descriptor by which the port is its own
	dir  string // of its Unix sockets; empty: it has none yet
	made int    // hosts and paths
}

// free gives everything back.
func (p *places) free() {
	if p.port != 0 {
		unlockPort(p.lock)
	}
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
	*p = places{}
}

// newHost returns a host of the loopback interface at which nobody is.
func (p *places) newHost() (string, error) {
	if p.made++; p.made > 254 {
		return "", errors.New("there are no more hosts")
	}
	pid := os.Getpid()
	return netip.AddrFrom4([4]byte{127, byte(1 + pid>>8%254), byte(pid), byte(p.made)}).String(), nil
}

// thePort returns the port of all addresses of TCP.
func (p *places) thePort() (int, error) {
	if p.port == 0 {
		var err error
		if p.port, p.lock, err = lockPort(); err != nil {
			return 0, err
		}
	}
	return p.port, nil
}

// newPath returns a path at which there is nothing.
func (p *places) newPath(inDirectory bool) (string, error) {
	if p.dir == "" {
		dir, err := os.MkdirTemp("", "streamspec-")
		if err != nil {
			return "", err
		}
		p.dir = dir
	}
	p.made++
	if inDirectory {
		return filepath.Join(p.dir, fmt.Sprint(p.made)), nil
	}
	return filepath.Join(p.dir, fmt.Sprint("missing", p.made), "socket"), nil
}

// misses says that something that the driver makes of connections cannot be made here; nil: it can.
func (w *world) misses(c *trace.Command) *trace.Reply {
	var r trace.Reply
	switch {
	case !haveRaw:
		r.Unsupported = fmt.Sprintf("there is %s on Linux only", c.Op)
	case w.wire == nil:
		r = fault("a session that has made something by hand forgets it before %s", c.Op)
	default:
		return nil
	}
	return &r
}

// makeAddress makes an address.
func (w *world) makeAddress(c *trace.Command) trace.Reply {
	if r := w.misses(c); r != nil {
		return *r
	}
	a, err := w.newAddress(c)
	if err == nil {
		err = a.set(c.State)
	}
	switch {
	case errors.Is(err, errNoIPv6):
		return trace.Reply{Unsupported: err.Error()}
	case err != nil:
		return fault("making an address: %v", err)
	}
	w.put(c.As, a)
	return none()
}

func (w *world) newAddress(c *trace.Command) (a *address, err error) {
	a = &address{kind: c.Kind}
	if c.Kind == trace.Unix {
		a.path, err = w.places.newPath(c.State != trace.NoDirectory)
		return a, err
	}
	if c.Port != nil {
		a.port = *c.Port
	} else if a.port, err = w.places.thePort(); err != nil {
		return nil, err
	}
	if c.Host == nil {
		a.host, err = w.places.newHost()
		return a, err
	}
	ip, err := netip.ParseAddr(*c.Host)
	if err != nil {
		return nil, err
	}
	a.host = ip.String()
	if ip.Is6() && !hasIP(ip) {
		return nil, errNoIPv6
	}
	return a, nil
}

// set takes away what the driver has at the address, and puts something there.
func (a *address) set(state trace.State) error {
	a.leave()
	if a.kind == trace.Unix {
		if err := os.RemoveAll(a.path); err != nil {
			return err
		}
	}
	switch state {
	case trace.Live:
		return a.listen()
	case trace.Silent:
		return a.silence()
	case trace.Stale:
		defer a.leave()
		return a.listen()
	case trace.RegularFile:
		return os.WriteFile(a.path, nil, 0o600)
	}
	return nil
}

// onAddress carries out a call of an address.
func (w *world) onAddress(c *trace.Command, a *address) trace.Reply {
	switch c.Op {
	case trace.AddressPut:
		if err := a.set(c.State); err != nil {
			return fault("%s: %v", c, err)
		}
		return none()
	case trace.AddressState:
		if a.kind != trace.Unix {
			return fault("%s is no path", c.On)
		}
		return w.returned(stateOf(a.path))
	case trace.AddressAsk:
		v, err := a.ask(c.Name, w.notTheirs())
		if err != nil {
			return fault("%s: %v", c, err)
		}
		return w.returned(v)
	}
	return unknown(c)
}

// stateOf tells what is at a path.
func stateOf(path string) string {
	switch info, err := os.Lstat(path); {
	case err != nil:
		return "free"
	case info.Mode().Type() == os.ModeSocket:
		return "socket"
	}
	return "file"
}

// drop takes away what the driver has at the address.
func (a *address) drop() {
	if err := a.set(trace.Free); err != nil {
		a.leave()
	}
}

// addressesOf returns the addresses of these names.
func (w *world) addressesOf(names []string) ([]*address, error) {
	var all []*address
	for _, name := range names {
		a, ok := w.object(name).(*address)
		if !ok {
			return nil, fmt.Errorf("there is no address %q", name)
		}
		all = append(all, a)
	}
	return all, nil
}

// connectRaw connects to an address.
func (w *world) connectRaw(c *trace.Command) trace.Reply {
	if r := w.misses(c); r != nil {
		return *r
	}
	a, ok := w.object(c.Address).(*address)
	if !ok || a.kind != c.Kind {
		return fault("there is no address %q of %s", c.Address, c.Kind)
	}
	r, err := newConnecting(a, c.Buffer)
	if err != nil {
		return fault("making a socket: %v", err)
	}
	w.naming.Lock()
	err = r.connect(a)
	w.put(c.As, r)
	w.naming.Unlock()
	if err == nil {
		err = r.connected()
	}
	if err != nil {
		r.close()
		w.remove(c.As)
		return w.answer(err)
	}
	return none()
}

// acceptRaw takes a connection that the implementation has made.
func (w *world) acceptRaw(c *trace.Command) trace.Reply {
	a, ok := w.object(c.Address).(*address)
	if !ok || a.kind != c.Kind {
		return fault("there is no address %q of %s", c.Address, c.Kind)
	}
	r, err := a.accept()
	switch {
	case errors.Is(err, errNotLive):
		return fault("%s is not live", c.Address)
	case err != nil:
		return w.answer(err)
	}
	w.put(c.As, r)
	for name, call := range w.calls {
		t, ok := w.object(name + ".transport").(BaseTransport)
		if ok && call.command.Op == trace.StreamOpen && w.isFar(r, t.GetExtraInfo) {
			return trace.Reply{Returned: &trace.Value{Object: name}}
		}
	}
	return none()
}

var errNotLive = errors.New("the address is not live")

// isFar tells whether what has that information is certainly the far end of a raw end.
func (w *world) isFar(r *raw, info func(string) (any, bool)) bool {
	same := func(name string, want any) bool {
		got, ok := info(name)
		return ok && w.value(got).String() == w.value(want).String()
	}
	switch {
	case r.local == nil || !same("peername", r.local):
		return false
	case r.kind == trace.TCP:
		return same("sockname", r.remote)
	case r.named:
		return true
	}
	s, _ := info("socket")
	conn, ok := s.(syscall.Conn)
	return ok && r.far.isOf(conn)
}

// isOf reports whether it is the identity of a connection's descriptor.
func (i identity) isOf(conn syscall.Conn) (is bool) {
	if c, err := conn.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) {
			found, err := identify(int(fd))
			is = err == nil && found == i
		})
	}
	return is
}

// nameOf returns the raw end that has connected to something, empty if that cannot be told.
func (w *world) nameOf(info func(string) (any, bool)) string {
	w.naming.Lock() // a raw end that is connecting has its name afterwards
	defer w.naming.Unlock()
	w.mu.Lock()
	raws := map[string]*raw{}
	for name, o := range w.objects {
		if r, ok := o.(*raw); ok {
			raws[name] = r
		}
	}
	w.mu.Unlock()
	for name, r := range raws {
		if w.isFar(r, info) {
			return name
		}
	}
	return ""
}

// A socket is one of the driver's until the implementation has taken it.
type socket struct {
	kind   trace.EndKind
	file   *os.File     // as long as it is nothing else
	conn   net.Conn     // what it became
	server net.Listener // or what
	given  atomic.Bool  // it is the implementation's
	identity
}

// makeSocket makes a socket.
func (w *world) makeSocket(c *trace.Command) trace.Reply {
	if r := w.misses(c); r != nil {
		return *r
	}
	s := &socket{kind: c.Kind}
	var err error
	if c.Raw != "" {
		r, ok := w.object(c.Raw).(*raw)
		if !ok || r.kind != c.Kind {
			return fault("there is no raw end %q of %s", c.Raw, c.Kind)
		}
		var end End
		end, err = r.take()
		if s.identity = r.far.identity; end.TCP != nil {
			s.conn = end.TCP
		} else if end.Unix != nil {
			s.conn = end.Unix
		}
	} else {
		a, ok := w.object(c.Address).(*address)
		if c.Address != "" && (!ok || a.kind != c.Kind) {
			return fault("there is no address %q of %s", c.Address, c.Kind)
		}
		s.file, s.identity, err = newSocket(c.Kind, c.Datagram != nil && *c.Datagram, a)
	}
	if err != nil {
		return fault("making a socket: %v", err)
	}
	w.put(c.As, s)
	return none()
}

// asConn returns the socket as what connects in Go.
func (s *socket) asConn() (_ net.Conn, err error) {
	if s.conn == nil {
		if err := s.asFile(); err != nil {
			return nil, err
		}
		if s.conn, err = net.FileConn(s.file); err != nil {
			return nil, err
		}
		s.closeFile()
	}
	return s.conn, nil
}

// asListener returns the socket as what accepts in Go.
func (s *socket) asListener() (_ net.Listener, err error) {
	if s.server == nil {
		if err := s.asFile(); err != nil {
			return nil, err
		}
		if s.server, err = net.FileListener(s.file); err != nil {
			return nil, err
		}
		s.closeFile()
	}
	return s.server, nil
}

// asFile makes a file of it again.
func (s *socket) asFile() (err error) {
	var o any = s.conn
	if s.conn == nil {
		o = s.server
	}
	if s.file == nil {
		f, ok := o.(interface{ File() (*os.File, error) })
		if !ok {
			return fmt.Errorf("there is no file of a %T", o)
		}
		if s.file, err = f.File(); err != nil {
			return err
		}
		_ = o.(io.Closer).Close()
		s.conn, s.server = nil, nil
	}
	return nil
}

func (s *socket) closeFile() {
	_ = s.file.Close()
	s.file = nil
}

// drop closes the socket unless it is the implementation's.
func (s *socket) drop() {
	switch {
	case s.given.Load():
	case s.conn != nil:
		_ = s.conn.Close()
	case s.server != nil:
		_ = s.server.Close()
	case s.file != nil:
		s.closeFile()
	}
}

// notTheirs returns the sockets of the driver that may be bound to an address.
func (w *world) notTheirs() map[identity]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[identity]bool{}
	for _, o := range w.objects {
		switch o := o.(type) {
		case *address:
			all[o.occupant.identity] = true
		case *socket:
			if !o.given.Load() {
				all[o.identity] = true
			}
		case *raw:
			all[o.near] = true
		}
	}
	return all
}
