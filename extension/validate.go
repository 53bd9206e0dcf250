package extension

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"entgo.io/ent/entc/gen"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/schema"
)

// validate reports every policy of the graph that can't be kept.
func validate(g *gen.Graph) error {
	if g.Storage == nil || g.Storage.Name != "sql" {
		return errors.New("entcache: the cache reads SQL; generate with the sql storage driver, or without this extension")
	}
	spec, err := describe(g, false)
	if err != nil {
		return err
	}
	v := validator{spec: spec}
	for _, n := range sortedNodes(g) {
		v.names(n)
		p, err := policyOf(n)
		if err != nil {
			return err
		}
		if p != nil {
			v.policy(n, p)
		}
	}
	return errors.Join(v.errs...)
}

type validator struct {
	spec cache.SchemaSpec
	errs []error
}

func (v *validator) add(n *gen.Type, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("entcache: schema %s: %s", n.Name, fmt.Sprintf(format, args...)))
}

// names refuses what would get the same names as the generated methods and the
// generated file.
func (v *validator) names(n *gen.Type) {
	if strings.EqualFold(n.Name, "entcache") {
		v.add(n, "its files would replace those of the cache; give the schema another name and keep its table with entsql.Table(%q)", n.Table())
	}
	taken := func(name string) bool {
		return strings.HasPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "")), "entcache")
	}
	for _, f := range n.Fields {
		if taken(f.Name) {
			v.add(n, "field %q: names that begin with entcache are those of generated methods; rename the field and keep its column with StorageKey(%q)", f.Name, f.StorageKey())
		}
	}
	for _, e := range n.Edges {
		if taken(e.Name) {
			v.add(n, "edge %q: names that begin with entcache are those of generated methods; rename the edge", e.Name)
		}
	}
}

func (v *validator) policy(n *gen.Type, p *schema.Policy) {
	if p.TTL < 0 {
		v.add(n, "TTL is negative (%s); set a positive one, or leave it out for %s", p.TTL, schema.DefaultTTL)
	}
	if p.MaxRows < 0 {
		v.add(n, "MaxRows is negative (%d); set a positive bound, or leave it out for %d", p.MaxRows, schema.DefaultMaxRows)
	}
	if p.MaxBytes < 0 {
		v.add(n, "MaxBytes is negative (%d); set a positive bound, or leave it out for %d", p.MaxBytes, schema.DefaultMaxBytes)
	}
	if !(p.RefreshAhead >= 0) || math.IsInf(p.RefreshAhead, 1) {
		v.add(n, "RefreshAhead is %v; set a positive number, 1 is a good one, or leave it out", p.RefreshAhead)
	}
	if p.MaxStaleness < 0 {
		v.add(n, "MaxStaleness is negative (%s); set a positive one, or leave it out", p.MaxStaleness)
	}
	if p.Grace < 0 {
		v.add(n, "Grace is negative (%s); set a positive one, or leave it out", p.Grace)
	}
	if unknown := p.Ops &^ schema.AllOps; unknown != 0 {
		v.add(n, "Ops holds bits that are no operation (%#x); combine the operations of package schema with |", uint16(unknown))
	}
	v.groups(n, p)
	v.tenant(n, p)
	v.dependsOn(n, p)
	for _, fn := range slices.Sorted(maps.Keys(p.Functions)) {
		if strings.TrimSpace(fn) == "" {
			v.add(n, "Functions holds a function without a name; name it as the SQL does, without parentheses")
		}
		for _, name := range p.Functions[fn] {
			if !v.known(name) {
				v.add(n, "function %q reads %q, which is neither a type nor a table; there are %s", fn, name, v.targets())
			}
		}
	}
}

