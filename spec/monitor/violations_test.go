package monitor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// A wrongSession has a single wrong observation, the last one, which breaks the rule.
type wrongSession struct {
	rule    string
	name    string
	session []step
}

// wrong are such sessions of readers; those of connections are in wrongWires, and those of servers in wrongServers.
var wrong = []wrongSession{
	// the limit, and what is fed
	{"reader.feed.limit-must-be-positive", "a limit of zero is accepted", steps(newReader(0))},
	{"reader.feed.limit-must-be-positive", "a limit of zero is refused for another reason", steps(newReader(0).raises(badState))},
	{"reader.feed.opener-sets-limit", "a good limit is refused", steps(newReader(4).raises(invalid))},
	{"reader.feed.data-is-appended", "data are refused", steps(newReader(4), feed("ab").raises(of(trace.OtherError)))},
	{"reader.feed.data-is-appended", "other data than were fed", steps(newReader(4), feed("ab"), read("c1", 2).gives("xy"))},
	{"reader.feed.data-is-appended", "data in another order", steps(newReader(4), feed("ab"), feed("cd"), read("c1", 4).gives("cdab"))},
	{"reader.feed.data-wakes-reader", "a line that came wakes nobody", steps(newReader(4), line("c1"), feed("a\n"))},
	{"reader.feed.data-wakes-reader", "nor do the bytes that were missing", steps(newReader(4), exactly("c1", 2), feed("a"), feed("b"))},
	{"reader.feed.data-wakes-reader", "nor does what is too long", steps(newReader(4), until("c1", "S"), feed("abcdeS"))},
	{"reader.feed.empty-data-wakes-nobody", "an empty chunk is taken for the end", steps(newReader(4), read("c1", 3), feed("").with(done("c1", "")))},
	{"reader.feed.eof-marks-end", "the end is refused", steps(newReader(4), eof().raises(badState))},
	{"reader.feed.eof-marks-end", "the end does not wake readline", steps(newReader(4), line("c1"), feed("a"), eof())},
	{"reader.feed.eof-marks-end", "the end does not wake a read to the end", steps(newReader(4), readAll("c1"), eof())},
	{"reader.feed.eof-is-idempotent", "the end is refused the second time", steps(newReader(4), eof(), eof().raises(badState))},
	{"reader.feed.data-after-eof-refused", "data after the end are accepted", steps(newReader(4), eof(), feed("a"))},
	{"reader.feed.data-after-eof-refused", "an empty chunk after the end is accepted", steps(newReader(4), eof(), feed(""))},
	{"reader.feed.data-after-eof-refused", "refused for another reason", steps(newReader(4), eof(), feed("a").raises(invalid))},
	{"reader.feed.at-eof-needs-empty-and-eof", "at the end before the end was fed", steps(newReader(4), atEOF(true))},
	{"reader.feed.at-eof-needs-empty-and-eof", "at the end with data left", steps(newReader(4), feed("a"), eof(), atEOF(true))},
	{"reader.feed.at-eof-needs-empty-and-eof", "never at the end", steps(newReader(4), feed("a"), eof(), read("c1", 1).gives("a"), atEOF(false))},
	{"reader.feed.at-eof-needs-empty-and-eof", "at_eof answers no question", steps(newReader(4), atEOF(true).none())},
	{"reader.readuntil.incomplete-empties-buffer", "an incomplete read leaves the buffer as it was, as at_eof tells", steps(newReader(4), feed("ab"), eof(), until("c1", "S").raises(incomplete("ab")), atEOF(false))},

	// fed by a protocol
	{"reader.feed.data-is-appended", "other data than the protocol got", through(4, received("ab"), read("c1", 2).gives("xy"))},
	{"reader.feed.eof-marks-end", "the end that the protocol got does not wake readline", through(4, line("c1"), received("a"), endReceived())},
	{"reader.feed.set-exception-wakes-reader", "a loss wakes nobody", through(4, read("c1", 3), loses(trace.Text("boom")))},

	// the exception
	{"reader.feed.set-exception-stores", "an exception is refused", steps(newReader(4), setException("boom").raises(badState))},
	{"reader.feed.exception-reports-stored", "no exception after one was set", steps(newReader(4), setException("boom"), exception())},
	{"reader.feed.exception-reports-stored", "another exception", steps(newReader(4), setException("boom"), exceptionIs("bang"))},
	{"reader.feed.exception-reports-stored", "an exception that was cleared", steps(newReader(4), setException("boom"), clearException(), exceptionIs("boom"))},
	{"reader.feed.set-exception-wakes-reader", "an exception wakes nobody", steps(newReader(4), read("c1", 3), setException("boom"))},
	{"reader.feed.set-exception-wakes-reader", "an exception ends a read as the end of the stream does", steps(newReader(4), read("c1", 3), setException("boom").with(done("c1", "")))},
	{"reader.feed.at-eof-ignores-exception", "at the end for an exception", steps(newReader(4), setException("boom"), atEOF(true))},
	{"reader.feed.at-eof-ignores-exception", "not at the end for an exception", steps(newReader(4), eof(), setException("boom"), atEOF(false))},
	{"reader.read.exception-before-data", "data before the exception", steps(newReader(4), feed("ab"), setException("boom"), read("c1", 2).gives("ab"))},
	{"reader.read.exception-before-data", "data that came before the exception are gone", steps(newReader(4), feed("ab"), setException("boom"), read("c1", 2).raises(boom()), clearException(), read("c2", 2))},
	{"reader.read.exception-is-sticky", "an exception is raised only once", steps(newReader(4), setException("boom"), read("c1", 1).raises(boom()), read("c2", 1))},
	{"reader.read.exception-is-sticky", "another exception than was set", steps(newReader(4), setException("boom"), read("c1", 1).raises(trace.Error{Kind: trace.Scripted, Message: "bang"}))},
	{"reader.read.exception-before-zero", "a read of nothing does not raise", steps(newReader(4), setException("boom"), read("c1", 0).gives(""))},
	{"reader.read.exception-before-zero", "nor a readexactly of nothing", steps(newReader(4), setException("boom"), exactly("c1", 0).gives(""))},

	// read
	{"reader.read.without-size-reads-to-eof", "a read to the end stops early", steps(newReader(4), feed("abc"), readAll("c1").gives("abc"))},
	{"reader.read.without-size-reads-to-eof", "or when data come", steps(newReader(4), readAll("c1"), feed("abc").with(done("c1", "abc")))},
	{"reader.read.without-size-reads-to-eof", "or at the limit", steps(newReader(2), feed("abc"), eof(), readAll("c1").gives("ab"))},
	{"reader.read.minus-one-is-no-size", "a read of -1 stops at the limit", steps(newReader(2), feed("abc"), eof(), read("c1", -1).gives("ab"))},
	{"reader.read.minus-one-is-no-size", "or does not wait for the end", steps(newReader(2), feed("abc"), read("c1", -1).gives("abc"))},
	{"reader.read.negative-is-no-size", "a read of -5 is refused", steps(newReader(2), feed("abc"), eof(), read("c1", -5).raises(invalid))},
	{"reader.read.negative-is-no-size", "even before the end", steps(newReader(2), feed("abc"), read("c1", -5).raises(invalid))},
	{"reader.read.size-is-upper-bound", "more than asked for", steps(newReader(4), feed("abcd"), read("c1", 2).gives("abc"))},
	{"reader.read.woken-reader-sees-all-fed", "less than what has woken it", steps(newReader(4), read("c1", 3), feed("abcd").with(done("c1", "a")))},
	{"reader.read.returns-immutable-bytes", "bytes that can be changed", steps(newReader(4), feed("ab"), mutable(read("c1", 2).gives("ab")))},
	{"reader.read.returns-what-is-available", "less than there is", steps(newReader(4), feed("abcd"), read("c1", 3).gives("ab"))},
	{"reader.read.empty-at-eof", "an error at the end", steps(newReader(4), eof(), read("c1", 3).raises(incomplete("")))},
	{"reader.read.empty-at-eof", "pending at the end", steps(newReader(4), eof(), read("c1", 3))},
	{"reader.read.eof-ends-pending-read-empty", "pending although the end came", steps(newReader(4), read("c1", 3), eof())},
	{"reader.read.zero-returns-at-once", "a read of nothing waits", steps(newReader(4), read("c1", 0))},
	{"reader.read.zero-consumes-nothing", "a read of nothing takes what there is", steps(newReader(4), feed("ab"), read("c1", 0).gives(""), read("c2", 2))},
	{"reader.read.zero-consumes-nothing", "or some of it", steps(newReader(4), feed("ab"), read("c1", 0).gives(""), read("c2", 2).gives("b"))},
	{"reader.read.one-byte-suffices", "waiting to be filled", steps(newReader(4), feed("ab"), read("c1", 3))},
	{"reader.read.one-byte-suffices", "empty although the end did not come", steps(newReader(4), read("c1", 3).gives(""))},
	{"reader.read.data-before-eof", "the end before the data", steps(newReader(4), feed("ab"), eof(), read("c1", 3).gives(""))},
	{"reader.read.rest-stays-buffered", "the rest is gone", steps(newReader(4), feed("abc"), read("c1", 1).gives("a"), read("c2", 9))},
	{"reader.read.rest-stays-buffered", "the rest is gone, as a line shows", steps(newReader(4), feed("ab\n"), read("c1", 1).gives("a"), feed("c\n"), line("c2").gives("c\n"))},
	{"reader.read.rest-stays-buffered", "some of the rest is gone", steps(newReader(4), feed("abc"), read("c1", 1).gives("a"), read("c2", 9).gives("c"))},
	{"reader.read.rest-stays-buffered", "what was read comes again", steps(newReader(4), feed("abc"), read("c1", 1).gives("a"), read("c2", 9).gives("abc"))},
	{"reader.read.second-waiter-refused", "two calls wait", steps(newReader(4), read("c1", 1), line("c2"))},
	{"reader.read.second-waiter-refused", "refused for another reason", steps(newReader(4), read("c1", 1), line("c2").raises(badState))},
	{"reader.read.conflict-only-when-waiting", "refused although there was what it wanted", steps(newReader(4), exactly("c1", 3), feed("ab"), read("c2", 1).raises(concurrent))},
	{"reader.read.conflict-only-when-waiting", "a read of nothing is refused", steps(newReader(4), read("c1", 3), read("c2", 0).raises(concurrent))},
	{"reader.read.cancel-keeps-data", "cancelling is refused", steps(newReader(4), read("c1", 3), cancel("c1").raises(badState))},
	{"reader.read.cancel-keeps-data", "cancelled, it stays pending", steps(newReader(4), read("c1", 3), cancel("c1"))},
	{"reader.read.cancel-keeps-data", "cancelled, it returns", steps(newReader(4), exactly("c1", 3), feed("ab"), cancel("c1").with(done("c1", "ab")))},
	{"reader.read.cancel-keeps-data", "what was there is gone", steps(newReader(4), exactly("c1", 3), feed("ab"), cancel("c1").with(failed("c1", cancelled)), exactly("c2", 2))},
	{"reader.read.cancel-keeps-data", "what was there is gone when more has come", steps(newReader(4), until("c1", "S"), feed("ab"), cancel("c1").with(failed("c1", cancelled)), feed("cd"), read("c2", 9).gives("cd"))},
	{"reader.read.cancel-keeps-data", "what was there is gone at the end", steps(newReader(4), exactly("c1", 3), feed("ab"), cancel("c1").with(failed("c1", cancelled)), eof(), exactly("c2", 2).raises(incompleteOf("", 2)))},

	// readexactly
	{"reader.readexactly.exactly-n", "more than n", steps(newReader(4), feed("abcd"), exactly("c1", 3).gives("abcd"))},
	{"reader.readexactly.exactly-n", "fewer than n", steps(newReader(4), feed("abcd"), exactly("c1", 3).gives("ab"))},
	{"reader.readexactly.waits-for-n", "fewer than n, without waiting", steps(newReader(4), feed("ab"), exactly("c1", 3).gives("ab"))},
	{"reader.readexactly.waits-for-n", "an error instead of waiting", steps(newReader(4), feed("ab"), exactly("c1", 3).raises(incompleteOf("ab", 3)))},
	{"reader.readexactly.waits-for-n", "woken too early", steps(newReader(4), exactly("c1", 3), feed("ab").with(done("c1", "ab")))},
	{"reader.readexactly.surplus-stays-buffered", "the surplus is gone", steps(newReader(4), feed("abc"), exactly("c1", 2).gives("ab"), read("c2", 1))},
	{"reader.readexactly.eof-is-incomplete", "no error at the end", steps(newReader(4), feed("ab"), eof(), exactly("c1", 3).gives("ab"))},
	{"reader.readexactly.eof-is-incomplete", "another error at the end", steps(newReader(4), exactly("c1", 3), eof().with(failed("c1", badState)))},
	{"reader.readexactly.eof-is-incomplete", "what was partial is read again", steps(newReader(4), feed("ab"), eof(), exactly("c1", 3).raises(incompleteOf("ab", 3)), read("c2", 2).gives("ab"))},
	{"reader.readexactly.partial-holds-what-was-read", "the partial data lack a byte", steps(newReader(4), feed("ab"), eof(), exactly("c1", 3).raises(incompleteOf("a", 3)))},
	{"reader.readexactly.partial-holds-what-was-read", "the error counts wrongly", steps(newReader(4), feed("ab"), eof(), exactly("c1", 3).raises(incompleteOf("ab", 2)))},
	{"reader.readexactly.n-bytes-at-eof-succeed", "the end spoils what is complete", steps(newReader(4), feed("ab"), eof(), exactly("c1", 2).raises(incompleteOf("ab", 2)))},
	{"reader.readexactly.may-exceed-limit", "more than the limit is refused", steps(newReader(1), feed("abc"), exactly("c1", 3).raises(overrun(1)))},
	{"reader.readexactly.negative-refused", "less than nothing is accepted", steps(newReader(4), feed("ab"), exactly("c1", -1).gives(""))},
	{"reader.readexactly.negative-refused", "less than nothing waits", steps(newReader(4), exactly("c1", -1))},
	{"reader.readexactly.zero-returns-at-once", "a readexactly of nothing waits", steps(newReader(4), exactly("c1", 0))},
	{"reader.readexactly.zero-returns-at-once", "or is incomplete at the end", steps(newReader(4), eof(), exactly("c1", 0).raises(incompleteOf("", 0)))},

	// readline
	{"reader.readline.through-first-lf", "two lines", steps(newReader(9), feed("a\nb\n"), line("c1").gives("a\nb\n"))},
	{"reader.readline.through-first-lf", "half a line", steps(newReader(9), feed("abc\n"), line("c1").gives("ab"))},
	{"reader.readline.keeps-lf", "the LF is missing", steps(newReader(9), feed("abc\n"), line("c1").gives("abc"))},
	{"reader.readline.only-lf-terminates", "a CR ends the line", steps(newReader(9), feed("a\rb\n"), line("c1").gives("a\r"))},
	{"reader.readline.rest-stays-buffered", "the rest is gone", steps(newReader(9), feed("a\nb\n"), line("c1").gives("a\n"), line("c2"))},
	{"reader.readline.rest-stays-buffered", "the second line is gone", steps(newReader(9), feed("a\nb\nc\n"), line("c1").gives("a\n"), line("c2").gives("c\n"))},
	{"reader.readline.waits-for-lf", "half a line, without waiting", steps(newReader(9), feed("abc"), line("c1").gives("abc"))},
	{"reader.readline.waits-for-lf", "woken too early", steps(newReader(9), line("c1"), feed("abc").with(done("c1", "abc")))},
	{"reader.readline.eof-yields-remainder", "an error for the last line", steps(newReader(9), feed("ab"), eof(), line("c1").raises(incomplete("ab")))},
	{"reader.readline.eof-yields-remainder", "the last line comes twice", steps(newReader(9), feed("ab"), eof(), line("c1").gives("ab"), line("c2").gives("ab"))},
	{"reader.readline.empty-at-eof", "an error at the end", steps(newReader(9), eof(), line("c1").raises(incomplete("")))},
	{"reader.readline.empty-at-eof", "pending at the end", steps(newReader(9), eof(), line("c1"))},
	{"reader.readline.limit-boundary", "a line of limit bytes is refused", steps(newReader(4), feed("abcd\n"), line("c1").raises(invalid))},
	{"reader.readline.limit-boundary", "waiting on, beyond the limit", steps(newReader(4), feed("abcde"), line("c1"))},
	{"reader.readline.overrun-is-invalid-argument", "a line that is too long is returned", steps(newReader(4), feed("abcde\n"), line("c1").gives("abcde\n"))},
	{"reader.readline.overrun-is-invalid-argument", "readline fails as readuntil does", steps(newReader(4), feed("abcde\n"), line("c1").raises(overrun(5)))},
	{"reader.readline.overrun-drops-found-line", "the line that was too long comes again", steps(newReader(4), feed("abcde\nf\n"), line("c1").raises(invalid), read("c2", 9).gives("abcde\nf\n"))},
	{"reader.readline.overrun-drops-found-line", "the next line went with it", steps(newReader(4), feed("abcde\nf\n"), line("c1").raises(invalid), line("c2"))},
	{"reader.readline.overrun-clears-buffer", "what was too long comes again", steps(newReader(4), feed("abcde"), line("c1").raises(invalid), feed("f"), read("c2", 9).gives("abcdef"))},
	{"reader.readline.overrun-of-tail-at-eof", "a tail that is too long is returned", steps(newReader(4), feed("abcde"), eof(), line("c1").gives("abcde"))},

	// readuntil
	{"reader.readuntil.through-first-separator", "through the second separator", steps(newReader(9), feed("aSEPbSEP"), until("c1", "SEP").gives("aSEPbSEP"))},
	{"reader.readuntil.through-first-separator", "everything there is", steps(newReader(9), feed("aSEPbc"), until("c1", "SEP").gives("aSEPbc"))},
	{"reader.readuntil.through-first-separator", "pending although it is there", steps(newReader(9), feed("aSEP"), until("c1", "SEP"))},
	{"reader.readuntil.through-first-separator", "what there is, without waiting", steps(newReader(9), feed("aSE"), until("c1", "SEP").gives("aSE"))},
	{"reader.readuntil.through-first-separator", "incomplete without the end", steps(newReader(9), feed("aSE"), until("c1", "SEP").raises(incomplete("aSE")))},
	{"reader.readuntil.keeps-separator", "the separator is missing", steps(newReader(9), feed("aSEPb"), until("c1", "SEP").gives("a"))},
	{"reader.readuntil.keeps-separator", "some of it is missing", steps(newReader(9), feed("aSEPb"), until("c1", "SEP").gives("aSE"))},
	{"reader.readuntil.consumes-only-result", "the rest is gone", steps(newReader(9), feed("aSEPb"), until("c1", "SEP").gives("aSEP"), read("c2", 9))},
	{"reader.readuntil.consumes-only-result", "the separator comes again", steps(newReader(9), feed("aSEPb"), until("c1", "SEP").gives("aSEP"), read("c2", 9).gives("SEPb"))},
	{"reader.readuntil.overrun-when-chunk-exceeds-limit", "a separator that is too far is found", steps(newReader(4), feed("abcdeS"), until("c1", "S").gives("abcdeS"))},
	{"reader.readuntil.overrun-when-chunk-exceeds-limit", "a separator that is too far is an invalid argument", steps(newReader(4), feed("abcdeS"), until("c1", "S").raises(invalid))},
	{"reader.readuntil.limit-excludes-separator", "the separator counts", steps(newReader(4), feed("abcdSEP"), until("c1", "SEP").raises(overrun(4)))},
	{"reader.readuntil.limit-excludes-separator", "given up at the limit, although the separator might follow", steps(newReader(4), feed("abcd"), until("c1", "S").raises(overrun(4)))},
	{"reader.readuntil.limit-excludes-separator", "given up beyond the limit, although the separator has begun within it", steps(newReader(4), feed("abcdS"), until("c1", "SEP").raises(overrun(3)))},
	{"reader.readuntil.overrun-keeps-data", "all is gone", steps(newReader(4), feed("abcdefgh\n"), until("c1", "\n").raises(overrun(8)), exactly("c2", 9))},
	{"reader.readuntil.overrun-keeps-data", "all is gone, as reading again shows", steps(newReader(4), feed("abcdeS"), until("c1", "S").raises(overrun(5)), until("c2", "S"))},
	{"reader.readuntil.overrun-keeps-data", "all is gone when more has come", steps(newReader(4), feed("abcdeS"), until("c1", "S").raises(overrun(5)), feed("fg"), read("c2", 9).gives("fg"))},
	{"reader.readuntil.overrun-keeps-data", "what was consumed is gone", steps(newReader(4), feed("abcdeS"), until("c1", "S").raises(overrun(5)), read("c2", 9).gives("S"))},
	{"reader.readuntil.overrun-keeps-data", "all is gone at the end", steps(newReader(4), feed("abcdeS"), until("c1", "S").raises(overrun(5)), eof(), readAll("c2").gives(""))},
	{"reader.readuntil.found-overrun-consumed", "consumed counts the separator", steps(newReader(4), feed("abcdeSEP"), until("c1", "SEP").raises(overrun(8)))},
	{"reader.readuntil.not-found-overrun-consumed", "consumed counts what may begin a separator", steps(newReader(4), feed("abcdefg"), until("c1", "SEP").raises(overrun(7)))},
	{"reader.readuntil.not-found-overrun-consumed", "waiting on, beyond the limit", steps(newReader(4), feed("abcdefg"), until("c1", "SEP"))},
	{"reader.readuntil.not-found-overrun-consumed", "given up as soon as no separator can follow within the limit", steps(newReader(4), feed("abcdeX"), until("c1", "SEP").raises(overrun(4)))},
	{"reader.readuntil.eof-is-incomplete", "the rest at the end", steps(newReader(9), feed("aSE"), eof(), until("c1", "SEP").gives("aSE"))},
	{"reader.readuntil.eof-is-incomplete", "another error at the end", steps(newReader(9), until("c1", "SEP"), eof().with(failed("c1", badState)))},
	{"reader.readuntil.partial-holds-everything", "the partial data lack what may begin a separator", steps(newReader(9), feed("aSE"), eof(), until("c1", "SEP").raises(incomplete("a")))},
	{"reader.readuntil.partial-holds-everything", "no partial data", steps(newReader(9), feed("aSE"), eof(), until("c1", "SEP").raises(of(trace.IncompleteRead)))},
	{"reader.readuntil.incomplete-expects-nothing", "a number is expected", steps(newReader(9), feed("aSE"), eof(), until("c1", "SEP").raises(incompleteOf("aSE", 6)))},
	{"reader.readuntil.incomplete-empties-buffer", "what was partial is read again", steps(newReader(9), feed("aSE"), eof(), until("c1", "SEP").raises(incomplete("aSE")), read("c2", 9).gives("aSE"))},
	{"reader.readuntil.complete-separator-found-at-eof", "the end hides a separator", steps(newReader(9), feed("aSEPb"), eof(), until("c1", "SEP").raises(incomplete("aSEPb")))},
	{"reader.readuntil.limit-before-eof", "the end before the limit", steps(newReader(4), feed("abcdefg"), eof(), until("c1", "SEP").raises(incomplete("abcdefg")))},
	{"reader.readuntil.empty-separator-refused", "an empty separator is found", steps(newReader(4), feed("ab"), until("c1", "").gives(""))},
	{"reader.readuntil.empty-separator-refused", "an empty separator waits", steps(newReader(4), until("c1", ""))},
	{"reader.readuntil.empty-tuple-refused", "an empty tuple waits", steps(newReader(4), untilAny("c1"))},
	{"reader.readuntil.empty-tuple-refused", "an empty member is found", steps(newReader(4), feed("ab"), untilAny("c1", "x", "").gives(""))},
	{"reader.readuntil.tuple-earliest-end-wins", "the earliest beginning wins", steps(newReader(9), feed("xABCDy"), untilAny("c1", "ABCD", "BC").gives("xABCD"))},
	{"reader.readuntil.tuple-earliest-end-wins", "the separator is missing", steps(newReader(9), feed("a;b"), untilAny("c1", ";", ",").gives("a"))},
	{"reader.readuntil.tuple-earliest-end-wins", "what there is, without waiting", steps(newReader(9), feed("ab"), untilAny("c1", ";", ",").gives("ab"))},
	{"reader.readuntil.tuple-limit-counts-shortest", "the longest that ends there counts", steps(newReader(4), feed("aaaaABC"), untilAny("c1", "ABC", "BC").gives("aaaaABC"))},
	{"reader.readuntil.tuple-limit-counts-shortest", "the separator counts", steps(newReader(4), feed("aaaaABC"), untilAny("c1", "ABC", "X").raises(overrun(4)))},
	{"reader.readuntil.limit-excludes-separator", "given up at the limit, although a separator might follow", steps(newReader(4), feed("abcd"), untilAny("c1", "S", "T").raises(overrun(4)))},
	{"reader.readuntil.tuple-tie-shortest-consumed", "the longest decides what is consumed", steps(newReader(4), feed("aaaaaABC"), untilAny("c1", "ABC", "BC").raises(overrun(5)))},
	{"reader.readuntil.tuple-not-found-uses-longest", "the shortest decides what is consumed", steps(newReader(4), feed("abcdefgh"), untilAny("c1", "X", "SEPX").raises(overrun(8)))},
	{"reader.readuntil.tuple-not-found-uses-longest", "the shortest decides when to give up", steps(newReader(4), feed("abcde"), untilAny("c1", "X", "SEPX").raises(overrun(5)))},
	{"reader.readuntil.tuple-eof-is-incomplete", "the rest at the end", steps(newReader(9), feed("ab"), eof(), untilAny("c1", "ABC", "Z").gives("ab"))},

	// iteration
	{"reader.iterate.yields-lines-until-eof", "a line is left out", steps(newReader(9), feed("a\nb\n"), iterate("c1").with(item("c1", "b\n")))},
	{"reader.iterate.yields-lines-until-eof", "an empty line ends it", steps(newReader(9), feed("a\n\nb\n"), iterate("c1").none().with(item("c1", "a\n")))},
	{"reader.iterate.yields-lines-until-eof", "half a line", steps(newReader(9), feed("ab"), iterate("c1").with(item("c1", "ab")))},
	{"reader.iterate.yields-lines-until-eof", "items that are not bytes", steps(newReader(9), feed("a\n"), iterate("c1").with(trace.Event{Ev: trace.Item, On: "c1", Value: &trace.Value{Text: trace.Text("a\n")}}))},
	{"reader.iterate.yields-lines-until-eof", "the end does not end it", steps(newReader(9), eof(), iterate("c1"))},
	{"reader.iterate.yields-lines-until-eof", "the last line is no item", steps(newReader(9), feed("ab"), eof(), iterate("c1").none())},
	{"reader.readline.overrun-is-invalid-argument", "an iteration fails as readuntil does", steps(newReader(4), feed("abcde\n"), iterate("c1").raises(overrun(5)))},

	// flow control
	{"reader.feed.set-transport-attaches", "the transport is refused", steps(newReader(4), transportThat(true), attach().raises(of(trace.InvalidType)))},
	{"reader.feed.set-transport-once", "a second transport is accepted", steps(newReader(4), transportThat(true), attach(), attach())},
	{"reader.feed.set-transport-once", "a second transport is refused for another reason", steps(newReader(4), transportThat(true), attach(), attach().raises(invalid))},
	{"reader.feed.pauses-above-twice-limit", "paused at exactly twice the limit", flows(4, feed(a(8)).with(pause))},
	{"reader.feed.pauses-above-twice-limit", "not paused above", flows(4, feed(a(8)), feed("a"))},
	{"reader.feed.pauses-above-twice-limit", "paused twice", flows(4, feed(a(9)).with(pause), feed("a").with(pause))},
	{"reader.feed.pauses-above-twice-limit", "paused twice at once", flows(4, feed(a(9)).with(pause, pause))},
	{"reader.feed.pauses-above-twice-limit", "paused when nothing came", flows(4, feed("a"), atEOF(false).with(pause))},
	{"reader.feed.pauses-above-twice-limit", "not paused, when what is left is too much", flows(4, exactly("c1", 2), feed(a(11)).with(done("c1", "aa")))},
	{"reader.feed.resumes-at-limit", "resumed although not paused", flows(4, feed("a").with(resume))},
	{"reader.feed.resumes-at-limit", "not resumed at the limit", flows(4, feed(a(9)).with(pause), exactly("c1", 5).gives(a(5)))},
	{"reader.feed.resumes-at-limit", "resumed above the limit", flows(4, feed(a(9)).with(pause), exactly("c1", 4).gives(a(4)).with(resume))},
	{"reader.feed.resumes-at-limit", "resumed twice", flows(4, feed(a(9)).with(pause), exactly("c1", 5).gives(a(5)).with(resume, resume))},
	{"reader.feed.resumes-at-limit", "resumed when nothing was read", flows(4, feed(a(9)).with(pause), feed("a").with(resume))},
	{"reader.feed.resumes-at-limit", "not resumed by an iteration", flows(4, feed("a\n"+a(7)).with(pause), iterateItems("c1", 1).none().with(item("c1", "a\n")), exactly("c2", 3).gives(a(3)))},
	{"reader.feed.waiting-read-resumes", "paused while a call waits", flows(4, feed(a(9)).with(pause), exactly("c1", 20))},
	{"reader.feed.waiting-read-resumes", "paused again while a call waits", flows(4, exactly("c1", 20), feed(a(9)).with(pause))},
	{"reader.feed.refused-pause-forgets-transport", "paused again although it cannot", steps(newReader(4), transportThat(false), attach(), feed(a(9)).with(pause), feed("a").with(pause))},
	{"reader.feed.refused-pause-forgets-transport", "resumed although it was not paused", steps(newReader(4), transportThat(false), attach(), feed(a(9)).with(pause), read("c1", 9).gives(a(9)).with(resume))},
	{"reader.readuntil.failure-does-not-resume", "an overrun resumes", flows(4, feed(a(9)).with(pause), untilLF("c1").raises(overrun(9)).with(resume))},
	{"reader.readuntil.failure-does-not-resume", "an incomplete read resumes", flows(4, feed(a(9)).with(pause), eof(), until("c1", "0123456789").raises(incomplete(a(9))).with(resume))},
	{"reader.readline.overrun-may-resume", "an overrun of readline that empties does not resume", flows(4, feed(a(9)).with(pause), line("c1").raises(invalid))},
	{"reader.readline.overrun-may-resume", "one that leaves too much resumes", flows(4, feed(a(5)+"\n"+a(5)).with(pause), line("c1").raises(invalid).with(resume))},
}

