package cache

import (
	"fmt"
	"slices"
	"strings"
)

// page writes a statement of the kind that pages, searches and counts are: conditions
// with constants on the rows of a table, in an order perhaps, and not too many of them.
// It is of those in which it matters what a row has that is written.
func (g *generator) page() selected {
	var (
		s       selected
		sources = []source{g.table("")}
		from    = sources[0].name
	)
	if sources[0].name != g.original(sources[0]) {
		from = g.original(sources[0]) + " AS " + sources[0].name
	}
	if g.one(3) {
		src := g.table("j")
		kind := g.pick(" JOIN ", " JOIN ", " LEFT JOIN ", " RIGHT JOIN ")
		from += kind + g.original(src) + " AS " + src.name + " ON " + g.foreign(sources[0], src)
		sources = append(sources, src)
		if g.one(3) {
			from += " AND " + g.bounded(sources[1:], &s.piece)
		}
	}
	var where []string
	for range 1 + g.choose(3) {
		where = append(where, g.bounded(sources, &s.piece))
	}
	if g.one(4) {
		inner := g.table("e")
		where = append(where, g.pick("", "", "NOT ")+"EXISTS (SELECT 1 FROM "+g.original(inner)+" AS "+inner.name+" WHERE "+
			g.foreign(inner, sources[0])+" AND "+g.bounded([]source{inner}, &s.piece)+")")
	}
	root := sources[0].name
	order := []string{}
	switch g.choose(5) {
	case 0:
		s.columns = []string{"COUNT(*)"}
	case 1:
		s.columns = []string{"SUM(" + g.numeric(sources[0]) + ")", "COUNT(*)"}
	case 2:
		s.columns = []string{root + ".id"}
	default:
		s.columns = []string{root + ".id", root + ".age"}
		if g.one(2) {
			s.columns = append(s.columns, root+".name")
		}
	}
	counts := strings.Contains(s.columns[0], "(")
	tail := ""
	if s.columns[0] == root+".id" && g.one(4) {
		s.exist = true
		tail = " LIMIT 1"
	} else if !counts && len(sources) == 1 && !g.one(4) {
		s.ordered = true
		if g.one(2) {
			order = append(order, root+".age"+g.pick("", " DESC", " ASC"))
		}
		if g.one(4) {
			order = append(order, root+".name"+g.pick("", " DESC"))
		}
		order = append(order, root+".id"+g.pick("", " DESC"))
		tail = " ORDER BY " + strings.Join(order, ", ")
		if !g.one(5) {
			tail += " LIMIT " + g.pick("1", "2", "2", "3")
			if g.one(5) {
				tail += " OFFSET 1"
			}
		}
	}
	distinct := ""
	if !counts && g.one(6) {
		distinct = "DISTINCT "
	}
	s.sql = "SELECT " + distinct + strings.Join(s.columns, ", ") + " FROM " + from + " WHERE " + strings.Join(where, " AND ") + tail
	return s
}

func (g *generator) table(prefix string) source {
	src := generatorTables[g.choose(2)]
	if prefix != "" || g.one(3) {
		src.name = prefix + src.name[:1]
	}
	return src
}

// original returns the name of a table that table renamed.
func (g *generator) original(src source) string {
	if slices.Contains(src.columns, "owner_id") {
		return "pets"
	}
	return "users"
}

func (g *generator) foreign(a, b source) string {
	if g.original(b) == "pets" {
		a, b = b, a
	}
	if g.original(a) == "pets" && g.original(b) == "users" && !g.one(4) {
		return a.name + ".owner_id = " + b.name + ".id"
	}
	return a.name + ".age = " + b.name + ".age"
}

func (g *generator) numeric(src source) string {
	if g.original(src) == "pets" {
		return src.name + "." + g.pick("age", "age", "owner_id", "id")
	}
	return src.name + "." + g.pick("age", "age", "boss_id", "id")
}

// bounded writes a condition, and adds its arguments.
func (g *generator) bounded(sources []source, p *piece) string {
	src := sources[g.choose(len(sources))]
	c := g.numeric(src)
	number := func() string {
		x := g.number()
		p.args = append(p.args, x.args...)
		return x.sql
	}
	text := func(list ...string) string {
		p.args = append(p.args, g.pick(list...))
		return "?"
	}
	switch g.choose(14) {
	case 0:
		return c + " IN (" + number() + ", " + number() + ")"
	case 1:
		return c + " NOT IN (" + number() + ", " + number() + ")"
	case 2:
		return c + g.pick(" IS NULL", " IS NOT NULL")
	case 3:
		return "NOT (" + g.bounded(sources, p) + ")"
	case 4:
		return "(" + g.bounded(sources, p) + " OR " + g.bounded(sources, p) + ")"
	case 5:
		return "(" + g.bounded(sources, p) + " AND " + g.bounded(sources, p) + ")"
	case 6:
		return src.name + ".name " + g.pick("=", "<>") + " " + text("a", "b", "A", "c")
	case 7:
		return src.name + ".name " + g.pick("", "NOT ") + "LIKE " + text("a%", "%b", "%B%", "A", "%", "_", "c%d")
	case 8:
		if g.original(src) == "pets" {
			return src.name + ".kind = " + text("cat", "dog")
		}
		return g.pick("", "NOT ") + src.name + ".active"
	default:
		return fmt.Sprint(c, " ", g.pick("=", "<>", "<", "<=", ">", ">=", ">", "<"), " ", number())
	}
}
