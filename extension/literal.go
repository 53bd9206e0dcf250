package extension

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/schema"
)

var kindNames = map[cache.Kind]string{
	cache.KindOther:  "KindOther",
	cache.KindInt:    "KindInt",
	cache.KindBool:   "KindBool",
	cache.KindString: "KindString",
	cache.KindBytes:  "KindBytes",
	cache.KindUUID:   "KindUUID",
	cache.KindFloat:  "KindFloat",
	cache.KindTime:   "KindTime",
	cache.KindJSON:   "KindJSON",
}

// columnLiteral spells a column in Go, without the fields that are zero.
func columnLiteral(c cache.ColumnSpec) string {
	var l literal
	l.add("Name", strconv.Quote(c.Name))
	l.add("Kind", "cache."+kindNames[c.Kind])
	l.flag("Grouped", c.Grouped)
	l.flag("Folded", c.Folded)
	l.flag("Default", c.Default)
	l.flag("Computed", c.Computed)
	l.flag("Sensitive", c.Sensitive)
	if c.References != "" {
		l.add("References", strconv.Quote(c.References))
	}
	return "{" + strings.Join(l, ", ") + "}"
}

// policyLiteral spells a policy in Go, without the fields that are zero.
func policyLiteral(p *schema.Policy) string {
	var l literal
	if p.TTL != 0 {
		l.add("TTL", durationLiteral(p.TTL))
	}
	if p.Ops != 0 {
		l.add("Ops", "schema."+strings.ReplaceAll(p.Ops.String(), "|", " | schema."))
	}
	l.flag("OnDemand", p.OnDemand)
	if len(p.Groups) > 0 {
		l.add("Groups", listLiteral(p.Groups))
	}
	if p.Tenant != "" {
		l.add("Tenant", strconv.Quote(p.Tenant))
	}
	if p.MaxRows != 0 {
		l.add("MaxRows", strconv.Itoa(p.MaxRows))
	}
	if p.MaxBytes != 0 {
		l.add("MaxBytes", strconv.Itoa(p.MaxBytes))
	}
	if p.RefreshAhead != 0 {
		l.add("RefreshAhead", strconv.FormatFloat(p.RefreshAhead, 'g', -1, 64))
	}
	if p.MaxStaleness != 0 {
		l.add("MaxStaleness", durationLiteral(p.MaxStaleness))
	}
	if p.Grace != 0 {
		l.add("Grace", durationLiteral(p.Grace))
	}
	l.flag("Shared", p.Shared)
	l.flag("OldValues", p.OldValues)
	if len(p.DependsOn) > 0 {
		l.add("DependsOn", listLiteral(p.DependsOn))
	}
	if len(p.Functions) > 0 {
		var fns literal
		for _, name := range slices.Sorted(maps.Keys(p.Functions)) {
			tables := "nil"
			if len(p.Functions[name]) > 0 {
				tables = strings.TrimPrefix(listLiteral(p.Functions[name]), "[]string")
			}
			fns.add(strconv.Quote(name), tables)
		}
		l.add("Functions", "map[string][]string{"+strings.Join(fns, ", ")+"}")
	}
	return "&schema.Policy{" + strings.Join(l, ", ") + "}"
}

// listLiteral spells a list of strings in Go.
func listLiteral(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

// durationLiteral spells a duration in Go in the largest unit that divides it.
func durationLiteral(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{
		{time.Hour, "time.Hour"},
		{time.Minute, "time.Minute"},
		{time.Second, "time.Second"},
		{time.Millisecond, "time.Millisecond"},
		{time.Microsecond, "time.Microsecond"},
	} {
		switch n := d / unit.size; {
		case d%unit.size != 0:
		case n == 1:
			return unit.name
		default:
			return fmt.Sprintf("%d * %s", n, unit.name)
		}
	}
	return strconv.FormatInt(int64(d), 10)
}

// typeIdent is the name of the variable that holds the metadata of an Ent type.
func typeIdent(name string) string { return "entcacheType" + name }

// literal is the fields of a composite literal.
type literal []string

func (l *literal) add(name, value string) { *l = append(*l, name+": "+value) }

func (l *literal) flag(name string, set bool) {
	if set {
		l.add(name, "true")
	}
}
