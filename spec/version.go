package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
)

// Version is a documented version of asyncio: a major and minor number of Python, or the 3.8 draft, whose streams were
// documented but never released. The zero Version is none at all. Versions can be compared with ==.
type Version struct {
	major, minor int
	draft        bool
}

// Draft38 is the version of the 3.8 draft.
var Draft38 = Version{major: 3, minor: 8, draft: true}

const draft38 = "3.8-draft"

// Patch levels, pre-releases and the plus sign of development builds are read and dropped: documents know major.minor.
var versionPattern = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3})(?:\.\d+)?(?:(?:a|b|rc)\d+)?\+?$`)

// ParseVersion reads "3.13", "3.13.0", "3.14.0b1" (judged as 3.13, 3.13 and 3.14) or "3.8-draft".
func ParseVersion(s string) (Version, error) {
	if s == draft38 {
		return Draft38, nil
	}
	m := versionPattern.FindStringSubmatch(s)
	if m == nil {
		return Version{}, fmt.Errorf("version %q is neither like 3.13 or 3.13.0 nor %s", s, draft38)
	}
	major, _ := strconv.Atoi(m[1]) // the pattern admits nothing that fails
	minor, _ := strconv.Atoi(m[2])
	return Version{major: major, minor: minor}, nil
}

// Draft reports whether v is the 3.8 draft.
func (v Version) Draft() bool { return v.draft }

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v == Version{} }

// Compare returns -1, 0 or +1. The draft comes between 3.7 and 3.8.
func (v Version) Compare(w Version) int {
	draft := func(v Version) int {
		if v.draft {
			return -1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(draft(v), draft(w)))
}

// String returns the form that ParseVersion reads, and "" for no version.
func (v Version) String() string {
	switch {
	case v.IsZero():
		return ""
	case v.draft:
		return draft38
	default:
		return fmt.Sprintf("%d.%d", v.major, v.minor)
	}
}

// MarshalText returns the form of String.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the form of String.
func (v *Version) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*v = Version{}
		return nil
	}
	w, err := ParseVersion(string(text))
	if err == nil {
		*v = w
	}
	return err
}

// Versions says under which versions a rule is in force. A rule stated by one document holds until a later one takes it
// back, so this is a range of releases; the draft stands beside them, because it is no release and went its own way.
type Versions struct {
	// From is the first release; none for rules of the draft alone.
	From Version `json:"from,omitzero"`
	// To is the last release; none while the rule still holds.
	To Version `json:"to,omitzero"`
	// Draft tells whether the rule holds under the 3.8 draft.
	Draft bool `json:"draft"`
}

// editions are the versions whose documents the catalogue is made from.
var editions = []Version{{major: 3, minor: 6}, Draft38, {major: 3, minor: 12}, {major: 3, minor: 13}}

// Contains reports whether v is among the versions.
func (vs Versions) Contains(v Version) bool {
	if v.Draft() {
		return vs.Draft
	}
	return vs.releases(v)
}

// releases reports whether the range of releases includes v.
func (vs Versions) releases(v Version) bool {
	return !vs.From.IsZero() && v.Compare(vs.From) >= 0 && (vs.To.IsZero() || v.Compare(vs.To) <= 0)
}

// String describes the versions in words.
func (vs Versions) String() string {
	if vs.From.IsZero() {
		return draft38 + " only"
	}
	s := "from " + vs.From.String()
	switch {
	case vs.To == vs.From:
		s = vs.From.String() + " only"
	case !vs.To.IsZero():
		s += " to " + vs.To.String()
	}
	if vs.Draft == vs.asRelease() {
		return s
	}
	if vs.Draft {
		return s + ", and " + draft38
	}
	return s + ", not " + draft38
}

// asRelease is what Draft is unless the catalogue says otherwise: the draft is judged as the release of its number.
func (vs Versions) asRelease() bool {
	return vs.releases(Version{major: Draft38.major, minor: Draft38.minor})
}
