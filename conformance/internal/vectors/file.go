package vectors

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/streamspec/streamspec/fixtures"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// A File is a file of vectors.
type File struct {
	Name string
	*trace.VectorFile
}

// Read reads a file of vectors. Rules that the catalogue does not have, and versions that are not those of the rules, are errors; like
// all others they name the file and the vector.
func Read(name string, r io.Reader, catalogue *spec.Catalogue) (File, error) {
	f, err := trace.ReadVectors(r)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	for i := range f.Vectors {
		if err := check(&f.Vectors[i], catalogue); err != nil {
			return File{}, fmt.Errorf("%s: vector %d, %q: %w", name, i+1, f.Vectors[i].Name, err)
		}
	}
	return File{name, f}, nil
}

func check(v *trace.Vector, catalogue *spec.Catalogue) error {
	for _, id := range v.Rules {
		switch rule, ok := catalogue.Rule(id); {
		case !ok:
			return fmt.Errorf("there is no rule %q", id)
		case rule.Scope == spec.Guidance:
			return fmt.Errorf("%s is guidance, by which nothing is judged", id)
		}
	}
	if since, until := versions(catalogue, v.Rules); v.Since != since || v.Until != until {
		return fmt.Errorf("since is %q and until is %q, but by its rules they are %q and %q", v.Since, v.Until, since, until)
	}
	return nil
}

// Embedded reads the files of vectors that come with streamspec.
func Embedded(catalogue *spec.Catalogue) ([]File, error) {
	var files []File
	for _, pattern := range []string{"vectors/*.json", "faults/*.json"} {
		names, err := fs.Glob(fixtures.Vectors, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			in, err := fixtures.Vectors.Open(name)
			if err != nil {
				return nil, err
			}
			f, err := Read(name, in, catalogue)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
	}
	return files, nil
}
