package report

import (
	"fmt"
	"strings"
)

// Repeated makes one list of cases out of those of several repetitions of a run. A case whose verdict differs between them
// is flaky.
func Repeated(runs [][]Case) []Case {
	var order []string
	byID := map[string][]Case{}
	for _, cases := range runs {
		for _, c := range cases {
			if byID[c.ID] == nil {
				order = append(order, c.ID)
			}
			byID[c.ID] = append(byID[c.ID], c)
		}
	}
	merged := make([]Case, 0, len(order))
	for _, id := range order {
		merged = append(merged, repeated(byID[id]))
	}
	return merged
}

// repeated is the gravest of one case's repetitions, flaky if there are several verdicts.
func repeated(cases []Case) Case {
	worst := cases[0]
	times := map[Verdict]int{}
	for _, c := range cases {
		times[c.Verdict]++
		if Graver(c.Verdict, worst.Verdict) {
			worst = c
		}
	}
	if len(times) == 1 {
		return worst
	}
	var parts []string
	for _, v := range gravity {
		if n := times[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", v, count(n, "time", "times")))
		}
	}
	worst.Message = strings.TrimSuffix("in "+count(len(cases), "repetition", "repetitions")+" it came to "+strings.Join(parts, ", ")+"; "+worst.Message, "; ")
	worst.Verdict = Flaky
	return worst
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
