package monitor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A place is what is known of an address.
type place struct {
	name    string
	made    *trace.Command
	state   trace.State // what the driver has there
	plain   bool        // nobody is there but the servers that were told of it
	crowded bool        // sockets of the program are bound there
	bound   string      // and the one that is alone there
	server  *server     // the one that was told of it
	servers int         // how many were
	swapped bool        // the driver has put something in the place of what a server has there
	local   bool        // a stream was to be bound to it
	put     bool        // the driver has put something there since a server was told of it
	refusal string      // the text of the error of who connects to it; empty: that is not known
	comers  int         // raw ends that have connected to it
	taken   int         // connections that were accepted there
}

// makePlace notes that an address is made.
func (w *wires) makePlace(c *trace.Command) {
	p := &place{name: c.As, made: c, state: c.State, plain: c.Host == nil && c.Port == nil && (c.State == "" || c.State == trace.Free)}
	if p.state == "" {
		p.state = trace.Free
	}
	w.places[c.As] = p
}

// puts notes that the driver puts something at an address.
func (w *wires) puts(c *trace.Command) {
	w.crowd(c.On)
	p := w.places[c.On]
	if p == nil {
		return
	}
	p.state, p.put, p.refusal = c.State, p.server != nil, ""
	p.swapped = p.server != nil && p.server.up
	for _, s := range w.ordered {
		s.strangers = s.strangers || s.isAt(c.On) // who connects from now on gets to somebody else
	}
	w.stirs(p)
}

// stirs notes that something becomes of a place. What is under way to it cannot be followed.
func (w *wires) stirs(p *place) {
	for _, d := range w.dials {
		d.unclear = d.unclear || !d.over && (slices.Contains(d.to, p) || d.command.Local == p.name)
	}
}

// known tells whether it is known what who connects to the place meets: what the driver has there, and nobody else.
func (p *place) known() bool {
	return p.made.Port == nil && p.server == nil && !p.crowded
}

// isIPv6 tells whether the address is of that family.
func (p *place) isIPv6() bool { return p.made.Host != nil && strings.Contains(*p.made.Host, ":") }

// What is said of a host.
type answer struct {
	addresses []string
	fails     bool
}

// A clock is what is known of the implementation's time.
type clock struct {
	frozen bool
	now    int // milliseconds since it was
}

// patient is how long a run has waited in vain, milliseconds, when the implementation certainly has done all that it can do.
const patient = 5000

// Rules of connecting that several places break.
const (
	opensPair     = "open_connection.returns-pair"
	opensUnix     = "unix.open-returns-pair"
	failureRaises = "open_connection.failure-raises"
	happyEyeballs = "open_connection.happy-eyeballs"
	inOrder       = "open_connection.addresses-in-order"
	errorOfAll    = "open_connection.error-of-all-addresses"
	localAddress  = "open_connection.local-address"
	passesOn      = "open_connection.passes-arguments-on"
	resolution    = "parameters.resolution"
	positiveLimit = "parameters.limit-not-positive"
	socketKind    = "parameters.socket-kind"
)

// A dial is the model of a call that connects: which addresses it tries, what it meets there, and from when on. Time that stands
// is moved by commands alone; an address that fails takes none of it.
type dial struct {
	w       *wires
	name    string
	command *trace.Command
	exact   bool
	refusal footing // what refuses its arguments
	unclear bool    // it cannot be followed

	asked    bool     // it needs to be told the addresses of a host
	resolved bool     // it was told
	fails    bool     // that there are none
	to       []*place // what is tried, in order
	met      map[*place]trace.State
	timed    bool  // time stands since it began to try
	began    int   // the time at which it did
	sure     []int // for each address that is certainly tried, a time by which it was
	over     bool  // it has come back
	ended    int   // at this time
	owed     debt  // when a run began that waited for it in vain
}

// dial begins to follow a call that connects.
func (w *wires) dial(c *trace.Command) {
	k := w.calls[c.As]
	if c.Raw != "" || k == nil {
		return
	}
	d := &dial{w: w, name: c.As, command: c, exact: w.m.options.exactFor(c.Kind), refusal: w.refusalOf(c)}
	k.dial = d
	w.dials = append(w.dials, d)
	p := w.places[c.Address]
	later := c.Delay != nil || c.Interleave != nil
	switch {
	case c.Keywords != nil, c.Socket != "", c.Port != nil, (c.Address == "") == (c.Host == nil), later && !w.m.options.InForce(happyEyeballs), c.Delay != nil && *c.Delay < 0,
		c.Interleave != nil && *c.Interleave < 0, c.Proto != nil && *c.Proto != 0 && *c.Proto != protoTCP, c.Flags != nil && *c.Flags&^plainFlags != 0,
		c.PathLike != nil && !w.m.options.InForce(pathLike), d.localUnclear():
		d.unclear = true
	case p != nil:
		if d.unclear = c.Family != "" && c.Family != trace.Unspecified; !d.unclear {
			d.resolve([]*place{p})
		}
	case c.Host == nil || !strings.HasSuffix(*c.Host, ".test"):
		d.unclear = true
	default:
		d.asked = true
		if a, ok := w.answers[*c.Host]; ok {
			d.told(a)
		}
	}
}

