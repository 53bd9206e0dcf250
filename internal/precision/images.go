package precision

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// image is a row that an operation changed: as it was, and as it is. One of the two
// is nil for a row that is new or gone.
type image struct {
	table    string
	old, new map[string]any
	// bulk says that the operation found it by a condition.
	bulk bool
}

// id returns the row's id as a text, which is empty for a row of a join table.
func (i image) id() string {
	if v, ok := i.either()["id"]; ok {
		return text(v)
	}
	return ""
}

func (i image) either() map[string]any {
	if i.new != nil {
		return i.new
	}
	return i.old
}

// changed returns the columns that differ.
func (i image) changed() map[string]bool {
	changed := make(map[string]bool)
	for c := range i.either() {
		if i.old == nil || i.new == nil || i.old[c] != i.new[c] {
			changed[c] = true
		}
	}
	return changed
}

// follow lets triggers log each row that is changed from now on.
func (p *player) follow(ctx context.Context) error {
	rows, err := p.db.QueryContext(ctx, "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "+
		"WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid")
	if err != nil {
		return err
	}
	columns := make(map[string][]string)
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		columns[table] = append(columns[table], column)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	const create = "CREATE TABLE _images (seq INTEGER PRIMARY KEY, name TEXT NOT NULL, old TEXT, new TEXT)"
	if _, err := p.db.ExecContext(ctx, create); err != nil {
		return err
	}
	for table, list := range columns {
		object := func(which string) string {
			var pairs []string
			for _, c := range list {
				pairs = append(pairs, fmt.Sprintf("'%s', %s.`%s`", c, which, c))
			}
			return "json_object(" + strings.Join(pairs, ", ") + ")"
		}
		for verb, values := range map[string]string{
			"INSERT": "NULL, " + object("NEW"),
			"UPDATE": object("OLD") + ", " + object("NEW"),
			"DELETE": object("OLD") + ", NULL",
		} {
			trigger := fmt.Sprintf("CREATE TRIGGER `_%s_%s` AFTER %s ON `%s` BEGIN INSERT INTO _images (name, old, new) VALUES ('%s', %s); END",
				table, verb, verb, table, table, values)
			if _, err := p.db.ExecContext(ctx, trigger); err != nil {
				return fmt.Errorf("%s: %w", trigger, err)
			}
		}
	}
	return nil
}

// images returns the rows that were changed since the last call.
func (p *player) images(ctx context.Context, w write) ([]image, error) {
	rows, err := p.db.QueryContext(ctx, "DELETE FROM _images RETURNING seq, name, old, new")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var images []image
	for rows.Next() {
		var (
			seq      int
			i        image
			old, new *string
		)
		if err := rows.Scan(&seq, &i.table, &old, &new); err != nil {
			return nil, err
		}
		for from, to := range map[*string]*map[string]any{old: &i.old, new: &i.new} {
			if from == nil {
				continue
			}
			d := json.NewDecoder(strings.NewReader(*from))
			d.UseNumber()
			if err := d.Decode(to); err != nil {
				return nil, err
			}
		}
		i.bulk = !w.names(row{i.table, i.id()}) && i.old != nil && i.id() != ""
		images = append(images, i)
	}
	return images, rows.Err()
}

// names reports whether the write says which row it updates or deletes.
func (w write) names(r row) bool {
	for _, have := range w.rows {
		if have == r {
			return true
		}
	}
	return false
}
