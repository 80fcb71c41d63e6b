package monitor

import (
	"math"
	"slices"
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// A conformingSession is one as a conforming implementation has it, and the rules whose premise occurs in it, among others.
type conformingSession struct {
	name      string
	session   []step
	exercises []string
}

// conforming are such sessions of readers; those of connections are in conformingWires.
var conforming = []conformingSession{
	// the limit, and what is fed
	{"a limit has to be positive", steps(newReader(0).raises(invalid), newReader(-1).raises(invalid)), []string{"reader.feed.limit-must-be-positive"}},
	{"the default limit is 65536", steps(does(trace.Command{Op: trace.ReaderMake, As: "r"}), feed(a(65536)+"\n"), line("c1").gives(a(65536)+"\n"), feed(a(65537)+"\n"), line("c2").raises(invalid)),
		[]string{"reader.readline.limit-boundary", "reader.readline.overrun-is-invalid-argument"}},
	{"data are read as they were fed", steps(newReader(4), feed("ab"), feed("c"), exactly("c1", 3).gives("abc")), []string{"reader.feed.data-is-appended", "reader.readexactly.exactly-n"}},
	{"data wake a call", steps(newReader(4), exactly("c1", 3), feed("ab"), feed("cd").with(done("c1", "abc")), read("c2", 9).gives("d")),
		[]string{"reader.feed.data-wakes-reader", "reader.readexactly.waits-for-n", "reader.readexactly.surplus-stays-buffered"}},
	{"nothing wakes nobody", steps(newReader(4), read("c1", 3), feed(""), feed("a").with(done("c1", "a"))), []string{"reader.feed.empty-data-wakes-nobody"}},
	{"no data after the end", steps(newReader(4), eof(), feed("a").raises(badState), feed("").raises(badState), read("c1", 1).gives("")), []string{"reader.feed.data-after-eof-refused"}},
	{"the end, twice", steps(newReader(4), atEOF(false), feed("a"), eof(), eof(), atEOF(false), read("c1", 1).gives("a"), atEOF(true)),
		[]string{"reader.feed.eof-marks-end", "reader.feed.eof-is-idempotent", "reader.feed.at-eof-needs-empty-and-eof"}},

	// fed by a protocol
	{"a protocol feeds data and the end", through(4, line("c1"), received("a\nb").with(done("c1", "a\n")), endReceived(), loses(nil), atEOF(false), readAll("c2").gives("b"), atEOF(true)),
		[]string{"reader.feed.data-is-appended", "reader.feed.eof-marks-end", "reader.feed.eof-is-idempotent"}},
	{"a protocol stores a loss, and feeds its transport's flow", through(1, transportThat(true), does(trace.Command{Op: trace.ProtocolConnectionMade, On: "p", Transport: "t"}),
		received("abc").with(event(trace.PauseReading, "t")), loses(trace.Text("boom")), read("c1", 1).raises(boom())),
		[]string{"reader.feed.set-transport-attaches", "reader.feed.pauses-above-twice-limit", "reader.feed.set-exception-stores"}},
	{"a protocol that was forgotten feeds nobody", through(4, forget("p"), received("ab"), read("c1", 2)), nil},

	// the exception
	{"an exception is stored and comes first", steps(newReader(4), exception(), feed("ab"), setException("boom"), exceptionIs("boom"), atEOF(false), read("c1", 1).raises(boom()), read("c2", 0).raises(boom()), line("c3").raises(boom()), exactly("c4", 0).raises(boom()),
		exactly("c5", -1).raises(invalid), until("c6", "").raises(invalid), readAll("c7").raises(boom()), iterate("c8").raises(boom()), clearException(), exception(), exactly("c9", 2).gives("ab")),
		[]string{"reader.feed.exception-reports-stored", "reader.feed.set-exception-stores", "reader.read.exception-before-data", "reader.read.exception-is-sticky", "reader.read.exception-before-zero",
			"reader.read.arguments-before-exception", "reader.feed.at-eof-ignores-exception"}},
	{"an exception wakes a call", steps(newReader(4), until("c1", "S"), feed("ab"), setException("boom").with(failed("c1", boom())), clearException(), read("c2", 9).gives("ab")), []string{"reader.feed.set-exception-wakes-reader"}},

	// read
	{"read to the end", steps(newReader(1), feed("ab"), readAll("c1"), feed("c"), eof().with(done("c1", "abc")), readAll("c2").gives("")), []string{"reader.read.without-size-reads-to-eof", "reader.read.empty-at-eof"}},
	{"read to the end of what is there", steps(newReader(1), feed("abcdef"), eof(), read("c1", -1).gives("abcdef"), read("c2", -5).gives("")),
		[]string{"reader.read.minus-one-is-no-size", "reader.read.negative-is-no-size", "reader.read.to-eof-ignores-limit"}},
	{"read at most", steps(newReader(4), feed("abcd"), read("c1", 3).gives("abc"), read("c2", 3).gives("d"), read("c3", 3), eof().with(done("c3", ""))),
		[]string{"reader.read.size-is-upper-bound", "reader.read.one-byte-suffices", "reader.read.returns-what-is-available", "reader.read.rest-stays-buffered", "reader.read.eof-ends-pending-read-empty"}},
	{"read what has come while it waited", steps(newReader(4), read("c1", 3), feed("abcd").with(done("c1", "abc"))), []string{"reader.read.woken-reader-sees-all-fed", "reader.read.returns-immutable-bytes"}},
	{"read what is left at the end", steps(newReader(4), feed("ab"), eof(), read("c1", 1).gives("a"), read("c2", 9).gives("b"), read("c3", 9).gives("")), []string{"reader.read.data-before-eof"}},
	{"read nothing", steps(newReader(4), read("c1", 0).gives(""), feed("ab"), read("c2", 0).gives(""), read("c3", 2).gives("ab")), []string{"reader.read.zero-returns-at-once", "reader.read.zero-consumes-nothing"}},
	{"two calls", steps(newReader(4), exactly("c1", 3), line("c2").raises(concurrent), read("c3", 0).gives(""), feed("ab"), read("c4", 1).gives("a"), feed("cd").with(done("c1", "bcd"))),
		[]string{"reader.read.second-waiter-refused", "reader.read.conflict-only-when-waiting"}},
	{"cancelled without loss", steps(newReader(4), exactly("c1", 3), feed("ab"), cancel("c1").with(failed("c1", cancelled)), feed("c"), read("c2", 9).gives("abc")), []string{"reader.read.cancel-keeps-data"}},
	{"what has finished cannot be cancelled", steps(newReader(4), feed("a"), read("c1", 1).gives("a"), cancel("c1"), feed("b"), read("c2", 1).gives("b")), nil},

	// readexactly
	{"readexactly at the end", steps(newReader(4), feed("abcde"), eof(), exactly("c1", 0).gives(""), exactly("c2", 5).gives("abcde"), exactly("c3", 1).raises(incompleteOf("", 1)), exactly("c4", 0).gives("")),
		[]string{"reader.readexactly.n-bytes-at-eof-succeed", "reader.readexactly.may-exceed-limit", "reader.readexactly.zero-returns-at-once", "reader.readexactly.eof-is-incomplete", "reader.errors.incomplete-has-partial"}},
	{"readexactly cut short", steps(newReader(4), exactly("c1", 3), feed("ab"), eof().with(failed("c1", incompleteOf("ab", 3))), read("c2", 1).gives("")), []string{"reader.readexactly.partial-holds-what-was-read"}},
	{"readexactly of less than nothing", steps(newReader(4), exactly("c1", -1).raises(invalid)), []string{"reader.readexactly.negative-refused"}},

	// readline
	{"lines", steps(newReader(4), feed("a\r\n\nb\rc"), line("c1").gives("a\r\n"), line("c2").gives("\n"), line("c3"), eof().with(done("c3", "b\rc")), line("c4").gives("")),
		[]string{"reader.readline.through-first-lf", "reader.readline.keeps-lf", "reader.readline.only-lf-terminates", "reader.readline.eof-yields-remainder", "reader.readline.empty-at-eof", "reader.readline.rest-stays-buffered",
			"reader.readline.waits-for-lf"}},
	{"a line of limit bytes", steps(newReader(4), feed("abcd\n"), line("c1").gives("abcd\n")), []string{"reader.readline.limit-boundary"}},
	{"a line that is too long", steps(newReader(4), feed("abcde\nfg\n"), line("c1").raises(invalid), line("c2").gives("fg\n")), []string{"reader.readline.overrun-is-invalid-argument", "reader.readline.overrun-drops-found-line"}},
	{"the beginning of a line that is too long", steps(newReader(4), line("c1"), feed("abcd"), feed("e").with(failed("c1", invalid)), feed("f\n"), line("c2").gives("f\n")), []string{"reader.readline.overrun-clears-buffer"}},
	{"a tail that is too long", steps(newReader(4), feed("abcde"), eof(), line("c1").raises(invalid), line("c2").gives("")), []string{"reader.readline.overrun-of-tail-at-eof"}},
	{"a tail of limit bytes", steps(newReader(4), feed("abcd"), eof(), line("c1").gives("abcd")), []string{"reader.readline.eof-yields-remainder"}},

	// readuntil
	{"readuntil", steps(newReader(4), feed("abSEPSEP"), until("c1", "SEP").gives("abSEP"), until("c2", "SEP").gives("SEP")),
		[]string{"reader.readuntil.through-first-separator", "reader.readuntil.keeps-separator", "reader.readuntil.consumes-only-result"}},
	{"readuntil by LF", steps(newReader(4), feed("a\nb"), untilLF("c1").gives("a\n"), untilLF("c2"), feed("\n").with(done("c2", "b\n"))), []string{"reader.readuntil.default-separator-is-lf"}},
	{"the separator does not count", steps(newReader(4), feed("abcdSEP"), until("c1", "SEP").gives("abcdSEP")), []string{"reader.readuntil.limit-excludes-separator"}},
	{"a separator that is too far", steps(newReader(4), feed("abcdeSEP"), until("c1", "SEP").raises(overrun(5)), until("c2", "SEP").raises(overrun(5)), exactly("c3", 5).gives("abcde"), until("c4", "SEP").gives("SEP")),
		[]string{"reader.readuntil.overrun-when-chunk-exceeds-limit", "reader.readuntil.overrun-keeps-data", "reader.readuntil.found-overrun-consumed", "reader.errors.overrun-has-consumed",
			"reader.errors.overrun-leaves-reader-usable", "reader.readuntil.consumed-excludes-separator"}},
	{"no separator within the limit", steps(newReader(4), until("c1", "SEP"), feed("abcdSE"), feed("x").with(failed("c1", overrun(5)))), []string{"reader.readuntil.not-found-overrun-consumed"}},
	{"readuntil at the end", steps(newReader(4), feed("aSEPSE"), eof(), until("c1", "SEP").gives("aSEP"), until("c2", "SEP").raises(incomplete("SE")), atEOF(true), until("c3", "SEP").raises(incomplete(""))),
		[]string{"reader.readuntil.complete-separator-found-at-eof", "reader.readuntil.eof-is-incomplete", "reader.readuntil.partial-holds-everything", "reader.readuntil.incomplete-empties-buffer", "reader.readuntil.incomplete-expects-nothing"}},
	{"the limit before the end", steps(newReader(4), feed("abcdefg"), eof(), until("c1", "SEP").raises(overrun(5)), read("c2", 9).gives("abcdefg")), []string{"reader.readuntil.limit-before-eof"}},
	{"no separator at all", steps(newReader(4), until("c1", "").raises(invalid), untilAny("c2").raises(invalid), untilAny("c3", "a", "").raises(invalid)),
		[]string{"reader.readuntil.empty-separator-refused", "reader.readuntil.empty-tuple-refused"}},
	{"the earliest end wins", steps(newReader(9), feed("xABCDy"), untilAny("c1", "ABCD", "BC").gives("xABC"), feed("\r\n"), untilAny("c2", "\r\n", "\r").gives("Dy\r")),
		[]string{"reader.readuntil.tuple-accepted", "reader.readuntil.tuple-earliest-end-wins"}},
	{"the shortest that ends there counts", steps(newReader(4), feed("aaaaABC"), untilAny("c1", "ABC", "BC").raises(overrun(5)), untilAny("c2", "ABC").gives("aaaaABC")),
		[]string{"reader.readuntil.tuple-limit-counts-shortest", "reader.readuntil.tuple-tie-shortest-consumed"}},
	{"the longest that may still come counts", steps(newReader(4), untilAny("c1", "X", "SEPX"), feed("abcdefg"), feed("h").with(failed("c1", overrun(5)))), []string{"reader.readuntil.tuple-not-found-uses-longest"}},
	{"none of them at the end", steps(newReader(9), untilAny("c1", "ABC", "Z"), feed("abcAB"), eof().with(failed("c1", incomplete("abcAB")))), []string{"reader.readuntil.tuple-eof-is-incomplete"}},

	// iteration
	{"iterating", steps(newReader(4), feed("a\n\nb"), iterate("c1").with(item("c1", "a\n"), item("c1", "\n")), feed("c\n").with(item("c1", "bc\n")), eof().with(doneNone("c1"))),
		[]string{"reader.iterate.is-iterable", "reader.iterate.yields-lines-until-eof"}},
	{"iterating and leaving", steps(newReader(4), feed("a\nb\nc\n"), iterateItems("c1", 2).none().with(item("c1", "a\n"), item("c1", "b\n")), line("c2").gives("c\n")), []string{"reader.iterate.yields-lines-until-eof"}},
	{"iterating over too long a line", steps(newReader(4), feed("a\nbcdef\ng\n"), iterate("c1").raises(invalid).with(item("c1", "a\n")), iterate("c2").with(item("c2", "g\n"))), []string{"reader.iterate.overrun-propagates"}},

	// flow control
	{"one transport", steps(newReader(4), transportThat(true), attach(), attach().raises(badState)), []string{"reader.feed.set-transport-attaches", "reader.feed.set-transport-once"}},
	{"no transport", steps(newReader(4), feed(a(9)), read("c1", 9).gives(a(9))), []string{"reader.feed.no-transport-no-pause"}},
	{"pause above twice the limit, once", flows(4, feed(a(8)), feed("a").with(pause), feed(a(9)), read("c1", 13).gives(a(13)), read("c2", 1).gives("a").with(resume)),
		[]string{"reader.feed.pauses-above-twice-limit", "reader.feed.memory-is-bounded", "reader.feed.resumes-at-limit"}},
	{"no pause, twice the limit being more than an int", flows(math.MaxInt, feed(a(8)), feed("a"), read("c1", 13).gives(a(9))), []string{"reader.feed.pauses-above-twice-limit"}},
	{"resume at the limit", flows(4, feed(a(9)).with(pause), exactly("c1", 4).gives(a(4)), exactly("c2", 1).gives("a").with(resume)), []string{"reader.feed.resumes-at-limit"}},
	{"resume to wait", flows(2, feed(a(5)).with(pause), exactly("c1", 20).with(resume), feed(a(5)).with(pause, resume), feed(a(11)).with(done("c1", a(20)))), []string{"reader.feed.waiting-read-resumes"}},
	{"to hand on what came is no pause", flows(2, exactly("c1", 20), feed(a(19)), feed("a").with(done("c1", a(20)))), []string{"reader.feed.waiting-read-resumes"}},
	{"a transport that cannot pause", steps(newReader(4), transportThat(false), attach(), feed(a(9)).with(pause), feed(a(9)), read("c1", 18).gives(a(18))), []string{"reader.feed.refused-pause-forgets-transport"}},
	{"a failure does not resume", flows(2, feed(a(5)).with(pause), untilLF("c1").raises(overrun(5)), eof(), untilLF("c2").raises(overrun(5)), exactly("c3", 4).gives(a(4)).with(resume)), []string{"reader.readuntil.failure-does-not-resume"}},
	{"an overrun of readline resumes", flows(2, feed(a(5)+"\nbcd").with(pause), line("c1").raises(invalid), exactly("c2", 1).gives("b").with(resume)), []string{"reader.readline.overrun-may-resume"}},
	{"an overrun of readline that empties resumes", flows(2, feed(a(5)).with(pause), line("c1").raises(invalid).with(resume)), []string{"reader.readline.overrun-may-resume"}},
	{"attached to a full buffer, it may pause", steps(newReader(2), feed(a(9)), transportThat(true), attach().with(pause), read("c1", 9).gives(a(9)).with(resume)), nil},
}

func exceptionIs(text string) step {
	s := exception()
	v := trace.ErrorValue(trace.Error{Kind: trace.Scripted, Message: text})
	s.r.Returned = &v
	return s
}

func TestConformingSessionsBreakNoRule(t *testing.T) {
	for _, test := range allConforming() {
		t.Run(test.name, func(t *testing.T) {
			m := play(exact, test.session...)
			for _, v := range m.Violations() {
				t.Errorf("accused: %s", v)
			}
			exercised := m.Exercised()
			for _, rule := range test.exercises {
				if exercised[rule] == 0 {
					t.Errorf("%s was not exercised", rule)
				}
			}
			for rule, n := range exercised {
				if n <= 0 {
					t.Errorf("%s is said to be exercised %d times", rule, n)
				}
			}
		})
	}
}

// TestConformingSessionsPassWithWeakerSettling plays them as if the adapter did not know when its implementation has come
// to rest: what passes where more is known passes where less is.
func TestConformingSessionsPassWithWeakerSettling(t *testing.T) {
	for _, test := range allConforming() {
		for _, v := range play(Options{Settling: trace.BestEffort}, test.session...).Violations() {
			t.Errorf("%s: accused: %s", test.name, v)
		}
	}
}

// A permittedSession is one where the documents permit several outcomes; each is as permitted as the others.
type permittedSession struct {
	name    string
	session []step
}

// latitude are such sessions of readers; those of connections are in latitudeWires.
var latitude = []permittedSession{
	{"a cancelled read to the end may have lost what it had taken", steps(newReader(4), feed("ab"), readAll("c1"), cancel("c1").with(failed("c1", cancelled)), feed("c"), read("c2", 9).gives("c"), atEOF(false))},
	{"or it has not", steps(newReader(4), feed("ab"), readAll("c1"), cancel("c1").with(failed("c1", cancelled)), feed("c"), read("c2", 9).gives("abc"))},
	{"the exception may cost a read to the end what it had taken", steps(newReader(4), feed("ab"), readAll("c1"), setException("boom").with(failed("c1", boom())), clearException(), read("c2", 9), feed("c").with(done("c2", "c")))},
	{"or not", steps(newReader(4), feed("ab"), readAll("c1"), setException("boom").with(failed("c1", boom())), clearException(), read("c2", 9).gives("ab"))},
	{"a read to the end that is refused may have taken what there was", steps(newReader(4), exactly("c1", 3), feed("ab"), readAll("c2").raises(concurrent), feed("cde").with(done("c1", "cde")))},
	{"or it has not", steps(newReader(4), exactly("c1", 3), feed("ab"), readAll("c2").raises(concurrent), feed("cde").with(done("c1", "abc")))},
	{"lost data may have filled the buffer, or not", flows(1, feed("ab"), readAll("c1"), cancel("c1").with(failed("c1", cancelled)), feed("c"), read("c2", 1).gives("c"))},
	{"kept data fill the buffer", flows(1, feed("ab"), readAll("c1"), cancel("c1").with(failed("c1", cancelled)), feed("c").with(pause), read("c2", 9).gives("abc").with(resume))},
	{"what a read to the end has taken may be hidden from others", steps(newReader(4), feed("ab"), readAll("c1"), read("c2", 1).raises(concurrent), eof().with(done("c1", "ab")))},
	{"or may not", steps(newReader(4), feed("ab"), readAll("c1"), read("c2", 1).gives("a"), eof().with(done("c1", "b")))},

	{"no settling: a call that is pending may come back at once when something else is done", steps(newReader(4), feed("ab"), read("c1", 1).soon(), atEOF(false).with(done("c1", "a")))},
	{"no settling: or when it is waited for", steps(newReader(4), feed("ab"), read("c1", 1).soon(), settle().with(done("c1", "a")))},
	{"no settling: or have come back already", steps(newReader(4), feed("ab"), read("c1", 1).soon().gives("a"), settle())},
	{"no settling: two calls, the first first", steps(newReader(4), feed("ab"), read("c1", 1).soon(), read("c2", 1).soon(), settle().with(done("c1", "a"), done("c2", "b")))},
	{"no settling: two calls, the second first", steps(newReader(4), feed("ab"), read("c1", 1).soon(), read("c2", 1).soon(), settle().with(done("c2", "a"), done("c1", "b")))},
	{"no settling: the call sees all that was fed before it runs", steps(newReader(4), read("c1", 9), feed("a").soon(), feed("b").soon(), settle().with(done("c1", "ab")))},
	{"no settling: or it has run in between", steps(newReader(4), read("c1", 9), feed("a").soon(), feed("b").soon(), settle().with(done("c1", "a")), read("c2", 9).gives("b"))},
	{"no settling: cancelled before it runs", steps(newReader(4), feed("a"), read("c1", 9).soon(), cancel("c1").soon(), settle().with(failed("c1", cancelled)), read("c2", 9).gives("a"))},
	{"no settling: or too late", steps(newReader(4), feed("a"), read("c1", 9).soon(), cancel("c1").soon(), settle().with(done("c1", "a")), read("c2", 9))},
	{"no settling: the exception may come before the data that woke the call", steps(newReader(4), read("c1", 9), feed("a").soon(), setException("boom").soon(), settle().with(failed("c1", boom())))},
	{"no settling: or after", steps(newReader(4), read("c1", 9), feed("a").soon(), setException("boom").soon(), settle().with(done("c1", "a")))},
	{"no settling: a pause may come as late as the implementation runs", flows(4, feed(a(9)).soon(), settle().with(pause), read("c1", 9).gives(a(9)).with(resume))},
	{"no settling: or with the next command", flows(4, feed(a(9)).soon(), atEOF(false).with(pause), read("c1", 9).gives(a(9)).with(resume))},
	{"no settling: a call that has run up to where it waits has resumed the transport", flows(1, feed(a(3)).with(pause), until("c1", "0123456789").soon(), eof().with(resume, failed("c1", incomplete(a(3)))))},
	{"no settling: one that has not, has not", flows(1, feed(a(3)).with(pause), until("c1", "0123456789").soon(), eof().with(failed("c1", incomplete(a(3)))))},

	{"an incomplete readexactly may resume: nothing is said of it", flows(1, feed(a(3)).with(pause), eof(), exactly("c1", 4).raises(incompleteOf(a(3), 4)).with(resume))},
	{"or may not", flows(1, feed(a(3)).with(pause), eof(), exactly("c1", 4).raises(incompleteOf(a(3), 4)))},
	{"a last line may resume: nothing is said of it", flows(4, feed(a(9)).with(pause), read("c1", 4).gives(a(4)), feed(""), eof(), read("c2", 1).gives("a").with(resume), line("c3").gives(a(4)))},
	{"a forgotten transport may be replaced", steps(newReader(1), transportThat(false), attach(), feed(a(3)).with(pause), attach(), feed(a(3)))},
	{"or not", steps(newReader(1), transportThat(false), attach(), feed(a(3)).with(pause), attach().raises(badState), feed(a(3)))},
	{"an iteration that is cancelled may have handed out items or not", steps(newReader(4), iterate("c1"), feed("a\n").soon(), cancel("c1").with(item("c1", "a\n"), failed("c1", cancelled)), read("c2", 1))},
	{"an iteration beside another call may be anywhere", steps(newReader(4), feed("a\nb\nc\n"), iterate("c1").soon(), line("c2").soon(), settle().with(item("c1", "a\n"), done("c2", "b\n"), item("c1", "c\n")))},
	{"of two calls that came back either may have been the last", flows(1, feed(a(4)).with(pause), read("c1", 2).soon(), read("c2", 2).soon(), settle().with(done("c2", "aa"), done("c1", "aa"), resume))},
	{"clearing the exception under a waiting call is not specified", steps(newReader(4), read("c1", 1), clearException().raises(of(trace.InvalidType)), feed("a"))},
	{"arguments that are no data are judged elsewhere", steps(newReader(4), does(trace.Command{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Form: trace.AsText, Bytes: trace.Bytes("x")}}).raises(of(trace.InvalidType)), feed("a").raises(badState))},
	{"separators that are no data are judged elsewhere", steps(newReader(4), starts(trace.Command{Op: trace.ReaderReadUntil, Separator: &trace.Data{Form: trace.AsNone}}, "c1").raises(of(trace.InvalidType)), feed("a").raises(badState))},
}

