package fuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Shape says what a program does without names, numbers and data: its operations, each with the kinds of its arguments. Two shrunk
// programs of one shape that break the same rule are one find.
func (p Program) Shape() string {
	parts := make([]string, len(p))
	for i := range p {
		parts[i] = shapeOf(p[i])
	}
	return strings.Join(parts, "; ")
}

// shapeOf is the shape of a command, which follows from its JSON form.
func shapeOf(command any) string {
	text, err := json.Marshal(command)
	if err != nil {
		return err.Error()
	}
	var fields map[string]any
	_ = json.Unmarshal(text, &fields)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch value := fields[name]; name {
		case "op", "on", "as":
		case "kind", "container", "callback", "state", "family":
			args = append(args, fmt.Sprint(value))
		case "program":
			for _, r := range value.([]any) {
				args = append(args, reactionShape(r.(map[string]any)))
			}
		default:
			args = append(args, name)
		}
	}
	return fmt.Sprintf("%s(%s)", fields["op"], strings.Join(args, ", "))
}

func reactionShape(r map[string]any) string {
	does, _ := r["do"].([]any)
	parts := []string{fmt.Sprint(r["in"])}
	for _, c := range does {
		parts = append(parts, shapeOf(c))
	}
	for _, name := range []string{"return", "raise", "hold"} {
		if _, ok := r[name]; ok {
			parts = append(parts, name)
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
