package precision

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The SQL that Ent writes for SQLite quotes every name with backquotes and puts
// every value into an argument, which is what makes it as easy to read as below.

var tokenPattern = regexp.MustCompile("`[^`]*`|'[^']*'|\\w+|<>|[<>]=|[^\\s\\w]")

func tokens(query string) []string { return tokenPattern.FindAllString(query, -1) }

func name(token string) (string, bool) {
	if len(token) < 2 || token[0] != '`' {
		return "", false
	}
	return token[1 : len(token)-1], true
}

// tablesOf adds the tables that a statement reads.
func tablesOf(tables []string, query string) []string {
	list := tokens(query)
	for i, t := range list[:len(list)-1] {
		if t != "FROM" && t != "JOIN" {
			continue
		}
		if table, ok := name(list[i+1]); ok && !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables
}

// change is a statement that writes.
type change struct {
	verb, table string
	// set are the columns that it gives a value, in the order of the statement,
	// and rows their values, one map for each row that is inserted.
	set  []string
	rows []map[string]any
	// where are the conditions "column = value" and "column IN (values)" that all
	// rows it writes fulfill.
	where map[string][]any
}

// parseChange reads a statement; it returns nil for one that doesn't write.
func parseChange(s statement) (*change, error) {
	p := &changeParser{list: tokens(s.query), args: s.args}
	c := &change{where: make(map[string][]any)}
	var ok bool
	switch {
	case p.words("INSERT", "INTO"):
		c.verb = "insert"
	case p.words("UPDATE"):
		c.verb = "update"
	case p.words("DELETE", "FROM"):
		c.verb = "delete"
		if strings.HasSuffix(s.query, " WHERE FALSE") {
			return nil, nil // it takes a lock
		}
	default:
		return nil, nil
	}
	if c.table, ok = name(p.next()); !ok {
		return nil, fmt.Errorf("no table in %s", s.query)
	}
	switch c.verb {
	case "insert":
		p.insert(c)
		// Of a join table; the row may be there.
		p.words("ON", "CONFLICT", "DO", "NOTHING")
	case "update":
		if !p.words("SET") {
			return nil, fmt.Errorf("no SET in %s", s.query)
		}
		p.assignments(c)
		fallthrough
	case "delete":
		if p.words("WHERE") {
			p.conditions(c.where)
		}
	}
	if rest := p.peek(); rest != "" && rest != "RETURNING" || p.used != len(s.args) {
		return nil, fmt.Errorf("%q and what follows is not understood in %s", rest, s.query)
	}
	return c, nil
}

type changeParser struct {
	list []string
	at   int
	args []any
	used int
}

func (p *changeParser) peek() string {
	if p.at < len(p.list) {
		return p.list[p.at]
	}
	return ""
}

func (p *changeParser) next() string {
	t := p.peek()
	p.at++
	return t
}

// words goes past the words if they come next.
func (p *changeParser) words(words ...string) bool {
	if p.at+len(words) > len(p.list) || !slices.Equal(p.list[p.at:p.at+len(words)], words) {
		return false
	}
	p.at += len(words)
	return true
}

// expression goes past an expression and returns its last argument.
func (p *changeParser) expression() any {
	var v any
	for depth := 0; p.at < len(p.list); p.at++ {
		switch t := p.peek(); t {
		case "(":
			depth++
		case ")", ",", "WHERE", "RETURNING", "AND", "OR":
			if depth == 0 {
				return v
			}
			if t == ")" {
				depth--
			}
		case "?":
			if p.used < len(p.args) {
				v = p.args[p.used]
			}
			p.used++
		}
	}
	return v
}

func (p *changeParser) insert(c *change) {
	if !p.words("(") {
		return
	}
	for ; p.peek() != ")" && p.peek() != ""; p.words(",") {
		column, _ := name(p.next())
		c.set = append(c.set, column)
	}
	p.next()
	for p.words("VALUES") || p.words(",") {
		row := make(map[string]any)
		p.next()
		for _, column := range c.set {
			row[column] = p.expression()
			p.words(",")
		}
		p.next()
		c.rows = append(c.rows, row)
	}
}

func (p *changeParser) assignments(c *change) {
	row := make(map[string]any)
	for {
		column, _ := name(p.next())
		p.next()
		c.set = append(c.set, column)
		row[column] = p.expression()
		if !p.words(",") {
			c.rows = append(c.rows, row)
			return
		}
	}
}

// conditions reads a conjunction, and keeps those that say which values a column
// has.
func (p *changeParser) conditions(where map[string][]any) {
	for {
		var column string
		for n, ok := name(p.peek()); ok; n, ok = name(p.peek()) {
			column = n
			p.next()
			p.words(".")
		}
		switch {
		case p.words("="):
			where[column] = []any{p.expression()}
		case p.words("IN", "("):
			for {
				where[column] = append(where[column], p.expression())
				if !p.words(",") {
					break
				}
			}
			p.next()
		default:
			p.expression()
		}
		if !p.words("AND") {
			return
		}
	}
}

func text(v any) string { return strings.TrimSpace(fmt.Sprint(v)) }
