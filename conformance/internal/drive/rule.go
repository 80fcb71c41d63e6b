package drive

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/onsi/ginkgo/v2"

	"github.com/streamspec/streamspec/spec"
)

const ruleLabel = "rule: "

var catalogue = sync.OnceValue(func() *spec.Catalogue {
	c, err := spec.Load()
	if err != nil {
		panic(err) // the catalogue is embedded: the program is broken
	}
	return c
})

// Rule is the decorator by which a spec names the rules that it checks. An ID that does not exist fails when the tree is
// built. From the rules follow the labels: "rule: ID", "area: …", "level: …".
func Rule(ids ...string) ginkgo.Labels {
	var labels ginkgo.Labels
	for _, id := range ids {
		r, ok := catalogue().Rule(id)
		if !ok {
			panic(fmt.Sprintf("there is no rule %q; near are %s", id, strings.Join(catalogue().Suggest(id), ", ")))
		}
		for _, l := range []string{ruleLabel + id, "area: " + string(r.Area), "level: " + string(r.Level)} {
			if !slices.Contains(labels, l) {
				labels = append(labels, l)
			}
		}
	}
	return labels
}

// Rules returns the IDs of the rules that labels name.
func Rules(labels []string) []string {
	var ids []string
	for _, l := range labels {
		if id, ok := strings.CutPrefix(l, ruleLabel); ok {
			ids = append(ids, id)
		}
	}
	return ids
}