// What is passed to the resolver without changing what it answers, as numbers of Linux.
const (
	protoTCP   = 6
	plainFlags = 0x01 | 0x20
)

// localUnclear tells whether it is not known if the local end can be bound.
func (d *dial) localUnclear() bool {
	p := d.w.places[d.command.Local]
	if p == nil {
		return d.command.Local != ""
	}
	unclear := p.server != nil || p.crowded || p.comers > 0 || p.local && p.state == trace.Free || p.made.Port != nil && *p.made.Port != 0
	p.local = true
	return unclear
}

// told takes the answer of the resolver.
func (d *dial) told(a answer) {
	if d.resolved {
		d.unclear = true // which of two answers it gets is open
		return
	}
	var to []*place
	for _, name := range a.addresses {
		p := d.w.places[name]
		switch {
		case p == nil:
			d.unclear = true
		case d.command.Family == "" || d.command.Family == trace.Unspecified || p.isIPv6() == (d.command.Family == trace.IPv6):
			to = append(to, p)
		}
	}
	d.fails = a.fails || len(to) == 0
	d.resolve(to)
}

// resolve says what is tried.
func (d *dial) resolve(to []*place) {
	d.resolved = true
	c := d.command
	mixed := slices.ContainsFunc(to, func(p *place) bool { return p.isIPv6() != to[0].isIPv6() })
	switch {
	case !mixed:
	case c.Interleave != nil:
		to = interleaved(to, *c.Interleave)
	case c.Delay != nil:
		d.unclear = true
	}
	if c.Local != "" && c.Delay != nil && len(to) > 1 {
		d.unclear = true // several attempts may want the local end at the same time
	}
	d.to, d.timed, d.began, d.met = to, d.w.clock.frozen, d.w.clock.now, map[*place]trace.State{}
	for _, p := range to {
		d.met[p] = d.meeting(p)
		d.unclear = d.unclear || !p.known() || p.made.Kind != c.Kind
	}
}

// interleaved mixes families: so many of the first one's, then one of each in turn.
func interleaved(to []*place, count int) []*place {
	if count == 0 {
		return to
	}
	var first, other, mixed []*place
	for _, p := range to {
		if p.isIPv6() == to[0].isIPv6() {
			first = append(first, p)
		} else {
			other = append(other, p)
		}
	}
	for len(first) > 0 && len(other) > 0 {
		n := min(count, len(first))
		mixed = append(append(mixed, first[:n]...), other[0])
		first, other, count = first[n:], other[1:], 1
	}
	return append(append(mixed, first...), other...)
}

// meets tells what an attempt meets or has met: it fails (free), connects (live), or comes to no end (silent).
func (d *dial) meets(p *place) trace.State { return d.met[p] }

// meeting tells what it meets as things are.
func (d *dial) meeting(p *place) trace.State {
	if local := d.w.places[d.command.Local]; local != nil && (local.state != trace.Free || local.isIPv6() != p.isIPv6()) {
		return trace.Free // it cannot be bound for that
	}
	switch p.state {
	case trace.Live, trace.Silent:
		return p.state
	}
	return trace.Free
}

// reaches counts the attempts on a place that may have connected so far.
func (d *dial) reaches(p *place) int {
	if d.refusal.rule != "" || !d.resolved || d.fails {
		return 0
	}
	now, at, n := d.w.clock.now, d.began, 0
	if d.over {
		now = d.ended
	}
	for _, to := range d.to {
		meets := d.meets(to)
		if d.timed && at > now {
			break
		}
		if meets == trace.Live && to == p {
			n++
		}
		if meets == trace.Free {
			continue
		}
		if d.command.Delay == nil {
			break
		}
		at += *d.command.Delay
	}
	return n
}

// mayConnect tells whether some attempt may have connected.
func (d *dial) mayConnect() bool {
	return slices.ContainsFunc(d.to, func(p *place) bool { return d.reaches(p) > 0 })
}

// mustFail tells whether it can only fail.
func (d *dial) mustFail() bool {
	return d.fails || d.resolved && !slices.ContainsFunc(d.to, func(p *place) bool { return d.meets(p) != trace.Free })
}

