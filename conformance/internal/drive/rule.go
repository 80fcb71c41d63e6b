package drive

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/onsi/ginkgo/v2"

	"github.com/streamspec/streamspec/spec"
)

var catalogue = sync.OnceValue(func() *spec.Catalogue {
	c, err := spec.Load()
	if err != nil {
		panic(err) // the catalogue is embedded: the program is broken
	}
	return c
})

// Rule is the decorator by which a spec names the rules that it checks. An ID that does not exist fails when the tree is
// built. The labels are the IDs, and the rules' areas and levels.
func Rule(ids ...string) ginkgo.Labels {
	var labels ginkgo.Labels
	for _, id := range ids {
		r, ok := catalogue().Rule(id)
		if !ok {
			panic(fmt.Sprintf("there is no rule %q; near are %s", id, strings.Join(catalogue().Suggest(id), ", ")))
		}
		for _, l := range []string{id, string(r.Area), string(r.Level)} {
			if !slices.Contains(labels, l) {
				labels = append(labels, l)
			}
		}
	}
	return labels
}

// Rules returns those labels that are IDs of rules.
func Rules(labels []string) []string {
	var ids []string
	for _, l := range labels {
		if _, ok := catalogue().Rule(l); ok {
			ids = append(ids, l)
		}
	}
	return ids
}
