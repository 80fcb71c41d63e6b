package spec

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
)

func mustLoad(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// perPrefix is how many rows the inventory has for each prefix. Rows are only ever appended.
var perPrefix = map[string]int{
	"READ": 14, "READLINE": 9, "RDEXACT": 7, "RDUNTIL": 20, "RDEOF": 11, "RDITER": 3, "ERR": 3,
	"WRITE": 14, "WCLOSE": 8, "WEOF": 4, "WINFO": 3, "DRAIN": 6, "STARTTLS": 6, "SRP": 4,
	"OPEN": 16, "SRV": 14, "UNIXC": 7, "DRAFTFN": 10, "SSERVER": 16, "USERVER": 3, "STREAM": 4,
	"BTR": 23, "RTR": 6, "WTR": 23, "DTR": 5, "STR": 10, "BPR": 8, "PRO": 12, "BUF": 9, "DPR": 6, "SPR": 6,
	"SM": 5, "PARAM": 8, "EX": 14,
	"DF-READER": 20, "DF-LINE": 8, "DF-UNTIL": 9, "DF-FEED": 13, "DF-ERR": 4, "DF-WRITE": 15, "DF-DRAIN": 8, "DF-SRP": 9,
	"DF-FUNC": 14, "DF-SERVER": 8, "DF-TRANS": 27, "DF-DGRAM": 7, "DF-SUBP": 7, "DF-DRAFT": 9,
}

func TestEveryInventoryRowHasARule(t *testing.T) {
	g := NewWithT(t)
	got := make(map[string]int)
	levels := make(map[Level]int)
	for _, r := range mustLoad(t).Rules() {
		dash := strings.LastIndex(r.Inventory, "-")
		prefix := r.Inventory[:dash]
		got[prefix]++
		levels[r.Level]++
		number, err := strconv.Atoi(r.Inventory[dash+1:])
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(number).To(BeNumerically(">=", 1), r.Inventory)
		g.Expect(number).To(BeNumerically("<=", perPrefix[prefix]), r.Inventory)
	}
	g.Expect(got).To(Equal(perPrefix), "inventory rows are unique, so equal counts mean that none is missing")
	documented, deFacto := 0, 0
	for prefix, count := range perPrefix {
		if strings.HasPrefix(prefix, "DF-") {
			deFacto += count
		} else {
			documented += count
		}
	}
	g.Expect([]int{documented, deFacto}).To(Equal([]int{317, 158}))
	g.Expect(levels).To(Equal(map[Level]int{Must: 288, Should: 9, May: 20, DeFacto: 139, Quirk: 19}))
}

func TestFixedLists(t *testing.T) {
	inventory := func(keep func(Rule) bool) []string {
		var rows []string
		for _, r := range mustLoad(t).Rules() {
			if keep(r) {
				rows = append(rows, r.Inventory)
			}
		}
		slices.Sort(rows)
		return rows
	}
	for name, test := range map[string]struct {
		keep func(Rule) bool
		want string
	}{
		"guidance": {func(r Rule) bool { return r.Scope == Guidance }, `
			RDEOF-008 RDEOF-009 RDITER-003 WRITE-012 WRITE-014 DRAIN-005 SRP-004 OPEN-015 UNIXC-007 STREAM-002 BTR-004 BTR-013
			BTR-017 WTR-015 STR-009`},
		"python": {func(r Rule) bool { return r.Scope == Python }, `
			RDUNTIL-020 ERR-002 WRITE-011 WRITE-013 WCLOSE-008 STARTTLS-006 SRP-003 OPEN-002 OPEN-005 OPEN-007 OPEN-008 OPEN-012
			SRV-010 SRV-011 UNIXC-006 DRAFTFN-005 DRAFTFN-010 SSERVER-003 USERVER-002 DF-READER-010 DF-READER-011 DF-READER-012
			DF-LINE-008 DF-FEED-004 DF-FEED-013 DF-ERR-001 DF-ERR-002 DF-ERR-003 DF-WRITE-008 DF-WRITE-015 DF-SRP-004 DF-TRANS-023
			DF-TRANS-025 DF-DRAFT-009`},
		"quirk": {func(r Rule) bool { return r.Level == Quirk }, `
			DF-READER-014 DF-WRITE-011 DF-SERVER-003 DF-SRP-006 DF-SRP-008 DF-TRANS-005 DF-TRANS-011 DF-TRANS-012 DF-DGRAM-003
			DF-DRAIN-006 DF-DRAFT-001 DF-DRAFT-002 DF-DRAFT-003 DF-DRAFT-004 DF-DRAFT-005 DF-DRAFT-006 DF-DRAFT-007 DF-DRAFT-008
			DF-DRAFT-009`},
	} {
		want := strings.Fields(test.want)
		slices.Sort(want)
		if diff := cmp.Diff(want, inventory(test.keep)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestRulesComeByAreaDocumentedFirst(t *testing.T) {
	g := NewWithT(t)
	c := mustLoad(t)
	var joined []Rule
	for _, area := range c.Areas() {
		rules := c.Area(area)
		g.Expect(rules).NotTo(BeEmpty(), string(area))
		documented := true
		for _, r := range rules {
			g.Expect(r.Area).To(Equal(area))
			g.Expect(documented || r.Level.deFacto()).To(BeTrue(), "%s stands behind a de-facto rule", r.ID)
			documented = !r.Level.deFacto()
		}
		joined = append(joined, rules...)
	}
	g.Expect(cmp.Diff(joined, c.Rules(), cmp.AllowUnexported(Version{}))).To(BeEmpty())
}

func TestNotesNameOnlyKnownRules(t *testing.T) {
	c := mustLoad(t)
	mention := regexp.MustCompile(`\b[a-z_]+(?:\.[a-z_]+)?\.[a-z0-9]+(?:-[a-z0-9]+)+\b`)
	mentions := 0
	for _, r := range c.Rules() {
		for _, id := range mention.FindAllString(r.Statement+" "+r.Observe+" "+r.Note, -1) {
			mentions++
			if _, ok := c.Rule(id); !ok {
				t.Errorf("%s mentions %s, which is no rule", r.ID, id)
			}
		}
	}
	if mentions == 0 {
		t.Error("the pattern finds no mention at all")
	}
}

func TestEveryContradictionAndKnownBugIsNoted(t *testing.T) {
	var notes strings.Builder
	for _, r := range mustLoad(t).Rules() {
		notes.WriteString(r.Note)
	}
	for kind, count := range map[string]int{"CONTRA": 34, "BUG": 5} {
		for n := 1; n <= count; n++ {
			if name := fmt.Sprintf("%s-%02d", kind, n); !strings.Contains(notes.String(), name) {
				t.Errorf("no note cites %s", name)
			}
		}
	}
}

func TestRule(t *testing.T) {
	g := NewWithT(t)
	c := mustLoad(t)
	r, ok := c.Rule("reader.readuntil.overrun-keeps-data")
	g.Expect(ok).To(BeTrue())
	g.Expect(r.Inventory).To(Equal("RDUNTIL-009"))
	g.Expect(r.Area).To(Equal(Area("reader.readuntil")))
	g.Expect(r.Level).To(Equal(Must))
	g.Expect(r.Scope).To(Equal(Behaviour))
	_, ok = c.Rule("reader.readuntil.no-such-rule")
	g.Expect(ok).To(BeFalse())
}

func TestCallersCannotChangeTheCatalogue(t *testing.T) {
	g := NewWithT(t)
	c := mustLoad(t)
	c.Rules()[0].ID = "changed"
	c.Areas()[0] = "changed"
	g.Expect(c.Rules()[0].ID).NotTo(Equal("changed"))
	g.Expect(c.Areas()[0]).NotTo(Equal(Area("changed")))
}

func TestRuleAsJSON(t *testing.T) {
	g := NewWithT(t)
	c := mustLoad(t)
	marshal := func(id string) string {
		r, ok := c.Rule(id)
		g.Expect(ok).To(BeTrue(), id)
		text, err := json.Marshal(r)
		g.Expect(err).NotTo(HaveOccurred())
		var again Rule
		g.Expect(json.Unmarshal(text, &again)).To(Succeed())
		g.Expect(again).To(Equal(r))
		return string(text)
	}
	g.Expect(marshal("open_connection.loop-accepted")).To(And(
		HavePrefix(`{"id":"open_connection.loop-accepted","inventory":"OPEN-007","area":"open_connection","level":"MUST","scope":"python",`),
		ContainSubstring(`"versions":{"from":"3.6","to":"3.9","draft":true},"documents":["3.6","3.8-draft"]`),
	))
	g.Expect(marshal("draft.stream_server.bind")).To(ContainSubstring(`"versions":{"draft":true}`))
	g.Expect(marshal("reader.errors.class-relations")).NotTo(ContainSubstring("documents"))
}

const valid = `
- id: writer.info.one
  inventory: WINFO-001
  level: MUST
  statement: It holds.
  source: streams 3.6
  documents: ["3.6"]
  observe: look
`

func parse(files map[string]string) (*Catalogue, error) {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Parse(fsys)
}

func TestParse(t *testing.T) {
	g := NewWithT(t)
	c, err := parse(map[string]string{"writer.info.yaml": valid, "README.md": "not a rule"})
	g.Expect(err).NotTo(HaveOccurred())
	v36 := Version{major: 3, minor: 6}
	g.Expect(c.Rules()).To(Equal([]Rule{{
		ID: "writer.info.one", Inventory: "WINFO-001", Area: "writer.info", Level: Must, Scope: Behaviour,
		Versions: Versions{From: v36, Draft: true}, Documents: []Version{v36},
		Statement: "It holds.", Source: "streams 3.6", Observe: "look",
	}}))
}

func TestParseRefuses(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(valid, old) {
			t.Fatalf("the valid rule has no %q", old)
		}
		return strings.Replace(valid, old, new, 1)
	}
	with := func(field string) string { return valid + "  " + field + "\n" }
	const deFacto, inventoryDF = "level: DEFACTO", "inventory: DF-WRITE-001"
	for name, test := range map[string]struct {
		text string
		want []string // parts of the error, beside the name of the file
	}{
		"broken YAML":              {"- id: [", []string{"line 1"}},
		"empty file":               {"", []string{"EOF"}},
		"no rules":                 {"[]", []string{"no rules"}},
		"second document":          {valid + "---\n" + valid, []string{"more than one YAML document"}},
		"unknown field":            {with("severity: high"), []string{"line 9", "severity"}},
		"unknown version field":    {with("versions: {since: \"3.7\"}"), []string{"line 9", "since"}},
		"duplicate ID":             {valid + change("WINFO-001", "WINFO-002"), []string{"rule 2 (writer.info.one)", "id: used before"}},
		"duplicate row":            {valid + change("info.one", "info.two"), []string{"writer.info.two", "inventory: WINFO-001 belongs to writer.info.one"}},
		"wrong area":               {change("writer.info.one", "writer.eof.one"), []string{"writer.eof.one", `id: does not begin with its area, "writer.info"`}},
		"ID with capitals":         {change("info.one", "info.One"), []string{`id: "One" is not made of lower-case words`}},
		"ID without words":         {change("info.one", "info."), []string{`id: "" is not made`}},
		"malformed row":            {change("WINFO-001", "WINFO-1"), []string{`inventory: "WINFO-1"`}},
		"unknown level":            {change("MUST", "OUGHT"), []string{`level: "OUGHT" is none of [MUST SHOULD MAY DEFACTO QUIRK]`}},
		"level against row":        {change("level: MUST", deFacto), []string{"level: DEFACTO does not fit inventory row WINFO-001"}},
		"documented de-facto rule": {strings.Replace(change("level: MUST", deFacto), "inventory: WINFO-001", inventoryDF, 1), []string{"documents: a DEFACTO rule"}},
		"undocumented MUST":        {change("  documents: [\"3.6\"]\n", ""), []string{"documents: a MUST rule"}},
		"unknown scope":            {with("scope: galaxy"), []string{`scope: "galaxy" is none of [behaviour python guidance]`}},
		"no statement":             {change("  statement: It holds.\n", ""), []string{"statement: missing"}},
		"no source":                {change("  source: streams 3.6\n", ""), []string{"source: missing"}},
		"no observation":           {change("  observe: look\n", ""), []string{"observe: missing"}},
		"quirk without why":        {strings.NewReplacer("MUST", "QUIRK", "WINFO-001", "DF-WRITE-001", "  documents: [\"3.6\"]\n", "").Replace(valid), []string{"note: missing"}},
		"malformed document":       {change(`["3.6"]`, "[three]"), []string{`documents: version "three"`}},
		"unknown document":         {change(`["3.6"]`, `["3.9"]`), []string{"documents: 3.9 is none of [3.6 3.8-draft 3.12 3.13]"}},
		"malformed version":        {with("versions: {to: new}"), []string{`versions: to: version "new"`}},
		"draft as an end":          {with("versions: {from: 3.8-draft}"), []string{"versions: from: 3.8-draft is no release"}},
		"versions backwards":       {with(`versions: {from: "3.12", to: "3.9"}`), []string{"versions: from 3.12 is later than to 3.9"}},
		"only and from":            {with(`versions: {only: 3.8-draft, from: "3.7"}`), []string{"versions: only: stands alone"}},
		"only a release":           {with(`versions: {only: "3.9"}`), []string{"versions: only: stands alone and is 3.8-draft"}},
		"everything at once":       {strings.NewReplacer("MUST", "OUGHT", "It holds.", `""`).Replace(valid), []string{"level: ", "statement: "}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c, err := parse(map[string]string{"writer.info.yaml": test.text})
			g.Expect(err).To(MatchError(ContainSubstring("writer.info.yaml: ")))
			for _, part := range test.want {
				g.Expect(err).To(MatchError(ContainSubstring(part)))
			}
			g.Expect(c).To(BeNil())
		})
	}
	t.Run("unknown area", func(t *testing.T) {
		_, err := parse(map[string]string{"writer.glue.yaml": valid})
		NewWithT(t).Expect(err).To(MatchError(`writer.glue.yaml: no area is called "writer.glue"`))
	})
	t.Run("row used in two files", func(t *testing.T) {
		_, err := parse(map[string]string{"writer.info.yaml": valid, "writer.eof.yaml": change("writer.info", "writer.eof")})
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring("inventory: WINFO-001 belongs to")))
	})
}

func TestGuidanceNeedsNoObservation(t *testing.T) {
	text := strings.Replace(valid, "observe: look", "scope: guidance", 1)
	_, err := parse(map[string]string{"writer.info.yaml": text})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
}

// BenchmarkParse is what every start of a program that loads the catalogue costs.
func BenchmarkParse(b *testing.B) {
	dir, err := fs.Sub(embedded, "rules")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse(dir); err != nil {
			b.Fatal(err)
		}
	}
}
