package spec

import (
	"cmp"
	"slices"
	"strings"
)

// maxSuggestions keeps a hint short enough to be read.
const maxSuggestions = 3

// Suggest returns up to three IDs that a mistyped one may have meant, the nearest first: the rule of an inventory row,
// IDs that contain the text, IDs that differ from it in a few letters.
func (c *Catalogue) Suggest(id string) []string {
	type candidate struct {
		id       string
		distance int
	}
	var near []candidate
	typed := strings.ToLower(strings.TrimSpace(id))
	if typed == "" {
		return nil
	}
	for _, r := range c.rules {
		switch {
		case strings.EqualFold(r.Inventory, typed):
			return []string{r.ID}
		case strings.Contains(r.ID, typed):
			near = append(near, candidate{r.ID, 0})
		default:
			// A third of the letters wrong is still a slip; more is another rule.
			if d := distance(typed, r.ID); d <= len(typed)/3 {
				near = append(near, candidate{r.ID, d})
			}
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var ids []string
	for _, n := range near[:min(len(near), maxSuggestions)] {
		ids = append(ids, n.id)
	}
	return ids
}

// distance is the number of bytes to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // distances from a[:i] to each prefix of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