// proves notes that by now all is done that can be done without another command.
func (d *dial) proves() {
	if !d.resolved || d.unclear {
		return
	}
	now := d.w.clock.now
	for i := len(d.sure); i < len(d.to); i++ {
		if i > 0 && d.meets(d.to[i-1]) != trace.Free {
			if c := d.command; c.Delay == nil || !d.timed || d.sure[i-1]+*c.Delay > now {
				return
			}
		}
		d.sure = append(d.sure, now)
	}
}

// owes tells whether it has to come back without another command.
func (d *dial) owes() debt {
	k := d.w.calls[d.name]
	switch {
	case d.over || k == nil || k.dial != d:
		return debt{}
	case k.cancelled:
		return debt{failureRaises, "it comes back, since it was cancelled"}
	case d.refusal.rule != "":
		return d.refusal.due()
	case d.unclear || !d.resolved:
		return debt{}
	case d.mustFail():
		return debt{d.blame(), "raised an error, since there is nobody to connect to"}
	}
	for i, p := range d.to {
		switch d.meets(p) {
		case trace.Free:
			continue
		case trace.Live:
			return debt{d.blame(), "returned none, since " + p.name + " can be connected to"}
		}
		switch delay := d.command.Delay; {
		case delay == nil:
			return debt{}
		case *delay == 0:
		case !d.timed || i >= len(d.sure) || d.sure[i]+*delay > d.w.clock.now:
			return debt{}
		}
	}
	return debt{}
}

// blame returns the rule that is broken by what comes of connecting.
func (d *dial) blame() string {
	switch {
	case d.refusal.rule != "":
		return d.refusal.rule
	case d.command.PathLike != nil:
		return pathLike
	case d.command.Kind == trace.Unix:
		return opensUnix
	case d.command.Local != "" && slices.ContainsFunc(d.to, func(p *place) bool { return p.state == trace.Live && d.meets(p) != trace.Live }):
		return localAddress
	case d.mustFail():
		return failureRaises
	case d.command.Delay != nil || d.command.Interleave != nil:
		return happyEyeballs
	case len(d.to) > 1:
		return inOrder
	}
	return opensPair
}

// back judges how the call came back.
func (d *dial) back(k *wait, returned *trace.Value, raised *trace.Error) {
	d.over, d.ended = true, d.w.clock.now
	if k.cancelled && raised != nil && raised.Kind == trace.Cancelled {
		d.w.m.exercise(failureRaises)
		return
	}
	switch {
	case d.refusal.rule != "":
		d.holds(d.refusal.rule, raised != nil && d.refusal.how(raised), d.refusal.refused)
	case d.unclear:
	case returned != nil:
		d.holds(d.blame(), d.mayConnect(), "pending or raised an error, since it cannot have connected")
	case d.mustFail():
		d.refused(raised)
	default:
		d.holds(d.blame(), false, "pending or returned none, since not every address fails")
	}
}

// refused judges the error of a call that can only fail.
func (d *dial) refused(raised *trace.Error) {
	d.holds(d.blame(), raised.Kind == trace.OSError, "raised an error of the operating system")
	if d.command.Kind == trace.Unix {
		if state := d.to[0].state; !d.to[0].put && (state == trace.Free || state == trace.NoDirectory) {
			d.holds(opensUnix, saysNotFound(raised), "raised an error of the operating system that says that there is no such file")
		}
		return
	}
	if d.fails || d.command.Local != "" {
		return
	}
	one := !slices.ContainsFunc(d.to, func(p *place) bool { return p != d.to[0] })
	if text := d.to[0].refusal; one && text != "" {
		d.holds(errorOfAll, raised.Message == text, fmt.Sprintf("raised the error of the address, with the text %q", text))
	} else if one && len(d.to) == 1 {
		d.to[0].refusal = raised.Message
	}
	if one {
		return
	}
	for _, p := range d.to {
		if p.refusal != "" {
			d.holds(errorOfAll, strings.Contains(raised.Message, p.refusal), fmt.Sprintf("raised an error that has the text %q of %s", p.refusal, p.name))
		}
	}
}

func saysNotFound(e *trace.Error) bool {
	return e.Kind == trace.OSError && strings.Contains(strings.ToLower(e.Message), "no such file")
}

func saysInUse(e *trace.Error) bool {
	return e.Kind == trace.OSError && strings.Contains(strings.ToLower(e.Message), "in use")
}

// holds judges something of the call.
func (d *dial) holds(rule string, is bool, permitted string) {
	d.w.m.exercise(rule)
	if !is {
		d.w.m.broken(rule, d.text(permitted))
		d.unclear = true
	}
}

