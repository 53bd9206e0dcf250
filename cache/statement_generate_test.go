package cache

import (
	"fmt"
	"strings"
)

// generator writes random SELECTs over statementSchema that SQLite runs, from a
// source of choices.
type generator struct {
	choose func(n int) int
	names  int
	ctes   []source
	// distinct gives nothing derived the name of a table.
	distinct bool
}

// source is an element of FROM.
type source struct {
	name    string
	columns []string
	keys    []string // unique columns; none if derived
}

// piece is a piece of a statement with its arguments.
type piece struct {
	sql  string
	args []any
}

func (p *piece) add(format string, parts ...piece) {
	texts := make([]any, len(parts))
	for i, x := range parts {
		texts[i] = x.sql
		p.args = append(p.args, x.args...)
	}
	p.sql += fmt.Sprintf(format, texts...)
}

// selected is a SELECT and what a test must know of it.
type selected struct {
	piece
	columns []string
	ordered bool // the order of its rows is total
	exist   bool // it matters only whether there are rows
}

var generatorTables = []source{
	{"users", []string{"id", "name", "age", "active", "boss_id", "tag"}, []string{"id"}},
	{"pets", []string{"id", "name", "age", "owner_id", "kind"}, []string{"id"}},
	{"groups", []string{"id", "name"}, []string{"id"}},
	{"group_users", []string{"group_id", "user_id"}, []string{"group_id", "user_id"}},
	{"adults", []string{"id", "name"}, nil},
}

func (g *generator) one(n int) bool { return g.choose(n) == 0 }

func (g *generator) pick(list ...string) string { return list[g.choose(len(list))] }

func (g *generator) fresh() string {
	g.names++
	return fmt.Sprintf("x%d", g.names)
}

func (g *generator) derivedName() string {
	if name := g.fresh(); g.distinct || !g.one(3) {
		return name
	}
	return g.pick("users", "pets")
}

// statement writes a whole statement.
func (g *generator) statement() selected {
	var with piece
	if g.one(10) {
		body := g.query(2, nil, 0)
		name := g.derivedName()
		if len(body.columns) > 0 {
			with.add("WITH "+name+" AS (%s) ", body.piece)
			g.ctes = append(g.ctes, source{name: name, columns: body.columns})
		}
	}
	s := g.query(0, nil, 0)
	with.add("%s", s.piece)
	s.piece = with
	if g.one(6) {
		other := g.query(1, nil, len(s.columns))
		if len(other.columns) == len(s.columns) && !strings.Contains(s.sql, " LIMIT ") && !strings.Contains(s.sql, " ORDER BY ") &&
			!strings.Contains(other.sql, " ORDER BY ") {
			s.add(" "+g.pick("UNION", "UNION ALL", "EXCEPT", "INTERSECT")+" %s", other.piece)
		}
	}
	return s
}

// query writes a SELECT with so many columns, or any number if want is 0.
func (g *generator) query(depth int, outer []source, want int) selected {
	var (
		s    selected
		from piece
	)
	sources := []source{g.source(&from, depth)}
	for n := g.choose(2 + depth); n == 0 && len(sources) < 3; n = g.choose(3) {
		kind := g.pick(" JOIN ", " JOIN ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ", ", ")
		from.add(kind)
		sources = append(sources, g.source(&from, depth))
		if kind != ", " {
			from.add(" ON %s", g.join(sources))
		}
	}
	grouped := g.one(8)
	var projection piece
	aggregate := g.project(&projection, &s, sources, outer, depth, want, grouped)
	distinct := g.one(10)
	s.add("SELECT ")
	if distinct {
		s.add("DISTINCT ")
	}
	s.add("%s FROM %s", projection, from)
	if !g.one(5) {
		s.add(" WHERE %s", g.where(sources, outer, depth))
	}
	if grouped {
		s.add(" GROUP BY %s", g.column(sources))
		if g.one(2) {
			s.add(" HAVING COUNT(*) > %s", g.number())
		}
	}
	total := !distinct && !grouped && !aggregate
	for _, src := range sources {
		total = total && src.keys != nil
	}
	if total && g.one(2) {
		s.add(" ORDER BY ")
		for n := g.choose(3); n > 0; n-- {
			if g.one(6) && depth == 0 {
				s.add(g.pick("1", "2"))
			} else {
				s.add("%s", g.column(sources))
			}
			s.add(g.pick(", ", " DESC, ", " NULLS LAST, "))
		}
		for i, src := range sources {
			for k, key := range src.keys {
				if i+k > 0 {
					s.add(", ")
				}
				s.add(src.name + "." + key)
			}
		}
		s.ordered = true
		if g.one(2) {
			s.add(" LIMIT " + g.pick("1", "2", "3"))
			if g.one(3) {
				s.add(" OFFSET 1")
			}
		}
	}
	return s
}

