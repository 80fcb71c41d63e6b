package spec

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed rules/*.yaml
var embedded embed.FS

// Catalogue is the list of all rules. It does not change once loaded and may be used by several goroutines.
type Catalogue struct {
	rules []Rule         // in the order of areas, then of the file
	byID  map[string]int // index in rules
}

// Load returns the embedded catalogue, which is parsed and validated once.
func Load() (*Catalogue, error) { return load() }

var load = sync.OnceValues(func() (*Catalogue, error) {
	dir, err := fs.Sub(embedded, "rules")
	if err != nil {
		return nil, err
	}
	return Parse(dir)
})

// Parse reads a catalogue from the *.yaml files of a directory, each of which holds the rules of the area it is named
// after. Areas may be missing. The error tells everything that is wrong, with file, rule and field.
func Parse(fsys fs.FS) (*Catalogue, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, err
	}
	c := &Catalogue{byID: make(map[string]int)}
	files := make(map[Area]string)
	var problems []error
	for _, name := range names {
		area := Area(strings.TrimSuffix(name, path.Ext(name)))
		if !slices.Contains(areas, area) {
			problems = append(problems, fmt.Errorf("%s: no area is called %q", name, area))
			continue
		}
		files[area] = name
	}
	inventory := make(map[string]string) // row to rule
	for _, area := range areas {
		name, ok := files[area]
		if !ok {
			continue
		}
		entries, err := readEntries(fsys, name)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
			continue
		}
		for i, e := range entries {
			rule, wrong := e.rule(area)
			if _, ok := c.byID[rule.ID]; ok {
				wrong = append(wrong, errors.New("id: used before"))
			}
			if other, ok := inventory[rule.Inventory]; ok {
				wrong = append(wrong, fmt.Errorf("inventory: %s belongs to %s", rule.Inventory, other))
			}
			for _, err := range wrong {
				problems = append(problems, fmt.Errorf("%s: rule %d (%s): %w", name, i+1, rule.ID, err))
			}
			c.byID[rule.ID] = len(c.rules)
			inventory[rule.Inventory] = rule.ID
			c.rules = append(c.rules, rule)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return c, nil
}

// Rules returns all rules, in the order of the areas and within an area as in the documents, de-facto rules last.
func (c *Catalogue) Rules() []Rule { return slices.Clone(c.rules) }

// Rule returns the rule with this ID.
func (c *Catalogue) Rule(id string) (Rule, bool) {
	i, ok := c.byID[id]
	if !ok {
		return Rule{}, false
	}
	return c.rules[i], true
}

// Area returns the rules of one area.
func (c *Catalogue) Area(a Area) []Rule {
	var rules []Rule
	for _, r := range c.rules {
		if r.Area == a {
			rules = append(rules, r)
		}
	}
	return rules
}

// Areas returns all areas in their fixed order, whether the catalogue has rules for them or not.
func (c *Catalogue) Areas() []Area { return slices.Clone(areas) }

// entry is a rule as written in a file.
type entry struct {
	ID         string   `yaml:"id"`
	Inventory  string   `yaml:"inventory"`
	Level      Level    `yaml:"level"`
	Scope      Scope    `yaml:"scope"`    // behaviour if omitted
	Versions   span     `yaml:"versions"` // everything from the first document on if omitted
	Statement  string   `yaml:"statement"`
	Source     string   `yaml:"source"`
	Documents  []string `yaml:"documents"`
	Observe    string   `yaml:"observe"`
	Boundaries []string `yaml:"boundaries"`
	Note       string   `yaml:"note"`
}

// span is the written form of Versions: either only, or the others.
type span struct {
	From  string `yaml:"from"`  // the first document if omitted
	To    string `yaml:"to"`    // still in force if omitted
	Draft *bool  `yaml:"draft"` // as the release 3.8 if omitted
	Only  string `yaml:"only"`  // 3.8-draft
}

func readEntries(fsys fs.FS, name string) ([]entry, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	var entries []entry
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&entries); err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, errors.New("no rules")
	}
	if err := d.Decode(new(yaml.Node)); err != io.EOF {
		return nil, errors.New("more than one YAML document")
	}
	return entries, nil
}

var (
	words        = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	inventoryRow = regexp.MustCompile(`^(DF-)?[A-Z]+-\d{3}$`)
)

// rule turns what was written into a Rule and returns what is wrong with it.
func (e entry) rule(area Area) (Rule, []error) {
	r := Rule{
		ID: e.ID, Inventory: e.Inventory, Area: area, Level: e.Level, Scope: e.Scope,
		Statement: e.Statement, Source: e.Source, Observe: e.Observe, Boundaries: e.Boundaries, Note: e.Note,
	}
	if r.Scope == "" {
		r.Scope = Behaviour
	}
	var wrong []error
	bad := func(field, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s: %w", field, fmt.Errorf(format, args...)))
	}
	if name, ok := strings.CutPrefix(r.ID, string(area)+"."); !ok {
		bad("id", "does not begin with its area, %q", area)
	} else if !words.MatchString(name) {
		bad("id", "%q is not made of lower-case words joined by hyphens", name)
	}
	if !inventoryRow.MatchString(r.Inventory) {
		bad("inventory", "%q is not like READ-001 or DF-READ-001", r.Inventory)
	}
	if !slices.Contains(levels, r.Level) {
		bad("level", "%q is none of %v", r.Level, levels)
	} else if r.Level.deFacto() != strings.HasPrefix(r.Inventory, "DF-") {
		bad("level", "%s does not fit inventory row %s", r.Level, r.Inventory)
	} else if r.Level.deFacto() != (len(e.Documents) == 0) {
		bad("documents", "a %s rule has some exactly if it is documented", r.Level)
	}
	if !slices.Contains(scopes, r.Scope) {
		bad("scope", "%q is none of %v", r.Scope, scopes)
	}
	if r.Statement == "" {
		bad("statement", "missing")
	}
	if r.Source == "" {
		bad("source", "missing")
	}
	if r.Observe == "" && r.Scope != Guidance {
		bad("observe", "missing")
	}
	if r.Note == "" && r.Level == Quirk {
		bad("note", "missing: a quirk says why it is one")
	}
	for _, s := range e.Documents {
		v, err := ParseVersion(s)
		if err != nil {
			bad("documents", "%w", err)
		} else if !slices.Contains(editions, v) {
			bad("documents", "%s is none of %v", v, editions)
		}
		r.Documents = append(r.Documents, v)
	}
	var err error
	if r.Versions, err = e.Versions.versions(); err != nil {
		bad("versions", "%w", err)
	}
	return r, wrong
}

func (s span) versions() (Versions, error) {
	if s.Only != "" {
		if s.Only != draft38 || s != (span{Only: draft38}) {
			return Versions{}, fmt.Errorf("only: stands alone and is %s", draft38)
		}
		return Versions{Draft: true}, nil
	}
	vs := Versions{From: editions[0]}
	for _, end := range []struct {
		name, text string
		version    *Version
	}{{"from", s.From, &vs.From}, {"to", s.To, &vs.To}} {
		if end.text == "" {
			continue
		}
		v, err := ParseVersion(end.text)
		if err != nil {
			return Versions{}, fmt.Errorf("%s: %w", end.name, err)
		}
		if v.Draft() {
			return Versions{}, fmt.Errorf("%s: %s is no release", end.name, v)
		}
		*end.version = v
	}
	if !vs.To.IsZero() && vs.From.Compare(vs.To) > 0 {
		return Versions{}, fmt.Errorf("from %s is later than to %s", vs.From, vs.To)
	}
	vs.Draft = vs.asRelease()
	if s.Draft != nil {
		vs.Draft = *s.Draft
	}
	return vs, nil
}
