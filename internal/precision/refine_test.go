package precision

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

func TestParseSelect(t *testing.T) {
	set := func(names ...string) map[string]bool {
		m := make(map[string]bool)
		for _, n := range names {
			m[n] = true
		}
		return m
	}
	require.Equal(t,
		&selection{
			table: "jobs", columns: set("id", "queue"), order: set("priority", "id"), used: set("queue", "status", "priority", "name"), limited: true, opaque: true,
			where: []condition{{"queue", "=", []string{"mail"}}, {"status", "IN", []string{"pending", "done"}}, {"priority", ">=", []string{"5"}}},
		},
		parseSelect(statement{
			"SELECT `jobs`.`id`, `jobs`.`queue` FROM `jobs` WHERE `jobs`.`queue` = ? AND `jobs`.`status` IN (?, ?) AND `jobs`.`priority` >= ? AND `jobs`.`name` LIKE ? ORDER BY `jobs`.`priority` DESC, `jobs`.`id` LIMIT 10",
			[]any{"mail", "pending", "done", 5, "a%"},
		}))
	require.Equal(t,
		&selection{table: "jobs", columns: set("queue"), order: set("queue"), used: set(), aggregated: true},
		parseSelect(statement{query: "SELECT `jobs`.`queue`, COUNT(*) FROM `jobs` GROUP BY `jobs`.`queue`"}))
	require.Nil(t, parseSelect(statement{query: "SELECT `a`.`id` FROM `a` JOIN `b` AS `t1` ON `a`.`id` = `t1`.`id`"}))
}

func TestRefinements(t *testing.T) {
	const list = "SELECT `jobs`.`id`, `jobs`.`queue` FROM `jobs` WHERE `jobs`.`queue` = ? AND `jobs`.`status` = ? ORDER BY `jobs`.`priority` LIMIT 2"
	tag := func(kind cache.FactKind, column, value string) cache.Tag {
		return cache.Tag{Kind: kind, Table: "jobs", Column: column, Value: value}
	}
	facts := []cache.Tag{
		tag(cache.FactTable, "", ""), tag(cache.FactRow, "", "1"), tag(cache.FactColumn, "status", ""), tag(cache.FactColumn, "priority", ""),
		tag(cache.FactGroup, "queue", "mail"), tag(cache.FactGroups, "queue", ""),
	}
	job := func(id, queue, status, priority, progress string) map[string]any {
		return map[string]any{"id": id, "queue": queue, "status": status, "priority": priority, "progress": progress}
	}
	bits := func(list ...refinement) (set uint) {
		for _, r := range list {
			set |= 1 << r
		}
		return set
	}
	for name, test := range map[string]struct {
		image image
		want  verdict
	}{
		"other table":            {image{table: "workers", old: map[string]any{"id": "1"}}, verdict{}},
		"nothing changes":        {image{table: "jobs", old: job("1", "mail", "a", "1", "1"), new: job("1", "mail", "a", "1", "1")}, verdict{matters: true, unless: bits(byProjection, byCondition)}},
		"column of another row":  {image{table: "jobs", old: job("7", "mail", "a", "1", "1"), new: job("7", "mail", "a", "1", "2")}, verdict{}},
		"column not selected":    {image{table: "jobs", old: job("1", "mail", "a", "1", "1"), new: job("1", "mail", "a", "1", "2")}, verdict{matters: true, unless: bits(byProjection, byCondition)}},
		"status in other queue":  {image{table: "jobs", old: job("7", "video", "a", "1", "1"), new: job("7", "video", "b", "1", "1")}, verdict{matters: true, unless: bits(byUnset, byConjunction, byCondition, byWindow)}},
		"from queue to queue":    {image{table: "jobs", old: job("7", "video", "a", "1", "1"), new: job("7", "search", "a", "1", "1")}, verdict{matters: true, unless: bits(byOldValues, byConjunction, byCondition, byWindow)}},
		"into the queue":         {image{table: "jobs", old: job("7", "video", "a", "1", "1"), new: job("7", "mail", "a", "1", "1")}, verdict{matters: true, unless: bits(byWindow)}},
		"out of the list":        {image{table: "jobs", old: job("1", "mail", "a", "1", "1"), new: job("1", "mail", "b", "1", "1")}, verdict{matters: true}},
		"order within the list":  {image{table: "jobs", old: job("1", "mail", "a", "1", "1"), new: job("1", "mail", "a", "2", "1")}, verdict{matters: true}},
		"new in other queue":     {image{table: "jobs", new: job("7", "video", "a", "1", "1")}, verdict{}},
		"new in the queue":       {image{table: "jobs", new: job("7", "mail", "b", "1", "1")}, verdict{matters: true, unless: bits(byUnset, byConjunction, byCondition, byWindow)}},
		"gone from other queue":  {image{table: "jobs", old: job("7", "video", "a", "1", "1")}, verdict{matters: true, unless: bits(byOldValues, byConjunction, byCondition, byWindow)}},
		"column, by a condition": {image{table: "jobs", bulk: true, old: job("7", "mail", "a", "1", "1"), new: job("7", "mail", "a", "1", "2")}, verdict{bulk: true}},
	} {
		d := newDependency(statement{list, []any{"mail", "a"}}, facts)
		require.Equal(t, test.want, d.harmless(test.image, nil), name)
	}
	v := verdict{bulk: true, matters: true, unless: bits(byWindow)}
	require.False(t, v.harmless(bits(byBulkRows)))
	require.False(t, v.harmless(bits(byWindow)))
	require.True(t, v.harmless(bits(byBulkRows, byWindow)))
	require.True(t, verdict{}.harmless(0))
}

// Looking closer doesn't change what is measured, and the refinements together
// come near to the oracle.
func TestRefine(t *testing.T) {
	sequential(t)
	o := Options{Seed: 3, Operations: 1000, Writes: 0.2}
	plain, err := Run(t.Context(), workload(t, "queue"), o)
	require.NoError(t, err)
	o.Refine = true
	closer, err := Run(t.Context(), workload(t, "queue"), o)
	require.NoError(t, err)
	require.Equal(t, plain.Policies, closer.Policies)
	require.Equal(t, plain.Causes, closer.Causes)
	require.Len(t, closer.Refined, int(numRefinements))
	before := closer.Policies[Ours].Hits
	for _, f := range closer.Refined {
		require.GreaterOrEqual(t, f.Hits, before)
		before = f.Hits
	}
	require.Greater(t, before, closer.Policies[Ours].Hits)
	require.LessOrEqual(t, before, closer.Policies[Ours].Hits+closer.Policies[Ours].Needless)
}