func (g *generator) source(from *piece, depth int) source {
	switch g.choose(10) {
	case 0:
		if depth < 2 {
			sub := g.query(depth+1, nil, 0)
			name := g.derivedName()
			from.add("(%s) AS "+name, sub.piece)
			return source{name: name, columns: sub.columns}
		}
	case 1:
		if len(g.ctes) > 0 {
			src := g.ctes[0]
			alias := g.fresh()
			from.add(src.name + " AS " + alias)
			src.name = alias
			return src
		}
	}
	src := generatorTables[[]int{0, 0, 0, 1, 1, 1, 2, 3, 3, 4}[g.choose(10)]]
	name := src.name
	if !g.one(3) {
		src.name = g.fresh()
		from.add(name + " AS " + src.name)
	} else {
		from.add("`" + name + "`")
	}
	return src
}

// project writes the projection and reports whether it aggregates.
func (g *generator) project(p *piece, s *selected, sources, outer []source, depth, want int, grouped bool) bool {
	item := func(name string, x piece) {
		if len(s.columns) > 0 {
			p.add(", ")
		}
		s.columns = append(s.columns, name)
		p.add("%s", x)
	}
	if want == 0 && depth == 0 && g.one(12) {
		p.add(g.pick("*", sources[0].name+".*"))
		s.columns = []string{"*"}
		return false
	}
	if want == 0 && !grouped && g.one(8) {
		item("n", g.aggregate(sources))
		p.add(" AS n")
		return true
	}
	root, n := sources[0], 1+g.choose(3)
	if want > 0 {
		n = want
	} else if (!grouped || g.one(4)) && g.choose(4) > 0 && root.keys != nil {
		if len(sources) > 1 && g.one(3) {
			c := g.column(sources[1:])
			item(c.sql[strings.IndexByte(c.sql, '.')+1:], c)
		}
		item(root.keys[0], piece{sql: root.name + "." + root.keys[0]})
	}
	aggregate := false
	for range n {
		c := g.column(sources)
		name := c.sql[strings.IndexByte(c.sql, '.')+1:]
		switch {
		case want == 0 && g.one(10):
			alias := g.fresh()
			item(alias, c)
			p.add(" AS " + alias)
		case want == 0 && depth < 2 && g.one(12):
			alias := g.fresh()
			item(alias, g.scalar(sources, depth))
			p.add(" AS " + alias)
		case want == 0 && g.one(25):
			alias := g.fresh()
			item(alias, piece{sql: "SUM(" + c.sql + ") OVER (PARTITION BY " + g.column(sources).sql + ")"})
			p.add(" AS " + alias)
		case grouped && g.one(2), want > 0 && g.one(10), depth == 0 && want == 0 && g.one(20):
			item("a", g.aggregate(sources))
			aggregate = true
		default:
			item(name, c)
		}
	}
	// Two columns of one name can't be told apart in a derived table.
	seen := map[string]bool{}
	for _, c := range s.columns {
		if seen[c] {
			s.columns = nil
			break
		}
		seen[c] = true
	}
	return aggregate
}

func (g *generator) aggregate(sources []source) piece {
	if g.one(3) {
		return piece{sql: "COUNT(*)"}
	}
	c := g.column(sources).sql
	return piece{sql: g.pick("COUNT("+c+")", "SUM("+c+")", "MAX("+c+")", "COUNT(DISTINCT "+c+")")}
}

func (g *generator) scalar(outer []source, depth int) piece {
	var p piece
	sub := g.query(depth+1, outer, 1)
	p.add("(SELECT COUNT(*) FROM (%s))", sub.piece)
	if g.one(2) {
		p = piece{sql: "(SELECT SUM(" + g.column(outer).sql + "))"}
	}
	return p
}

func (g *generator) column(sources []source) piece {
	src := sources[g.choose(len(sources))]
	if len(src.columns) == 0 {
		return piece{sql: "1"}
	}
	c := src.columns[g.choose(len(src.columns))]
	if len(sources) == 1 && g.one(3) {
		return piece{sql: "`" + c + "`"}
	}
	return piece{sql: src.name + "." + c}
}

