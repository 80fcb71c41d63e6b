package transport

import (
	"fmt"
	"math"
)

// DefaultHigh is the high mark, in bytes, of a transport that is not told otherwise. The low mark is a quarter of it.
//
// Rule: transport.write.default-limits-open.
const DefaultHigh = 65536

// A Watermark is an argument of SetWriteBufferLimits: [High] or [Low].
type Watermark struct {
	name  string
	bytes int
}

// High is the mark, in bytes, above which writing pauses. With 0 it pauses whenever something is queued.
//
// Rule: transport.write.zero-high-pauses-when-queued.
func High(bytes int) Watermark { return Watermark{"high", bytes} }

// Low is the mark, in bytes, at which writing resumes. With 0 it resumes when nothing is queued.
//
// Rule: transport.write.zero-low-resumes-when-empty.
func Low(bytes int) Watermark { return Watermark{"low", bytes} }

type watermarks struct{ low, high int }

// marksFrom completes what is given. Of two of a kind the last counts.
//
// Rules: transport.write.limits-arithmetic, transport.write.zero-high-forces-zero-low.
func marksFrom(given []Watermark) (watermarks, error) {
	low, high := -1, -1
	for _, m := range given {
		switch {
		case m.name == "":
			return watermarks{}, &ArgumentError{Name: "watermark", Value: m, Reason: "must be made by High or Low"}
		case m.bytes < 0:
			return watermarks{}, &ArgumentError{Name: m.name, Value: m.bytes, Reason: "must not be negative"}
		case m.name == "high":
			high = m.bytes
		default:
			low = m.bytes
		}
	}
	if high < 0 {
		high = DefaultHigh
		if low >= 0 {
			high = 4 * min(low, math.MaxInt/4)
			high = max(high, low)
		}
	}
	if low < 0 {
		low = high / 4
	}
	if low > high {
		return watermarks{}, &ArgumentError{Name: "low", Value: low, Reason: fmt.Sprintf("must not be above high, %d", high)}
	}
	return watermarks{low, high}, nil
}