func TestLatitude(t *testing.T) {
	for _, test := range allLatitude() {
		for _, v := range play(exact, test.session...).Violations() {
			t.Errorf("%s: accused: %s", test.name, v)
		}
	}
}

// TestQuirkIsExercised holds that the quirk counts as seen whichever way it goes.
func TestQuirkIsExercised(t *testing.T) {
	const quirk = "reader.read.to-eof-failure-loses-data"
	for _, test := range latitude[:6] {
		if play(exact, test.session...).Exercised()[quirk] == 0 {
			t.Errorf("%s: %s was not exercised", test.name, quirk)
		}
	}
}

// TestManyOrdersDoNotAddUp holds that calls started without settling do not double what has to be followed each time.
func TestManyOrdersDoNotAddUp(t *testing.T) {
	m := New(exact)
	show(m, newReader(4))
	for range 200 {
		show(m, feed("a"), read("c", 1).soon(), settle().with(done("c", "a")))
	}
	if n := len(m.readers["r"].states); n != 1 {
		t.Errorf("after all calls have come back there are %d states to follow, want 1", n)
	}
	// Nor does it end the judgement of where the reader comes to rest.
	show(m, transportThat(true), attach(), feed(a(9)))
	if v := m.Violations(); len(v) != 1 || v[0].Rule != "reader.feed.pauses-above-twice-limit" {
		t.Errorf("a pause that is missing after that: %v", v)
	}
}

