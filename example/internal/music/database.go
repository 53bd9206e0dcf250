package music

import (
	"net/url"
	"path/filepath"
)

// Indexes are what a shop would have anyway, so that the uncached reads don't
// look slower than they are: Ent makes none for foreign keys.
var Indexes = []string{
	"CREATE INDEX albums_artist ON albums (artist_id)",
	"CREATE INDEX tracks_album ON tracks (album_id)",
	"CREATE INDEX tracks_genre ON tracks (genre_id, status, name)",
	"CREATE INDEX customers_rep ON customers (support_rep_id)",
	"CREATE INDEX invoices_customer ON invoices (customer_id)",
	"CREATE INDEX lines_invoice ON invoice_lines (invoice_id)",
	"CREATE INDEX lines_track ON invoice_lines (track_id)",
}

// SQLite returns the name under which the driver "sqlite" opens a file. Readers
// of it go on while one transaction writes, and another one waits for that.
func SQLite(path string) string {
	q := url.Values{
		"_pragma":      {"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)", "synchronous(NORMAL)"},
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
		"_timezone":    {"UTC"},
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + q.Encode()
}