func (g *generator) join(sources []source) piece {
	var p piece
	last := sources[len(sources)-1:]
	p.add("%s = %s", g.column(sources[:len(sources)-1]), g.column(last))
	if g.one(6) {
		p.add(" AND %s = %s", g.column(last), g.number())
	}
	return p
}

func (g *generator) number() piece {
	n := g.choose(5)
	if g.one(3) {
		return piece{sql: fmt.Sprint(n)}
	}
	return piece{sql: "?", args: []any{n}}
}

// value fits the column now and then.
func (g *generator) value(column string) piece {
	switch {
	case strings.HasSuffix(column, "name"):
		return piece{sql: "?", args: []any{g.pick("a", "b", "c")}}
	case strings.HasSuffix(column, "kind"):
		return piece{sql: "?", args: []any{g.pick("cat", "dog")}}
	case strings.HasSuffix(column, "active"):
		return piece{sql: "?", args: []any{g.one(2)}}
	}
	return g.number()
}

func (g *generator) where(sources, outer []source, depth int) piece {
	var p piece
	n := 1 + g.choose(3)
	for i := range n {
		if i > 0 {
			p.add(g.pick(" AND ", " AND ", " AND ", " AND ", " OR "))
		}
		if g.one(2) {
			p.add("%s", g.pinning(sources))
		} else {
			p.add("%s", g.predicate(sources, outer, depth))
		}
	}
	return p
}

// pinning writes a condition that often pins an occurrence.
func (g *generator) pinning(sources []source) piece {
	src := sources[g.choose(len(sources))]
	column := ""
	for _, c := range src.columns {
		switch c {
		case "id", "owner_id", "group_id", "user_id", "boss_id", "kind", "active":
			if column == "" || g.one(2) {
				column = c
			}
		}
	}
	if column == "" {
		return g.predicate(sources, nil, 2)
	}
	name := src.name + "." + column
	var p piece
	switch g.choose(5) {
	case 0, 1:
		p.add(name+" = %s", g.value(column))
	case 2:
		p.add(name+" IN (%s, %s)", g.value(column), g.value(column))
	case 3:
		p.add("("+name+" = %s)", g.value(column))
	case 4:
		p.add(g.pick("", "NOT ") + name)
	}
	return p
}

func (g *generator) predicate(sources, outer []source, depth int) piece {
	var p piece
	c := g.column(sources)
	all := append(append([]source{}, outer...), sources...)
	switch g.choose(16) {
	case 0, 1:
		p.add("%s = %s", c, g.value(strings.Trim(c.sql, "`")))
	case 2:
		p.add("%s > %s", c, g.number())
	case 3:
		p.add("%s IS "+g.pick("", "NOT ")+"NULL", c)
	case 4:
		p.add("%s IN (%s, %s, %s)", c, g.number(), g.number(), g.number())
	case 5:
		p.add("%s = %s", c, g.column(all))
	case 6:
		p.add("NOT (%s)", g.predicate(sources, outer, depth))
	case 7:
		p.add("(%s OR %s)", g.predicate(sources, outer, depth), g.predicate(sources, outer, depth))
	case 8:
		p.add("(%s AND %s)", g.pinning(sources), g.predicate(sources, outer, depth))
	case 9:
		p.add("%s BETWEEN %s AND %s", c, g.number(), g.number())
	case 10:
		p.add("CASE WHEN %s AND %s AND %s THEN 1 ELSE 0 END = %s", g.predicate(sources, outer, 2), g.pinning(sources), g.predicate(sources, outer, 2), g.number())
	case 11:
		p.add("%s LIKE ? ESCAPE '\\'", c)
		p.args = append(p.args, g.pick("a%", "%b"))
	case 12:
		p.add("%s IS NOT DISTINCT FROM %s", c, g.number())
	default:
		if depth >= 2 {
			p.add("%s <= %s", c, g.number())
			break
		}
		sub := g.query(depth+1, all, 1)
		if g.one(2) {
			p.add("%s "+g.pick("", "NOT ")+"IN (%s)", c, sub.piece)
		} else {
			// Correlated more often than not.
			p.add(g.pick("", "NOT ")+"EXISTS (SELECT 1 FROM pets AS e WHERE e.owner_id = %s AND %s)", c,
				g.pinning(append(all[:len(all):len(all)], source{"e", generatorTables[1].columns, nil})))
		}
	}
	return p
}
