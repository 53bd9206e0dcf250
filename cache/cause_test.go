package cache

import (
	"fmt"
	"sync"
	"testing"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func fieldSpec(column string, v any) *sqlgraph.FieldSpec {
	return &sqlgraph.FieldSpec{Column: column, Type: field.TypeString, Value: v}
}

func TestCauseOfSpecifications(t *testing.T) {
	id := uuid.MustParse("00000000-0000-0000-0000-000000000007")
	own := &sqlgraph.EdgeSpec{Rel: sqlgraph.M2O, Table: "pets", Columns: []string{"owner_id"}}
	other := &sqlgraph.EdgeSpec{Rel: sqlgraph.M2M, Table: "user_groups", Columns: []string{"user_id", "group_id"}}
	create := func(id any, fields ...*sqlgraph.FieldSpec) *sqlgraph.CreateSpec {
		return &sqlgraph.CreateSpec{Table: "pets", ID: fieldSpec("id", id), Fields: fields, Edges: []*sqlgraph.EdgeSpec{own, other, other}}
	}
	update := func(n *sqlgraph.NodeSpec) *sqlgraph.UpdateSpec {
		return &sqlgraph.UpdateSpec{
			Node: n, Edges: sqlgraph.EdgeMut{Clear: []*sqlgraph.EdgeSpec{own}, Add: []*sqlgraph.EdgeSpec{other}},
			Fields: sqlgraph.FieldMut{Set: []*sqlgraph.FieldSpec{fieldSpec("name", "secret")}, Add: []*sqlgraph.FieldSpec{fieldSpec("age", 1)}, Clear: []*sqlgraph.FieldSpec{fieldSpec("nick", nil)}},
		}
	}
	for want, add := range map[string]func(*Cause){
		"create of Pet 7 (set name owner_id; by edges user_groups)": func(c *Cause) { c.Created(create(7, fieldSpec("name", "secret")), false) },
		"create of Pet (set owner_id; by edges user_groups)":        func(c *Cause) { c.Created(create(nil), false) },
		"create of Pet 00000000-0000-0000-0000-000000000007 (set owner_id; by edges user_groups)": func(c *Cause) {
			c.Created(create(&id), false)
		},
		"bulk create of Pet (2 rows) (set name owner_id nick; by edges user_groups)": func(c *Cause) {
			c.Created(create(nil, fieldSpec("name", "a")), false)
			c.Created(create(nil, fieldSpec("nick", "b")), false)
		},
		"upsert of Pet 1, 2 (set owner_id; by edges user_groups)": func(c *Cause) {
			c.Created(create(1), true)
			c.Created(create(2), false)
		},
		"upsert of Pet 3 (set owner_id; by edges user_groups)": func(c *Cause) {
			s := create(3)
			s.OnConflict = append(s.OnConflict, sql.DoNothing())
			c.Created(s, false)
		},
		"update of Pet 7 (set name age nick owner_id; by edges user_groups)": func(c *Cause) {
			c.Updated(update(&sqlgraph.NodeSpec{Table: "pets", ID: fieldSpec("id", 7)}))
		},
		"update of Pet [1 2] (set name age nick owner_id; by edges user_groups)": func(c *Cause) {
			c.Updated(update(&sqlgraph.NodeSpec{Table: "pets", CompositeID: []*sqlgraph.FieldSpec{fieldSpec("a", 1), fieldSpec("b", 2)}}))
		},
		"update by predicate of Pet (set name age nick owner_id; by edges user_groups)": func(c *Cause) {
			c.Updated(update(&sqlgraph.NodeSpec{Table: "pets", ID: fieldSpec("id", nil)}))
		},
		"delete of Pet [1 2]":        func(c *Cause) { c.Deleted([]int{1, 2}) },
		"delete by predicate of Pet": func(c *Cause) { c.Deleted(nil) },
	} {
		c := Cause{Type: "Pet"}
		add(&c)
		require.Equal(t, want, c.String())
	}
	require.Equal(t, "WriteOp(99)", WriteOp(99).String())
	for op := WriteUnknown; op <= WriteRunning; op++ {
		require.NotEmpty(t, op.String())
	}
}

// What is kept of a write is bounded, and nobody's to change afterwards.
func TestCauseIsBoundedAndKept(t *testing.T) {
	raw := []byte("a")
	c := Cause{Type: "Pet"}
	c.Created(&sqlgraph.CreateSpec{ID: fieldSpec("id", raw)}, false)
	raw[0] = 'b'
	require.Equal(t, []any{[]byte("a")}, c.IDs)
	var fields []*sqlgraph.FieldSpec
	for i := range 100 {
		fields = append(fields, fieldSpec(fmt.Sprint("c", i), i))
		c.Created(&sqlgraph.CreateSpec{ID: fieldSpec("id", i), Edges: []*sqlgraph.EdgeSpec{{Rel: sqlgraph.M2M, Table: fmt.Sprint("t", i)}}}, false)
	}
	c.Created(&sqlgraph.CreateSpec{Fields: fields}, false)
	require.Len(t, c.IDs, MaxCauseIDs)
	require.Equal(t, 102, c.Rows)
	require.Len(t, c.Columns, maxCauseColumns)
	require.Len(t, c.Tables, maxCauseColumns)
	require.Contains(t, c.String(), "and 94 more")

	var cs Causes
	for i := range 100 {
		cs.Add(Cause{Type: fmt.Sprint("T", i%10), Op: WriteCreate, IDs: []any{i}, Rows: 1}, []Fact{Fact(i), 1000, 1001, 1002, 1003})
	}
	tx := cs.Transaction()
	require.Len(t, tx.Writes, maxCauseWrites)
	require.True(t, tx.MoreWrites)
	require.Contains(t, tx.String(), "transaction of bulk create of T0 0, 10, 20, 30, 40, 50, 60, 70 and 2 more; bulk create of T1 1, ")
	require.Contains(t, tx.String(), "; and others")
	for _, w := range tx.Writes {
		require.LessOrEqual(t, len(w.facts), maxCauseFacts)
		require.True(t, w.coarse)
	}
}

// Of a transaction, the write is named that touched a fact of the entry.
func TestCauseAmongWrites(t *testing.T) {
	var cs Causes
	cs.Add(Cause{Type: "Pet", Op: WriteCreate, Rows: 1}, []Fact{1, 2})
	cs.Add(Cause{Type: "Pet", Op: WriteUpdateOne, IDs: []any{1}, Rows: 1}, []Fact{3, 2})
	tx := cs.Transaction()
	require.Equal(t, "create of Pet (in a transaction)", tx.among([]Fact{1}).String())
	require.Equal(t, "update of Pet 1 (in a transaction)", tx.among([]Fact{9, 3}).String())
	require.Equal(t, "transaction of create of Pet; update of Pet 1", tx.among([]Fact{2}).String())
	require.Equal(t, "transaction of create of Pet; update of Pet 1", tx.among([]Fact{9}).String(), "nobody knows")
	one := Cause{Type: "Pet", Op: WriteDelete}
	require.Equal(t, one, one.among([]Fact{1}))

	// A write whose facts weren't all kept may have been the one.
	var many []Fact
	for f := range Fact(maxCauseFacts + 10) {
		many = append(many, 100+f)
	}
	cs.Add(Cause{Type: "Toy", Op: WriteDelete}, many)
	require.Equal(t, "create of Pet (in a transaction)", cs.Transaction().among([]Fact{1, many[maxCauseFacts]}).String())
	require.Equal(t, "delete by predicate of Toy (in a transaction)", cs.Transaction().among([]Fact{many[maxCauseFacts]}).String())

	var by Cause
	for _, w := range []Cause{
		{Type: "Pet", Op: WriteCreate, IDs: []any{1}, Rows: 1, Columns: []string{"a"}},
		{Type: "Pet", Op: WriteCreate, IDs: []any{2}, Rows: 1, Columns: []string{"b"}, Tables: []string{"toys"}},
	} {
		by.Merge(w)
	}
	require.Equal(t, "bulk create of Pet 1, 2 (set a b; by edges toys)", by.String())
	by.Merge(Cause{Type: "Pet", Op: WriteUpsert, IDs: []any{3}, Rows: 1})
	require.Equal(t, "upsert of Pet 1, 2, 3 (set a b; by edges toys)", by.String())
}

func TestRecentWrites(t *testing.T) {
	var r recent
	_, ok, overrun := r.find(1)
	require.False(t, ok || overrun)
	for i := range uint64(recentWrites + 10) {
		require.Equal(t, 2*i, r.add(Cause{Rows: int(i)}, &Facts{}, func() uint64 { return 2 * i }))
	}
	require.Len(t, r.ring, recentWrites)
	for position, want := range map[uint64][2]bool{0: {false, true}, 18: {false, true}, 20: {true, false}, 21: {false, false}, 2 * (recentWrites + 9): {true, false}, 1 << 20: {false, false}} {
		w, ok, overrun := r.find(position)
		require.Equal(t, want, [2]bool{ok, overrun}, position)
		if ok {
			require.EqualValues(t, position/2, w.by.Rows)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range uint64(2000) {
				r.add(Cause{}, &Facts{}, func() uint64 { return i })
				r.find(i)
			}
		})
	}
	wg.Wait()
	require.Len(t, r.ring, recentWrites)
}

func TestHeardPositions(t *testing.T) {
	var h heard
	_, ok, overrun := h.find(0)
	require.False(t, ok || overrun)
	h.add(5, true) // the answer comes before the message
	h.add(5, false)
	h.add(6, false)
	h.add(7, false) // and after
	h.add(7, true)
	for position, want := range map[uint64]WriteOp{5: WriteRecorded, 6: WriteElsewhere, 7: WriteRecorded} {
		w, ok, _ := h.find(position)
		require.True(t, ok)
		require.Equal(t, want, w.by.Op, position)
	}
	_, ok, overrun = h.find(4)
	require.False(t, ok || overrun, "never heard of")
	h.add(6+heardOf, false)
	_, ok, overrun = h.find(6)
	require.True(t, !ok && overrun)
	_, ok, _ = h.find(5)
	require.True(t, ok)
}
