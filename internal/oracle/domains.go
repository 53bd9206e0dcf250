package oracle

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/internal/oracle/domain"
	"github.com/entcache/ent-cache/internal/schemas/privacy/viewer"
	"github.com/entcache/ent-cache/internal/schemas/tenant/tenancy"
)

var domains = []func() *domain.Package{
	domain.Shop, domain.Bidiedges, domain.Cascade, domain.Edgeschema, domain.Fields, domain.Ids,
	domain.O2o, domain.Privacy, domain.Tenant, domain.Upsert, domain.View,
}

// Domains returns the names of the domains there are, the largest first.
func Domains() []string {
	var names []string
	for _, d := range domains {
		names = append(names, d().Name)
	}
	return names
}

func findDomain(name string) (*model, error) {
	i := slices.Index(Domains(), name)
	if i < 0 {
		return nil, fmt.Errorf("entcache: no domain %q; there are %q", name, Domains())
	}
	m := newModel(domains[i]())
	m.readPolicies()
	return m, nil
}

// maxRows bounds the results of one type of each domain.
const maxRows = 5

var bounding sync.Mutex

// readPolicies finds out which types are cached, and gives one of them a bound
// that its results go past.
func (m *model) readPolicies() {
	client := reflect.ValueOf(m.Package.Open(nil))
	bounding.Lock()
	defer bounding.Unlock()
	for i, t := range m.types {
		q := call(clientOf(client, t), "Query")[0].Interface()
		typ := q.(cache.Builder).EntcacheType()
		p := typ.Policy
		t.cached = p != nil
		t.addGroups(typ.Table)
		if i == len(m.types)/2 && p != nil && p.MaxRows == 0 {
			p.MaxRows = maxRows
		}
	}
}

// addGroups adds the predicates by which a type's policy groups its rows to those
// that name keys.
func (t *typ) addGroups(table *cache.Table) {
	for i, f := range t.Fields {
		if f.References != "" || f.Values != nil {
			continue
		}
		if c := table.Column(f.Column); c != nil && c.Grouped {
			t.keys = append(t.keys, equalities(t.fieldPreds[i])...)
		}
	}
}

// viewers is how many viewers a domain knows.
const viewers = 3

// asViewer is the context of viewer n, for domains in which it matters who
// reads and writes.
func (m *model) asViewer(ctx context.Context, n int) context.Context {
	switch m.Name {
	case "privacy":
		return viewer.NewContext(ctx, viewer.Viewer{Tenant: n, Admin: n == 0})
	case "tenant":
		return tenancy.NewContext(ctx, [viewers]string{"a", "b", "ab"}[n])
	}
	return ctx
}

// views are the views of a domain, which Ent's automatic migration doesn't
// create.
func (m *model) views() []string {
	if m.Name != "view" {
		return nil
	}
	return []string{
		"CREATE VIEW clean_users AS SELECT id, name FROM users WHERE active",
		"CREATE VIEW pet_counts AS SELECT u.name AS name, COUNT(p.id) AS pets FROM clean_users u JOIN pets p ON p.owner_id = u.id GROUP BY u.name",
		"CREATE VIEW pet_names AS SELECT name FROM pets",
	}
}
