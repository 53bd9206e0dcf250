// Package crash names the points of the engine at which a process can be made to
// die, to stand still or to wait, to test what the others then see. With the build tag
// faults the environment says at which one; without the tag At does nothing and
// the compiler leaves the calls out.
package crash

// Env names the variable that says where a process ends: label:n kills it when
// it comes to the label for the n-th time, label:n:stop makes it stand still
// until SIGCONT, and label:n:50ms makes every n-th that comes there wait that
// long. Without it, or without the build tag faults, At does nothing.
const Env = "ENTCACHE_CRASH_AT"

// The points.
const (
	// AnnounceBefore: a write's facts are held in the process, and nobody else
	// knows of it.
	AnnounceBefore = "announce.before"
	// AnnounceAfter: the remote level has answered, and the database hasn't been
	// asked to commit.
	AnnounceAfter = "announce.after"
	// CommitAfter: the database has answered, and the write isn't recorded.
	CommitAfter = "commit.after"
	// RecordAfter: the write is recorded at the remote level.
	RecordAfter = "record.after"
	// FillBefore: the database was read, and nothing is stored.
	FillBefore = "fill.before"
	// FillAfter: the remote level has answered the fill, and the near level
	// doesn't have it.
	FillAfter = "fill.after"
)

// Labels returns the points.
func Labels() []string {
	return []string{AnnounceBefore, AnnounceAfter, CommitAfter, RecordAfter, FillBefore, FillAfter}
}
