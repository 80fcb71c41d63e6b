// Package spec is the catalogue of rules: what an asyncio-style stream must do, rule by rule, with the document and the
// versions that each rule comes from. The rules are data, one YAML file per area under rules, embedded in the program.
//
// A rule is referred to by its ID, which never changes:
//
//	catalogue, err := spec.Load()
//	rule, ok := catalogue.Rule("reader.readuntil.overrun-keeps-data")
//
// The package judges nothing itself: it says which rules are in force for a version and how much they weigh.
package spec
