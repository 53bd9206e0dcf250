package extension

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"entgo.io/ent/entc/gen"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/schema"
)

// reads writes what of a type is cached.
func (w *planWriter) reads(n *gen.Type) error {
	p, err := policyOf(n)
	if err != nil {
		return err
	}
	t := w.schema.Table(n.Table())
	if p == nil {
		w.line(1, "not cached: the type has no Mixin")
	} else if t.View && !t.Closed {
		w.line(1, "not cached: the view doesn't say what it depends on (DependsOn), or one that it reads doesn't")
	} else if err := w.policy(n, p); err != nil {
		return err
	}
	if t.View && len(t.Depends) > 0 {
		w.line(1, "depends on %s", strings.Join(tableNames(t.Depends), " "))
	}
	var sensitive []string
	for _, c := range t.Columns {
		if c.Sensitive {
			sensitive = append(sensitive, c.Name)
		}
	}
	if len(sensitive) > 0 {
		w.line(1, "sensitive: %s, results with them leave the process only encrypted", strings.Join(sensitive, " "))
	}
	w.groups(t)
	return nil
}

func (w *planWriter) policy(n *gen.Type, p *schema.Policy) error {
	ttl, ops := p.TTL, p.Ops
	if ttl == 0 {
		ttl = schema.DefaultTTL
	}
	if ops == 0 {
		ops = schema.AllOps
	}
	text := fmt.Sprintf("cached for %v: %s", ttl, strings.ReplaceAll(ops.String(), "|", " "))
	if p.OnDemand {
		text += ", on demand"
	}
	w.line(1, "%s", text)
	v, err := valuesOf(n)
	if err != nil {
		return err
	}
	level := "typed values and rows"
	if v.Refused != "" {
		level = "rows only: " + v.Refused
	}
	if p.Shared {
		level += ", shared by readers"
	}
	w.line(1, "kept as %s", level)
	for _, e := range v.Edges {
		if e.Refused != "" {
			w.line(2, "rows only where it is loaded: %s", e.Refused)
		}
	}
	if p.MaxRows != 0 || p.MaxBytes != 0 {
		w.line(1, "bounds: %s", bounds(p))
	}
	if p.OldValues {
		w.line(1, "what rows have in the grouped columns is read before they are written (OldValues); each of up to 256 of an update many or a delete many counts as one that is updated or deleted")
	}
	if p.RefreshAhead != 0 {
		w.line(1, "refreshed ahead of the end of the TTL: RefreshAhead %g", p.RefreshAhead)
	}
	if p.MaxStaleness != 0 {
		w.line(1, "served for %v past the TTL, while it is refreshed", p.MaxStaleness)
	}
	if p.Grace != 0 {
		w.line(1, "served for %v after a write, while it is refreshed: reads may be wrong", p.Grace)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Functions)) {
		reads := "nothing"
		if tables, _ := w.schema.Function(name); len(tables) > 0 {
			reads = strings.Join(tableNames(tables), " ")
		}
		w.line(1, "function %s reads %s", name, reads)
	}
	return nil
}

func bounds(p *schema.Policy) string {
	rows, size := p.MaxRows, p.MaxBytes
	if rows == 0 {
		rows = schema.DefaultMaxRows
	}
	if size == 0 {
		size = schema.DefaultMaxBytes
	}
	return fmt.Sprintf("%d rows, %d bytes", rows, size)
}

// groups writes by which columns the rows of a table are told apart.
func (w *planWriter) groups(t *cache.Table) {
	var by []string
	for _, c := range t.Columns {
		switch {
		case !c.Grouped:
		case c.Computed:
			by = append(by, c.Name+" (not by value: the database computes it)")
		case c.Exact:
			by = append(by, c.Name)
		default:
			by = append(by, c.Name+" (not by value: the database may compare it otherwise than Go)")
		}
	}
	if len(by) > 0 {
		w.line(1, "groups by %s", strings.Join(by, ", "))
	}
}

// tables writes what there is besides the types' tables.
func (w *planWriter) tables(spec cache.SchemaSpec) {
	typed := make(map[string]bool)
	for _, t := range spec.Types {
		typed[t.Table] = true
	}
	for _, ts := range spec.Tables {
		t := w.schema.Table(ts.Name)
		if typed[ts.Name] {
			continue
		}
		w.WriteByte('\n')
		w.line(0, "join table %s: written by edges", t.Name)
		w.groups(t)
	}
}

func tableNames(tables []*cache.Table) []string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}
