package extension

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"

	"entgo.io/ent/entc/gen"

	"github.com/entcache/ent-cache/cache"
)

// fingerprint names the layout of a graph: what rows look like, what they are
// scanned into, and what the facts of a result are built from. Two programs
// that share a remote level read each other's entries only if theirs is equal.
func fingerprint(spec cache.SchemaSpec, g *gen.Graph) string {
	h := sha256.New()
	for _, t := range spec.Tables {
		line(h, "table", t.Name, t.View, t.ID, t.DependsOn)
		for _, c := range t.Columns {
			line(h, "column", c.Name, c.Kind, c.Grouped, c.Folded, c.Default, c.Computed, c.Sensitive)
			if c.References != "" {
				line(h, "references", c.References)
			}
		}
	}
	for _, t := range spec.Types {
		line(h, "type", t.Name, t.Table)
		if t.Policy == nil {
			continue
		}
		for _, fn := range slices.Sorted(maps.Keys(t.Policy.Functions)) {
			line(h, "function", fn, t.Policy.Functions[fn])
		}
	}
	for _, n := range sortedNodes(g) {
		fields := n.Fields
		if n.HasOneFieldID() {
			fields = append([]*gen.Field{n.ID}, fields...)
		}
		for _, f := range fields {
			line(h, "field", n.Name, f.Name, f.Type.Type, f.Type.String(), f.Type.PkgPath, f.Nillable, f.Optional, f.HasValueScanner())
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// line writes values so that two different lists never give the same bytes.
func line(h hash.Hash, values ...any) {
	for _, v := range values {
		fmt.Fprintf(h, "%q ", fmt.Sprintf("%#v", v))
	}
	h.Write([]byte{'\n'})
}
