package extension

import "path"

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