func TestViolationsNameTheRule(t *testing.T) {
	for _, test := range allWrong() {
		t.Run(test.rule+"/"+test.name, func(t *testing.T) {
			before := test.session[:len(test.session)-1]
			m := play(exact, before...)
			if v := m.Violations(); len(v) > 0 {
				t.Fatalf("accused before the wrong observation: %v", v)
			}
			show(m, test.session[len(before)])
			v := m.Violations()
			if len(v) != 1 || v[0].Rule != test.rule {
				t.Fatalf("want one violation of %s, got %v", test.rule, v)
			}
			last := test.session[len(before)]
			if v[0].Step != len(test.session) {
				t.Errorf("the violation is of step %d, want %d", v[0].Step, len(test.session))
			}
			for _, part := range append([]string{"step " + strconv.Itoa(v[0].Step) + ": ", last.c.String(), last.r.String(), "permitted: "}, eventTexts(last.r.Events)...) {
				if !strings.Contains(v[0].Text, part) {
					t.Errorf("the violation does not say %q: %s", part, v[0].Text)
				}
			}
			if strings.HasSuffix(v[0].Text, "permitted: ") || strings.HasSuffix(v[0].Text, "what the rule says") {
				t.Errorf("the violation does not say what was permitted: %s", v[0].Text)
			}
		})
	}
}

