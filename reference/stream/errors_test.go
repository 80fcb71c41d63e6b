package stream

import "testing"

func TestErrorTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&IncompleteReadError{Partial: []byte("ab"), Expected: 5}, "stream: 2 bytes read on a total of 5 expected bytes"},
		{&IncompleteReadError{Expected: -1}, "stream: 0 bytes read on a total of undefined expected bytes"},
		{&LimitOverrunError{Consumed: 5, Found: true}, "stream: separator is found, but chunk is longer than limit"},
		{&LimitOverrunError{Consumed: 5}, "stream: separator is not found, and chunk exceeds the limit"},
		{&LineTooLongError{Limit: 4, Dropped: 6, Found: true}, "stream: line longer than the limit of 4 bytes: 6 bytes dropped"},
		{&LineTooLongError{Limit: 4, Dropped: 5}, "stream: no end of line within the limit of 4 bytes: buffer of 5 bytes dropped"},
		{&ArgumentError{Name: "limit", Value: 0, Reason: "must be positive"}, "invalid limit 0: must be positive"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
