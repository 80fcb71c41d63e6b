package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// The layout of a corpus directory. It is all the state that a campaign has.
//
//	campaign.json   what is judged by what, the seed, the next number, what was counted; written every few seconds
//	programs/       the programs that covered something new, with the pairs of steps that were; a file for each block of numbers
//	finds/          a transcript for each find, RULE-SHAPE.json, and beside it the program as it was, RULE-SHAPE.program
//	flaky/          likewise, of what did not show again
//	set-aside/      what could not be read
//	log.jsonl       what happened, a line each
//	lock            held by the campaign that runs
const (
	stateFile     = "campaign.json"
	programsDir   = "programs"
	findsDir      = "finds"
	flakyDir      = "flaky"
	setAsideDir   = "set-aside"
	logFile       = "log.jsonl"
	lockFile      = "lock"
	unfinished    = ".unfinished-"
	programsExt   = ".jsonl"
	programExt    = ".program"
	transcriptExt = ".json"
)

// A CorpusError says why a corpus directory cannot be used.
type CorpusError struct {
	Dir string
	Why string
}

// Error implements error.
func (e *CorpusError) Error() string {
	return fmt.Sprintf("the corpus %q cannot be used: %s", e.Dir, e.Why)
}

// A corpus is a corpus directory that is locked. Everything is written so that a reader, now or after a crash, sees what was there
// before or all of what is there now.
type corpus struct {
	dir  string
	lock *lock
	log  *os.File
	sync func(*os.File) error
}

// openCorpus makes the directory where there is none, locks it, and removes what was not finished.
func openCorpus(dir string) (*corpus, error) {
	c := &corpus{dir: dir, sync: (*os.File).Sync}
	fail := func(err error) (*corpus, error) {
		c.close()
		return nil, &CorpusError{dir, err.Error()}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	var err error
	if c.lock, err = lockFileAt(c.path(lockFile)); err != nil {
		return fail(err)
	}
	for _, sub := range []string{"", programsDir, findsDir, flakyDir} {
		if err := os.MkdirAll(c.path(sub), 0o755); err != nil {
			return fail(err)
		}
		entries, err := os.ReadDir(c.path(sub))
		if err != nil {
			return fail(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), unfinished) {
				_ = os.Remove(c.path(sub, e.Name()))
			}
		}
	}
	return c, nil
}

func (c *corpus) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

func (c *corpus) close() {
	if c.log != nil {
		_ = c.log.Close()
	}
	if c.lock != nil {
		c.lock.release()
	}
}