// mutable says that the bytes that came back can be changed.
func mutable(s step) step { s.r.Returned.Type = "bytearray"; return s }

func eventTexts(events []trace.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.String())
	}
	return out
}

// TestRulesNotInForceAreNotNamed plays the same sessions by a version of the documents in which the rule does not hold.
func TestRulesNotInForceAreNotNamed(t *testing.T) {
	for _, test := range allWrong() {
		o := exact
		o.InForce = func(rule string) bool { return rule != test.rule }
		for _, v := range play(o, test.session...).Violations() {
			t.Errorf("%s: %s: accused by way of another rule: %v", test.rule, test.name, v)
		}
	}
}

// neverNamed are rules that the monitor knows but cannot name, and why.
var neverNamed = map[string]string{
	"reader.errors.incomplete-has-partial":         "the partial data are those of readexactly and of readuntil, which have rules of their own",
	"reader.errors.overrun-has-consumed":           "what consumed counts has rules of its own",
	"reader.errors.overrun-leaves-reader-usable":   "a reader that is not usable breaks the rule of whatever call comes next",
	"reader.feed.memory-is-bounded":                "it shows as a pause that is missing",
	"reader.feed.no-transport-no-pause":            "no transport, no event",
	"reader.iterate.is-iterable":                   "it shows as an iteration that fails",
	"reader.iterate.overrun-propagates":            "it shows as an iteration that yields what it should not",
	"reader.read.arguments-before-exception":       "it shows as an argument that is not refused",
	"reader.read.to-eof-failure-loses-data":        "a quirk: either passes",
	"reader.read.to-eof-ignores-limit":             "it shows as a read that does not go to the end",
	"reader.readuntil.consumed-excludes-separator": "what consumed counts has rules of its own",
	"reader.readuntil.default-separator-is-lf":     "it shows as a read through something else",
	"writer.drain.cancel-is-harmless":              "it shows as the next drain, which does not wait or does not return",
	"reader.readuntil.tuple-accepted":              "it shows as a call that is refused",
	"start_server.failing-coroutine-unreported":    "a quirk: either passes",
	"start_server.failing-plain-callback":          "a quirk: either passes",
}