func (v *validator) groups(n *gen.Type, p *schema.Policy) {
	t := v.table(n.Table())
	seen := make(map[string]bool)
	for _, name := range p.Groups {
		c := groupColumn(n, t, name)
		if c == nil {
			v.add(n, "group %q is no field; there are %s", name, strings.Join(groupNames(n, t), ", "))
			continue
		}
		if seen[c.Name] {
			v.add(n, "group %q is named twice; name it once", name)
		}
		seen[c.Name] = true
		if why := ungroupable(t, c); why != "" {
			v.add(n, "group %q: %s", name, why)
		}
	}
}

func (v *validator) tenant(n *gen.Type, p *schema.Policy) {
	if p.Tenant == "" {
		return
	}
	t := v.table(n.Table())
	c := groupColumn(n, t, p.Tenant)
	if c == nil {
		v.add(n, "tenant %q is no field; there are %s", p.Tenant, strings.Join(groupNames(n, t), ", "))
	} else if why := ungroupable(t, c); why != "" {
		v.add(n, "tenant %q: %s", p.Tenant, why)
	}
}

// ungroupable says why rows can't be told apart by the value of a column, and
// what to do about it.
func ungroupable(t *cache.TableSpec, c *cache.ColumnSpec) string {
	switch {
	case t.View:
		return "a view has no rows that writes touch; leave it out"
	case len(t.ID) == 1 && t.ID[0] == c.Name:
		return "reads by id are told apart anyway; leave it out"
	case c.Computed:
		return "the database changes the column by itself; leave it out"
	case c.Folded:
		return "the database may call two texts equal that Go tells apart, because of the column's type or collation; " +
			"leave it out, or use a plain text type with the collation C"
	}
	switch c.Kind {
	case cache.KindInt, cache.KindBool, cache.KindString, cache.KindBytes, cache.KindUUID:
		return ""
	default:
		return "values of this type can't be compared outside the database; leave it out: " +
			"integers, booleans, UUIDs, bytes, enums and plain strings can be grouped"
	}
}

func groupNames(n *gen.Type, t *cache.TableSpec) []string {
	var names []string
	for i := range t.Columns {
		name := t.Columns[i].Name
		for _, f := range n.Fields {
			if f.StorageKey() == name {
				name = f.Name
			}
		}
		if ungroupable(t, &t.Columns[i]) == "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return []string{"none that can be grouped"}
	}
	slices.Sort(names)
	return names
}

func (v *validator) dependsOn(n *gen.Type, p *schema.Policy) {
	switch {
	case n.IsView() && len(p.DependsOn) == 0:
		v.add(n, "a view is cached only if its policy says what it reads; name its tables or types in DependsOn, or remove the mixin")
	case !n.IsView() && len(p.DependsOn) > 0:
		v.add(n, "DependsOn is for views, and this schema is a table; remove it: what a query reads is seen in the query")
	}
	for _, name := range p.DependsOn {
		switch {
		case !v.known(name):
			v.add(n, "DependsOn names %q, which is neither a type nor a table; there are %s", name, v.targets())
		case name == n.Name || strings.EqualFold(name, n.Table()):
			v.add(n, "DependsOn names the view itself; name what it reads")
		}
	}
}

// known reports whether a policy may name a table or a type so.
func (v *validator) known(name string) bool {
	for _, t := range v.spec.Types {
		if t.Name == name {
			return true
		}
	}
	return slices.ContainsFunc(v.spec.Tables, func(t cache.TableSpec) bool { return strings.EqualFold(t.Name, name) })
}

// targets lists what DependsOn and Functions may name.
func (v *validator) targets() string {
	var names []string
	for _, t := range v.spec.Types {
		names = append(names, t.Name)
	}
	for _, t := range v.spec.Tables {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

func (v *validator) table(name string) *cache.TableSpec {
	for i := range v.spec.Tables {
		if v.spec.Tables[i].Name == name {
			return &v.spec.Tables[i]
		}
	}
	return &cache.TableSpec{Name: name}
}

func sortedNodes(g *gen.Graph) []*gen.Type {
	return slices.SortedFunc(slices.Values(g.Nodes), func(a, b *gen.Type) int { return cmp.Compare(a.Name, b.Name) })
}
