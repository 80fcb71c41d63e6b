package vectors

import "github.com/streamspec/streamspec/spec/trace"

// limit is that of most readers: small enough for every text to be readable.
const limit = 3

// lines are texts at the boundaries of the limit: one byte less, as many, one more; ended, not ended, and followed by another.
var lines = []string{"", "\n", "ab\n", "abc\n", "abcd\n", "ab", "abc", "abcd", "ab\ncd\n", "abc\nd", "abcd\nef\n", "a\r\n", "a\rb\n", "\n\n"}

func readVectors() (out []program) {
	for _, n := range []int{-1, 0, 1, 3, 10} {
		out = append(out, everyWay(limited(limit), read(n), "", "a", "abcd", "abcdefgh")...)
	}
	return append(out, everyWay(limited(limit), readAll, "", "a", "abcdefgh")...)
}

func readExactlyVectors() (out []program) {
	for _, n := range []int{0, 1, 2, 3, 4, 7, -1} {
		out = append(out, everyWay(limited(limit), exactly(n), "", "ab", "abc", "abcd", "abcdefgh")...)
	}
	return out
}

func readLineVectors() []program { return everyWay(limited(limit), readLine, lines...) }

func iterateVectors() (out []program) {
	out = everyWay(limited(limit), iterate, lines...)
	return append(out, everyWay(limited(limit), items(1), "ab\ncd\nef", "abcd\n")...)
}

func readUntilVectors() (out []program) {
	for _, separator := range []string{"S", "SE", "SS", "SES"} {
		out = append(out, everyWay(limited(limit), until(separator), "", "abS", "abSE", "abcSE", "abcdSE", "abSESE", "abSSS", "aSSES", "SEx", "abcdef")...)
	}
	return append(out, everyWay(limited(limit), until(""), "ab")...)
}

func readUntilAnyVectors() (out []program) {
	for _, set := range [][]string{{"SEP"}, {"S", "E"}, {"S", "SE"}, {"SEP", "EP"}, {"EP", "SEP"}, {"SEP", "E"}, {"P", "EP", "SEP"}, {"S", "EE", "PPP"}} {
		out = append(out, everyWay(limited(limit), untilAny(set...), "", "aSEP", "abcSEP", "abcdSEP", "SPEP", "abcdef", "EEPPP")...)
	}
	return append(out, everyWay(limited(limit), trace.Command{Op: trace.ReaderReadUntil, Separators: []trace.Data{}}, "ab")...)
}

// calls are one of each kind that comes back with data.
var calls = []trace.Command{read(3), readAll, readLine, exactly(3), until("SE"), items(1)}

func feedVectors() (out []program) {
	for _, n := range []int{-1, 0, 1} {
		out = append(out, limited(n))
	}
	empty := limited(limit).ask(trace.ReaderAtEOF)
	out = append(out, empty.feed("").ask(trace.ReaderAtEOF).eof().ask(trace.ReaderAtEOF), empty.feed("ab").ask(trace.ReaderAtEOF).eof().ask(trace.ReaderAtEOF).
		call(read(2)).ask(trace.ReaderAtEOF), limited(limit).eof().eof().ask(trace.ReaderAtEOF).call(read(1)), limited(limit).eof().feed("a").call(readAll))
	for _, call := range calls {
		waiting := limited(limit).call(call)
		out = append(out, waiting.feed("", "").feed("a\n").rest(), waiting.eof().call(call), waiting.eof().feed("a"))
	}
	return out
}

func errorVectors() (out []program) {
	for _, call := range calls {
		waiting := limited(limit).call(call)
		out = append(out,
			waiting.fail("boom").call(call).ask(trace.ReaderException),
			limited(limit).feed("abcSE\n").fail("boom").call(call).ask(trace.ReaderException).ask(trace.ReaderAtEOF),
			limited(limit).fail("boom").fail("again").call(call).ask(trace.ReaderException),
			limited(limit).fail("boom").ask(trace.ReaderSetException).ask(trace.ReaderException).feed("abSE\n").call(call).rest(),
			limited(limit).eof().fail("boom").call(call).ask(trace.ReaderAtEOF))
		for _, another := range calls {
			out = append(out, waiting.call(another).feed("abSE\n").rest())
		}
	}
	return out
}

func cancelVectors() (out []program) {
	for _, call := range calls {
		for _, chunk := range []string{"", "a"} {
			waiting := limited(limit).call(call).feed(chunk)
			out = append(out, waiting.cancel("c1").rest(), waiting.cancel("c1").call(call).feed("bSE\n").rest(), waiting.cancel("c1").cancel("c1").call(read(1)).feed("b"))
		}
		out = append(out, limited(limit).feed("abSE\n").call(call).cancel("c1").rest())
	}
	return out
}

// flowVectors are about pausing above twice the limit, and resuming at the limit.
func flowVectors() (out []program) {
	stuffed := func(n int) string { return "abcdefghijklmno"[:n] }
	for _, n := range []int{limit, 2*limit - 1, 2 * limit, 2*limit + 1, 3 * limit} {
		p := controlled(limit).feed(stuffed(n))
		for _, call := range []trace.Command{read(1), read(limit), exactly(n - limit - 1), exactly(n - limit), exactly(n - limit + 1), exactly(n), readAll, readLine, until("f"), until("g")} {
			out = append(out, p.call(call).feed("x").rest(), p.feed("x").call(call, read(1)).rest())
		}
		out = append(out, p.feed("x", "y", "").call(read(2), read(2), read(2), read(2)).rest(), p.fail("boom"), p.eof())
		out = append(out, controlled(limit).call(exactly(n)).feed(stuffed(2*limit+1)).feed(stuffed(n)).rest(), controlled(limit).call(readAll).feed(stuffed(n), stuffed(n)).rest())
	}
	cannot := limited(limit).then(trace.Command{Op: trace.MockMake, As: "t", CanPause: trace.Bool(false)}, trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"})
	return append(out, cannot.feed(stuffed(2*limit+1), "x").call(read(10)).rest(), controlled(limit).then(trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"}))
}