// TestEveryRuleOfTheMonitorIsTested reads the rules from the monitor's own source: each exists, each that can be named is
// named by a session above, and each whose premise can occur occurs in one.
func TestEveryRuleOfTheMonitorIsTested(t *testing.T) {
	catalogue, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	named, exercised := map[string]bool{}, map[string]bool{}
	for _, test := range allWrong() {
		named[test.rule] = true
	}
	for _, test := range allConforming() {
		for rule := range play(exact, test.session...).Exercised() {
			exercised[rule] = true
		}
	}
	for _, test := range allLatitude() {
		for rule := range play(exact, test.session...).Exercised() {
			exercised[rule] = true
		}
	}
	known := rulesInSource(t, catalogue)
	for rule := range neverNamed {
		if !slices.Contains(known, rule) {
			t.Errorf("%s is said never to be named, but the monitor does not know it", rule)
		}
	}
	for _, rule := range known {
		if _, ok := catalogue.Rule(rule); !ok {
			t.Errorf("%s: the catalogue has no such rule", rule)
		}
		if _, never := neverNamed[rule]; named[rule] == never {
			t.Errorf("%s: named in a session above: %t, said never to be: %t", rule, named[rule], never)
		}
		if !exercised[rule] {
			t.Errorf("%s: its premise does not occur in a session above", rule)
		}
	}
}

