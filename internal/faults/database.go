package faults

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	ent "github.com/entcache/ent-cache/internal/schemas/versions/ent"
)

// judgeDB is the parent's uncached look at the database.
type judgeDB struct {
	db *sql.DB
	// last is the newest entry of the log that was read.
	last int
}

// setUp creates the schema, the log with its triggers, and the first versions.
func (d *judgeDB) setUp(ctx context.Context, dialectName string, size Size) error {
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialectName, d.db)))
	if err := client.Schema.Create(ctx); err != nil {
		return err
	}
	statements := append(logTable(dialectName), logTriggers(dialectName)...)
	from, to := size.shelves()
	for key := from; key < to; key++ {
		statements = append(statements, fmt.Sprintf("INSERT INTO shelves (id, ver, nonce) VALUES (%d, 1, '%s')", key, nonce(0, key)))
	}
	from, to = size.items()
	for key := from; key < to; key++ {
		statements = append(statements, fmt.Sprintf("INSERT INTO items (id, ver, nonce, shelf_id) VALUES (%d, 1, '%s', %d)", key, nonce(0, key), 1+key%size.Shelves))
	}
	for _, s := range statements {
		if _, err := d.db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("entcache: %s: %w", s, err)
		}
	}
	return nil
}

func logTable(dialectName string) []string {
	seq := map[string]string{
		dialect.SQLite:   "seq INTEGER PRIMARY KEY AUTOINCREMENT",
		dialect.Postgres: "seq BIGSERIAL PRIMARY KEY",
		dialect.MySQL:    "seq BIGINT AUTO_INCREMENT PRIMARY KEY",
	}[dialectName]
	return []string{
		"CREATE TABLE version_log (" + seq + ", k INT NOT NULL, ver INT NOT NULL, nonce VARCHAR(60) NOT NULL, shelf INT NOT NULL, present INT NOT NULL)",
		"CREATE UNIQUE INDEX version_log_k_ver ON version_log (k, ver)",
	}
}

// logTriggers note every version in the transaction that makes it. A deletion is
// a version too.
func logTriggers(dialectName string) []string {
	var out []string
	for _, table := range []struct{ name, shelf string }{{"items", ".shelf_id"}, {"shelves", ""}} {
		for _, op := range []string{"INSERT", "UPDATE", "DELETE"} {
			row, ver, text, present := "NEW", "NEW.ver", "NEW.nonce", 1
			if op == "DELETE" {
				row, ver, text, present = "OLD", "OLD.ver + 1", "'"+deleted+"' || OLD.nonce", 0
				if dialectName == dialect.MySQL {
					text = "CONCAT('" + deleted + "', OLD.nonce)"
				}
			}
			shelf := "0"
			if table.shelf != "" {
				shelf = row + table.shelf
			}
			name := "log_" + table.name + "_" + op
			insert := fmt.Sprintf("INSERT INTO version_log (k, ver, nonce, shelf, present) VALUES (%s.id, %s, %s, %s, %d)", row, ver, text, shelf, present)
			on := fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH ROW ", name, op, table.name)
			switch dialectName {
			case dialect.Postgres:
				out = append(out,
					"CREATE FUNCTION "+name+"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+insert+"; RETURN NULL; END $$",
					on+"EXECUTE FUNCTION "+name+"()")
			case dialect.MySQL:
				out = append(out, on+insert)
			default:
				out = append(out, on+"BEGIN "+insert+"; END")
			}
		}
	}
	return out
}

// fresh returns what the log has got since the last call. No write may be
// running: one that commits later may have an earlier place.
func (d *judgeDB) fresh(ctx context.Context) ([]LogRow, error) {
	rows, err := d.db.QueryContext(ctx, fmt.Sprintf("SELECT seq, k, ver, nonce, shelf, present FROM version_log WHERE seq > %d ORDER BY seq", d.last))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []LogRow
	for rows.Next() {
		var r LogRow
		var present int
		if err := rows.Scan(&r.Seq, &r.Key, &r.Ver, &r.Nonce, &r.Shelf, &present); err != nil {
			return nil, err
		}
		r.Present = present == 1
		out = append(out, r)
		d.last = r.Seq
	}
	return out, rows.Err()
}

// rows returns all items or all shelves.
func (d *judgeDB) rows(ctx context.Context, of Of) ([]Row, error) {
	table := "items"
	if of == AllShelves {
		table = "shelves"
	}
	rows, err := d.db.QueryContext(ctx, "SELECT id, ver, nonce FROM "+table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Row
	for rows.Next() {
		var r Row
		if err := rows.Scan(&r.Key, &r.Ver, &r.Nonce); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// contradictions compares the tables with the end of the log: it must have seen
// every write.
func (h *History) contradictions(rows []Row) []Violation {
	var wrong []Violation
	there := make(map[int]Row, len(rows))
	for _, r := range rows {
		there[r.Key] = r
	}
	for key, vs := range h.versions {
		last := vs[len(vs)-1]
		r, ok := there[key]
		if ok != last.Present || ok && (r.Ver != last.Ver || r.Nonce != last.Nonce) {
			wrong = append(wrong, Violation{What: BrokenLog, Key: key, Detail: fmt.Sprintf("key %d: the log ends with version %d %q, the table has %v", key, last.Ver, last.Nonce, r)})
		}
	}
	slices.SortFunc(wrong, func(a, b Violation) int { return a.Key - b.Key })
	return wrong
}
