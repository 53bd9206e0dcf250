package extension

import (
	"fmt"
	"path"
	"runtime/debug"
	"slices"
)

// termsVersions are the versions of Ent whose templates of conditions and orders were
// compared with those of this package, which take their place.
var termsVersions = []string{"v0.14.5"}

// foreignTerms says why conditions and orders are left to Ent, or nothing. Those of
// another version may do something else; a copy of what earlier ones did would undo
// that for every query. Where the program that generates doesn't know its modules,
// the version is taken for one of those that were compared.
func foreignTerms(info *debug.BuildInfo) string {
	if info == nil {
		return ""
	}
	for _, m := range info.Deps {
		switch {
		case m.Path != "entgo.io/ent":
		case m.Replace != nil:
			return fmt.Sprintf("%s %s is replaced by %s", m.Path, m.Version, m.Replace.Path)
		case !slices.Contains(termsVersions, m.Version):
			return fmt.Sprintf("%s is %s, and this version of the cache knows %s", m.Path, m.Version, termsVersions)
		}
	}
	return ""
}

// termsPackage returns the name under which generated code imports the package
// that has the condition of an operator: the cache's if it has one, else Ent's.
func termsPackage(code string) string {
	switch code {
	case "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "In", "NotIn", "IsNull", "NotNull", "HasPrefix", "HasSuffix", "Contains":
		return "entcacheterms"
	}
	return "sql"
}

// edgeTerms reports whether what a condition on an edge does follows from the edge,
// though these templates change it. Those of programs may do anything. Ent's own sets
// the database schema, which is in the fingerprint.
func edgeTerms(templates []string) bool {
	for _, name := range templates {
		if path.Base(name) != "ctxschemaconfig" {
			return false
		}
	}
	return true
}