// rulesInSource returns the texts in the monitor's source that begin as the ID of a rule does.
func rulesInSource(t *testing.T, catalogue *spec.Catalogue) []string {
	t.Helper()
	var areas []string
	for _, rule := range catalogue.Rules() {
		if area := string(rule.Area) + "."; !slices.Contains(areas, area) {
			areas = append(areas, area)
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s, _ := strconv.Unquote(lit.Value)
				ofArea := func(area string) bool { return strings.HasPrefix(s, area) }
				if slices.ContainsFunc(areas, ofArea) && !slices.Contains(rules, s) {
					rules = append(rules, s)
				}
			}
			return true
		})
	}
	if len(rules) < 50 {
		t.Fatalf("only %d rules found in the source", len(rules))
	}
	return rules
}

func TestViolationText(t *testing.T) {
	for want, session := range map[string][]step{
		`step 3: c1 = r.read(2) returned "abc" (r with limit 4, buffered "abcd"); permitted: c1 returned "ab"`:                                                                              steps(newReader(4), feed("abcd"), read("c1", 2).gives("abc")),
		`step 4: c1 = r.readuntil("SEP") pending (r with limit 4, buffered "ab", end of stream fed); permitted: c1 raised incomplete-read{partial "ab", expected unknown}`:                  steps(newReader(4), feed("ab"), eof(), until("c1", "SEP")),
		`step 3: r.feed_data("\n") returned none, with finished c1 returned "" (r with limit 4, buffered "\n"); permitted: c1 returned "\n"`:                                                steps(newReader(4), line("c1"), feed("\n").with(done("c1", ""))),
		`step 3: c1 = r.readexactly(1) returned "a" (r with limit 4, buffered "", exception "boom"); permitted: c1 raised scripted "boom"`:                                                  steps(newReader(4), setException("boom"), exactly("c1", 1).gives("a")),
		`step 1: r = reader.make(limit: 0) returned none; permitted: raised invalid-argument, since the limit is not positive`:                                                              steps(newReader(0)),
		`step 2: r.at_eof() returned true (r with limit 4, buffered ""); permitted: returned false`:                                                                                         steps(newReader(4), atEOF(true)),
		`step 4: r.feed_data("aaaaaaaa") returned none, with pause_reading t (r with limit 4, buffered "aaaaaaaa"); permitted: no pause_reading: 8 bytes are not more than twice the limit`: flows(4, feed(a(8)).with(pause)),
		`step 5: settle() returned none, with finished c2 returned "b", finished c1 returned "b" (r with limit 4, buffered "ab"); permitted: c1 returned "a" and c2 returned "b", or c2 returned "a" and c1 returned "b"`: steps(
			newReader(4), feed("ab"), read("c1", 1).soon(), read("c2", 1).soon(), settle().with(done("c2", "b"), done("c1", "b"))),
	} {
		v := play(exact, session...).Violations()
		if len(v) != 1 {
			t.Errorf("want one violation that says %s, got %v", want, v)
			continue
		}
		if diff := cmp.Diff(want, v[0].Text); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
