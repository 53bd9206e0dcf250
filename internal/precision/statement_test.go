package precision

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTablesOf(t *testing.T) {
	for query, want := range map[string][]string{
		"SELECT `tracks`.`id` FROM `tracks` WHERE `tracks`.`id` = ?": {"tracks"},
		"SELECT COUNT(`tracks`.`id`) FROM `tracks` JOIN (SELECT `playlist_tracks`.`track_id` FROM `playlist_tracks` WHERE `playlist_tracks`.`playlist_id` = ?) AS `t1` ON `tracks`.`id` = `t1`.`track_id`": {"tracks", "playlist_tracks"},
		"SELECT `items`.`id` FROM `items` WHERE `items`.`author_id` IN (SELECT `users`.`id` FROM `users` WHERE `users`.`id` IN (SELECT `t1`.`user_id` FROM `users` AS `t1`))":                              {"items", "users"},
	} {
		require.Equal(t, want, tablesOf(nil, query), query)
	}
}

func TestParseChange(t *testing.T) {
	for _, test := range []struct {
		query string
		args  []any
		want  *change
	}{
		{"SELECT `tracks`.`id` FROM `tracks` WHERE `tracks`.`id` = ?", []any{1}, nil},
		{
			"INSERT INTO `jobs` (`queue`, `worker_id`, `payload`) VALUES (?, NULL, ?), (?, ?, ?) RETURNING `id`", []any{"a", "b", "c", 2, "d"},
			&change{
				verb: "insert", table: "jobs", set: []string{"queue", "worker_id", "payload"}, where: map[string][]any{},
				rows: []map[string]any{{"queue": "a", "worker_id": nil, "payload": "b"}, {"queue": "c", "worker_id": 2, "payload": "d"}},
			},
		},
		{
			"INSERT INTO `follows` (`user_id`, `follower_id`) VALUES (?, ?) ON CONFLICT DO NOTHING", []any{1, 2},
			&change{
				verb: "insert", table: "follows", set: []string{"user_id", "follower_id"}, where: map[string][]any{},
				rows: []map[string]any{{"user_id": 1, "follower_id": 2}},
			},
		},
		{
			"UPDATE `tracks` SET `stock` = COALESCE(`tracks`.`stock`, 0) + ?, `album_id` = NULL WHERE `tracks`.`stock` >= ? AND `id` = ? RETURNING `id`, `name`", []any{-1, 1, 7},
			&change{
				verb: "update", table: "tracks", set: []string{"stock", "album_id"}, where: map[string][]any{"id": {7}},
				rows: []map[string]any{{"stock": -1, "album_id": nil}},
			},
		},
		{
			"UPDATE `tracks` SET `unit_price` = ? WHERE `tracks`.`genre_id` = ? AND `tracks`.`unit_price` < ?", []any{9, 3, 300},
			&change{
				verb: "update", table: "tracks", set: []string{"unit_price"}, where: map[string][]any{"genre_id": {3}},
				rows: []map[string]any{{"unit_price": 9}},
			},
		},
		{
			"DELETE FROM `follows` WHERE `user_id` = ? AND `follower_id` IN (?, ?)", []any{1, 2, 3},
			&change{verb: "delete", table: "follows", where: map[string][]any{"user_id": {1}, "follower_id": {2, 3}}},
		},
		{
			"DELETE FROM `jobs` WHERE (`id` = ? OR `queue` = ?) AND `status` = ?", []any{1, "a", "done"},
			&change{verb: "delete", table: "jobs", where: map[string][]any{"status": {"done"}}},
		},
		{"DELETE FROM `jobs`", nil, &change{verb: "delete", table: "jobs", where: map[string][]any{}}},
	} {
		got, err := parseChange(statement{test.query, test.args})
		require.NoError(t, err)
		require.Equal(t, test.want, got, test.query)
	}
}

// What isn't understood must not be counted as something else.
func TestParseChangeRefuses(t *testing.T) {
	for _, s := range []statement{
		{"DELETE FROM `jobs` WHERE `id` = ? OR `queue` = ?", []any{1, "a"}},
		{"UPDATE `jobs` SET `queue` = ? WHERE `id` = ? AND `status` = ?", []any{"a", 1}},
		{"INSERT INTO `jobs` (`id`) VALUES (?) ON CONFLICT (`id`) DO UPDATE SET `id` = `excluded`.`id`", []any{1}},
		{"INSERT INTO `jobs` DEFAULT VALUES", nil},
	} {
		_, err := parseChange(s)
		require.Error(t, err, s.query)
	}
}