// write writes a file at once.
func (c *corpus) write(name string, fill func(io.Writer) error) error {
	path := c.path(name)
	f, err := os.CreateTemp(filepath.Dir(path), unfinished+"*")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	err = fill(&text)
	if err == nil {
		_, err = f.Write(text.Bytes())
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = c.sync(f)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// note adds a line to the log.
func (c *corpus) note(line logLine) error {
	line.Time = time.Now().UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if c.log == nil {
		if c.log, err = os.OpenFile(c.path(logFile), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644); err != nil {
			return err
		}
		if info, err := c.log.Stat(); err == nil && info.Size() > 0 {
			last := make([]byte, 1)
			if _, err := c.log.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
				text = append([]byte{'\n'}, text...) // the line before was broken off
			}
		}
	}
	_, err = c.log.Write(text)
	return err
}

// A logLine is a line of the log.
type logLine struct {
	Time       time.Time          `json:"time"`
	Event      string             `json:"event"` // start, stop, progress, find, flaky or set-aside
	Streamspec string             `json:"streamspec,omitempty"`
	Adapter    *trace.Description `json:"adapter,omitempty"`
	Against    *trace.Description `json:"against,omitempty"`
	Target     string             `json:"target,omitempty"`
	Seed       uint64             `json:"seed,omitempty"`
	Workers    int                `json:"workers,omitempty"`
	Next       uint64             `json:"next,omitempty"`
	Programs   int                `json:"programs,omitempty"`
	Rate       float64            `json:"rate,omitempty"` // programs a second, since the start
	Commands   int                `json:"commands,omitempty"`
	Rules      int                `json:"rules,omitempty"`
	Pairs      int                `json:"pairs,omitempty"`
	Finds      int                `json:"finds,omitempty"`
	Flaky      int                `json:"flaky,omitempty"`
	File       string             `json:"file,omitempty"`
	Rule       string             `json:"rule,omitempty"`
	Text       string             `json:"text,omitempty"`
}

// stateSchema is the version of the form of campaign.json.
const stateSchema = 1

// A state is what campaign.json holds.
type state struct {
	Schema   int                `json:"schema"`
	Adapter  trace.Description  `json:"adapter"`
	Against  *trace.Description `json:"against,omitempty"`
	Target   string             `json:"target"`
	Seed     uint64             `json:"seed"`
	Next     uint64             `json:"next"` // every program before this number was judged
	Programs int                `json:"programs"`
	Seconds  float64            `json:"seconds"`
	Rate     float64            `json:"rate"` // programs a second
	Coverage Coverage           `json:"coverage"`
	Broken   map[string]*broken `json:"broken"` // by rule
	Seen     map[string]int     `json:"seen"`   // how often each find was seen that was shrunk to it, by its file
}

// readState reads campaign.json; nil: there is none yet.
func (c *corpus) readState() (*state, error) {
	text, err := os.ReadFile(c.path(stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, &CorpusError{c.dir, err.Error()}
	}
	var s state
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return nil, &CorpusError{c.dir, fmt.Sprintf("%s does not say what a campaign says (%v); mend it, or remove it to begin from the first program", stateFile, err)}
	}
	if s.Schema != stateSchema {
		return nil, &CorpusError{c.dir, fmt.Sprintf("%s has schema %d, this program reads schema %d", stateFile, s.Schema, stateSchema)}
	}
	return &s, nil
}

func (c *corpus) writeState(s *state) error { return c.write(stateFile, asJSON(s)) }

func asJSON(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		return enc.Encode(v)
	}
}

// A kept program is one that covered something new.
type kept struct {
	Number  uint64   `json:"number"`
	New     []string `json:"new"` // the pairs of steps
	Program Program  `json:"program"`
}

// keep writes the programs of a block that covered something new, behind those that did so when the block was tried before and broken off.
func (c *corpus) keep(block uint64, programs []kept) error {
	name := fmt.Sprintf("%012d%s", block, programsExt)
	if before, err := c.readKept(name); err == nil {
		programs = append(before, programs...)
	}
	return c.write(filepath.Join(programsDir, name), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, k := range programs {
			if err := enc.Encode(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// readKept reads a file of kept programs.
func (c *corpus) readKept(name string) (all []kept, err error) {
	text, err := os.ReadFile(c.path(programsDir, name))
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	for {
		var k kept
		switch err := dec.Decode(&k); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		}
		if err := k.Program.Validate(); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
}

// readTranscript reads a transcript of a find.
func (c *corpus) readTranscript(dir, name string) (*trace.Transcript, error) {
	f, err := os.Open(c.path(dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return trace.ReadTranscript(f)
}

// each calls f with the name of each file of a folder that has the extension, in order. Those for which f has an error are set aside;
// they are returned, each with the reason.
func (c *corpus) each(dir, ext string, f func(name string) error) (aside []string, err error) {
	entries, err := os.ReadDir(c.path(dir))
	if err != nil {
		return nil, &CorpusError{c.dir, err.Error()}
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || filepath.Ext(name) != ext {
			continue
		}
		why := f(name)
		if why == nil {
			continue
		}
		if err := c.setAside(dir, name); err != nil {
			return aside, &CorpusError{c.dir, fmt.Sprintf("%s cannot be read (%v), and cannot be set aside either: %v", filepath.Join(dir, name), why, err)}
		}
		aside = append(aside, fmt.Sprintf("%s: %v", filepath.Join(dir, name), why))
	}
	return aside, nil
}

// setAside moves a file out of the way, over none that is there already.
func (c *corpus) setAside(dir, name string) error {
	if err := os.MkdirAll(c.path(setAsideDir), 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(c.path(setAsideDir))
	if err != nil {
		return err
	}
	to := dir + "-" + name
	for n := 2; slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == to }); n++ {
		to = fmt.Sprintf("%s-%s.%d", dir, name, n)
	}
	return os.Rename(c.path(dir, name), c.path(setAsideDir, to))
}