// TestTooManyOrdersAreNotFollowed holds that the monitor gives up, without a word, where it cannot know.
func TestTooManyOrdersAreNotFollowed(t *testing.T) {
	session := steps(newReader(4), feed("abcdefgh"))
	for _, name := range []string{"c1", "c2", "c3", "c4", "c5"} {
		session = append(session, read(name, 1).soon())
	}
	session = append(session, settle().with(done("c5", "a"), done("c3", "b"), done("c1", "c"), done("c2", "d"), done("c4", "e")))
	if v := play(exact, session...).Violations(); len(v) > 0 {
		t.Errorf("accused: %v", v)
	}
}

func TestBestEffortSettling(t *testing.T) {
	late := Options{Settling: trace.BestEffort}
	for _, test := range []struct {
		name    string
		session []step
		rules   []string
	}{
		{"pending is no violation", steps(newReader(4), feed("ab"), read("c1", 1), atEOF(false), settle()), nil},
		{"nor is it while a run command that was not in vain goes by", steps(newReader(4), feed("ab"), read("c1", 1), run("c0", true)), nil},
		{"it may come back any time", steps(newReader(4), feed("ab"), read("c1", 1), run("c1", true).with(done("c1", "a")), read("c2", 1).gives("b")), nil},
		{"waited for in vain", steps(newReader(4), feed("ab"), read("c1", 1), run("c1", false)), []string{"reader.read.one-byte-suffices"}},
		{"waited in vain for what has to wait", steps(newReader(4), read("c1", 1), run("c1", false), feed("a"), run("c1", true).with(done("c1", "a"))), nil},
		{"what comes back is judged at once", steps(newReader(4), feed("ab"), read("c1", 1).gives("ab")), []string{"reader.read.size-is-upper-bound"}},
		{"what came back too early is judged at once", steps(newReader(4), feed("ab"), exactly("c1", 3).gives("ab")), []string{"reader.readexactly.waits-for-n"}},
		{"a resume may be late", append(flows(1, feed(a(3)).with(pause), read("c1", 3), run("c1", true).with(done("c1", a(3)))), settle().with(resume)), nil},
		{"a pause may be late", append(flows(1, feed(a(3)), atEOF(false)), settle(), atEOF(false).with(pause)), nil},
		{"a pause that may not be is judged all the same", flows(1, feed(a(2)).with(pause)), []string{"reader.feed.pauses-above-twice-limit"}},
		{"paused while a call waited in vain", flows(1, feed(a(3)).with(pause), exactly("c1", 9), run("c1", false), run("c1", false)), []string{"reader.feed.waiting-read-resumes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var named []string
			m := play(late, test.session...)
			for _, v := range m.Violations() {
				named = append(named, v.Rule)
			}
			if !slices.Equal(named, test.rules) {
				t.Errorf("named %q, want %q: %v", named, test.rules, m.Violations())
			}
		})
	}
}
