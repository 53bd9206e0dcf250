package extension

import (
	"encoding/json"
	"fmt"

	"entgo.io/ent/entc/gen"

	"github.com/entcache/ent-cache/schema"
)

// policyOf returns the policy of a type, or nil for a type that isn't cached.
// Ent hands annotations on as decoded JSON.
func policyOf(n *gen.Type) (*schema.Policy, error) {
	v, ok := n.Annotations[schema.AnnotationName]
	if !ok || v == nil {
		return nil, nil
	}
	buf, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("entcache: schema %s: the policy can't be read: %w", n.Name, err)
	}
	p := new(schema.Policy)
	if err := json.Unmarshal(buf, p); err != nil {
		return nil, fmt.Errorf("entcache: schema %s: the policy can't be read: %w; give each field a value in its range", n.Name, err)
	}
	return p, nil
}
