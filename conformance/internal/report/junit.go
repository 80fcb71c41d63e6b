package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type junitSuite struct {
	XMLName    xml.Name    `xml:"testsuite"`
	Name       string      `xml:"name,attr"`
	Tests      int         `xml:"tests,attr"`
	Failures   int         `xml:"failures,attr"`
	Errors     int         `xml:"errors,attr"`
	Skipped    int         `xml:"skipped,attr"`
	Seconds    string      `xml:"time,attr"`
	Properties []junitProp `xml:"properties>property"`
	Cases      []junitCase `xml:"testcase"`
}

type junitProp struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string      `xml:"classname,attr"`
	Name    string      `xml:"name,attr"`
	Seconds string      `xml:"time,attr"`
	Failure *junitFault `xml:"failure"`
	Error   *junitFault `xml:"error"`
	Skipped *junitFault `xml:"skipped"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report in the JUnit form that CI systems read. Filtered cases are left out.
func (r *Report) WriteJUnit(w io.Writer) error {
	s := junitSuite{
		Name: "streamspec " + r.Implementation.Name + " " + r.Implementation.Version, Seconds: fmt.Sprintf("%.3f", r.Summary.Seconds),
		Properties: []junitProp{
			{"target", r.Suite.Target}, {"depth", r.Suite.Depth}, {"conformant", fmt.Sprint(r.Summary.Conformant)}, {"complete", fmt.Sprint(r.Complete)},
		},
	}
	for _, c := range r.Cases {
		if c.Verdict == Filtered {
			continue
		}
		text := c.Message
		if c.Verdict == KnownFail {
			text = "known: " + c.BaselineReason + "\n" + text
		}
		if c.shared() {
			text += "\nStock asyncio fails in the same way."
		}
		area, name, _ := strings.Cut(c.ID, separator)
		jc := junitCase{Class: area, Name: name, Seconds: fmt.Sprintf("%.3f", c.Seconds)}
		fault := &junitFault{Message: string(c.Verdict) + ": " + strings.Join(c.Rules, ", "), Text: text}
		s.Tests++
		switch {
		case c.Verdict == Fail || c.Verdict == UnexpectedPass || c.Verdict == Flaky:
			jc.Failure = fault
			s.Failures++
		case !c.Verdict.Good():
			jc.Error = fault
			s.Errors++
		case c.Verdict != Pass:
			jc.Skipped = fault
			s.Skipped++
		}
		s.Cases = append(s.Cases, jc)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", " ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// separator stands between the texts of a case's ID.
const separator = " / "

// CaseID joins the texts that lead to a case.
func CaseID(texts ...string) string { return strings.Join(texts, separator) }
