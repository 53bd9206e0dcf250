package cache

import (
	"sort"
	"sync"
	"time"

	"github.com/entcache/ent-cache/schema"
)

// unitSchema has a table for each way in which tables hang together.
var unitSchema = MustSchema(SchemaSpec{
	Fingerprint: "unit",
	Tables: []TableSpec{
		{Name: "users", ID: []string{"id"}, Cascades: []string{"pets", "user_groups", "users"}, Columns: []ColumnSpec{
			{Name: "id", Kind: KindInt}, {Name: "name", Kind: KindString}, {Name: "age", Kind: KindInt},
			{Name: "email", Kind: KindString, Grouped: true}, {Name: "region", Kind: KindString, Grouped: true, Default: true},
			{Name: "nick", Kind: KindString, Grouped: true, Folded: true},
			{Name: "manager_id", Kind: KindInt, Grouped: true}, {Name: "spouse_id", Kind: KindInt, Grouped: true},
		}},
		{Name: "pets", ID: []string{"id"}, Cascades: []string{"toys"}, Columns: []ColumnSpec{
			{Name: "id", Kind: KindInt}, {Name: "name", Kind: KindString}, {Name: "owner_id", Kind: KindInt, Grouped: true},
		}},
		{Name: "toys", ID: []string{"id"}, Cascades: []string{"users"}, Columns: []ColumnSpec{
			{Name: "id", Kind: KindUUID}, {Name: "pet_id", Kind: KindInt, Grouped: true},
		}},
		{Name: "groups", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "name", Kind: KindString}}},
		{Name: "user_groups", ID: []string{"user_id", "group_id"}, Columns: []ColumnSpec{
			{Name: "user_id", Kind: KindInt, Grouped: true}, {Name: "group_id", Kind: KindInt, Grouped: true},
		}},
		{Name: "memberships", ID: []string{"id"}, Columns: []ColumnSpec{
			{Name: "id", Kind: KindInt}, {Name: "user_id", Kind: KindInt, Grouped: true}, {Name: "group_id", Kind: KindInt, Grouped: true},
			{Name: "role", Kind: KindString, Grouped: true},
		}},
		{Name: "Docs", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindString}, {Name: "Title", Kind: KindString}}},
		{Name: "readers", View: true, DependsOn: []string{"User", "library"}, Columns: []ColumnSpec{{Name: "name", Kind: KindString}}},
		{Name: "library", View: true, DependsOn: []string{"docs", "readers"}, Columns: []ColumnSpec{{Name: "title", Kind: KindString}}},
		{Name: "secret", View: true, Columns: []ColumnSpec{{Name: "x", Kind: KindInt}}},
		{Name: "over_secret", View: true, DependsOn: []string{"secret", "groups"}, Columns: []ColumnSpec{{Name: "x", Kind: KindInt}}},
	},
	Types: []TypeSpec{
		{Name: "User", Table: "users", Policy: &schema.Policy{Functions: map[string][]string{"Rank": {"pets", "Doc"}, "pure": nil}}},
		{Name: "Doc", Table: "Docs", Policy: &schema.Policy{Functions: map[string][]string{"rank": {"groups"}}}},
	},
})

// names lists the tables' names in alphabetical order.
func names(tables []*Table) []string {
	out := make([]string, 0, len(tables))
	for _, t := range tables {
		out = append(out, t.Name)
	}
	sort.Strings(out)
	return out
}

// touches lists the facts that add adds, as people write them, without repeats.
func touches(fold bool, add func(*Facts)) []string {
	f := Facts{Spell: true, Fold: fold}
	add(&f)
	seen := make(map[string]bool)
	out := []string{}
	for _, tag := range f.Tags {
		if s := tag.String(); !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	if f.All {
		out = append(out, "all")
	}
	sort.Strings(out)
	return out
}

// mapNear is a near level that forgets nothing.
type mapNear struct {
	mu      sync.Mutex
	entries map[Key]*Entry
	closed  bool
}

func newMapNear() *mapNear { return &mapNear{entries: make(map[Key]*Entry)} }

func (n *mapNear) Get(k Key) (*Entry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.entries[k]
	return e, ok
}

func (n *mapNear) Set(k Key, e *Entry, _ time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries[k] = e
}

func (n *mapNear) Delete(k Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.entries, k)
}

func (n *mapNear) Purge() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.entries)
}

func (n *mapNear) Len() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.entries)
}

func (n *mapNear) Size() int64 { return int64(n.Len()) }

func (n *mapNear) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
}