// breakOwed records that what was owed has not come.
func (d *dial) breakOwed(owed debt) {
	if owed.rule != "" {
		d.holds(owed.rule, false, owed.what)
	}
}

// text says what was done, what came back, what is known of connecting, and what would have been permitted.
func (d *dial) text(permitted string) string {
	var to []string
	for _, p := range d.to {
		to = append(to, fmt.Sprintf("%s, where it meets %s", p.name, d.meets(p)))
	}
	with := strings.Join(to, "; ")
	switch {
	case d.asked && !d.resolved:
		with = "nobody has answered for the host"
	case d.fails:
		with = "the host has no address"
	}
	return fmt.Sprintf("%s (%s connects to: %s); permitted: %s", describe(d.w.command, d.w.reply), d.name, with, permitted)
}

// answers takes what is said of a host.
func (w *wires) answer(c *trace.Command) {
	a := answer{c.Addresses, c.Exception != nil}
	w.answers[c.Name] = a
	for _, d := range w.dials {
		if d.asked && !d.over && *d.command.Host == c.Name {
			d.told(a)
		}
	}
}

// accepted judges what was accepted at an address.
func (w *wires) accepted(c *trace.Command, reply *trace.Reply) {
	p := w.places[c.Address]
	if p == nil || reply.Returned == nil {
		return
	}
	p.taken++
	most := p.comers
	for _, d := range w.dials {
		most += d.reaches(p)
		if d.name == reply.Returned.Object && !d.unclear && d.over {
			w.raws[c.As].dial, w.raws[c.As].at = d, p
			d.holds(d.blame(), d.reaches(p) > 0, "no connection to "+p.name)
		}
	}
	if p.taken <= most || slices.ContainsFunc(w.dials, func(d *dial) bool { return d.unclear }) {
		return
	}
	for _, d := range w.dials {
		if d.command.Address == c.Address || slices.Contains(d.to, p) || d.asked && !d.resolved {
			d.holds(d.blame(), false, "raised an error of the operating system, since nobody can have connected to "+p.name)
			return
		}
	}
}

// bound judges to what the local end of a stream is bound, as its raw end tells.
func (r *raw) bound() {
	if r.dial == nil || r.dial.command.Local == "" || r.sockname == nil || r.peername == nil || len(r.sockname.List) < 2 || len(r.peername.List) < 2 {
		return
	}
	local, own, peer := r.dial.w.places[r.dial.command.Local], r.sockname.List, r.peername.List
	switch {
	case local == nil:
	case local.made.Host != nil:
		r.dial.holds(localAddress, peer[0].String() == (&trace.Value{Text: local.made.Host}).String(), "the host "+*local.made.Host)
	case local != r.at && r.at.made.Host == nil:
		r.dial.holds(localAddress, peer[0].String() != own[0].String(), "the host of "+local.name+", which is another")
	}
	if local != nil && local.made.Port == nil && r.at.made.Port == nil {
		r.dial.holds(localAddress, peer[1].String() == own[1].String(), "the port of "+local.name+", which all addresses have")
	}
}

// A lookup is what a call has to ask about a host.
type lookup struct {
	host, family string
	proto, flags int
}

// looksUp notes that a call has to ask about a host.
func (w *wires) looksUp(c *trace.Command) {
	if c.Host == nil {
		return
	}
	l := lookup{host: *c.Host, family: string(c.Family)}
	if l.family == "" {
		l.family = string(trace.Unspecified)
	}
	if c.Proto != nil {
		l.proto = *c.Proto
	}
	if c.Flags != nil {
		l.flags = *c.Flags
	} else if c.Op == trace.StreamServe {
		l.flags = 1 // the passive flag
	}
	w.lookups = append(w.lookups, l)
}

// resolving judges what is asked about a host.
func (w *wires) resolving(e *trace.Event) {
	v := e.Value
	if v == nil || len(v.List) != 3 || v.List[0].Text == nil || v.List[1].Int == nil || v.List[2].Int == nil {
		return
	}
	asked := lookup{e.On, *v.List[0].Text, *v.List[1].Int, *v.List[2].Int}
	rule, known := "", false
	for _, l := range w.lookups {
		if l.host != e.On {
			continue
		}
		known = true
		if l == asked {
			rule, known = "", false
			w.m.exercise(resolution, passesOn)
			break
		}
		rule = resolution
		if l.proto != asked.proto {
			rule = passesOn
		}
	}
	if known {
		w.m.exercise(rule)
		w.m.broken(rule, describe(w.command, w.reply)+"; permitted: the family, the protocol and the flags that were given")
	}
}
