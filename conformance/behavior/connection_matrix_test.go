package behavior

import (
	"testing"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// TestCellsOfConnectionMatrices holds that every cell that is possible is a valid scenario, which begins with nothing.
func TestCellsOfConnectionMatrices(t *testing.T) {
	streams, transports := streamMatrix(), transportMatrix()
	for name, m := range map[string]*Matrix{"streams": &streams, "transports": &transports, "callbacks": &reentrances, "two callbacks": &inTwo} {
		possible, reasons := 0, map[string]bool{}
		for at, why := range m.Cells() {
			if why != "" {
				reasons[why] = true
				continue
			}
			possible++
			s := m.Scenario(at)
			if s[0].Op != trace.RawMake {
				t.Errorf("%s, %v: begins with %s", name, at, s[0])
			}
			for i := range s {
				if err := s[i].Validate(); err != nil {
					t.Errorf("%s, %v, step %d: %v", name, at, i+1, err)
				}
			}
		}
		if possible < 200 {
			t.Errorf("%s: only %d cells are possible", name, possible)
		}
		for _, i := range m.Impossible {
			if !reasons[i.Why] {
				t.Errorf("%s: no cell is impossible because %s", name, i.Why)
			}
		}
	}
}
