package extension

// termsPackage returns the name under which generated code imports the package
// that has the condition of an operator: the cache's if it has one, else Ent's.
func termsPackage(code string) string {
	switch code {
	case "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "In", "NotIn", "IsNull", "NotNull":
		return "entcacheterms"
	}
	return "sql"
}
