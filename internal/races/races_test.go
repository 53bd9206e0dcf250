// Package races drives the cache through interleavings of reads and writes,
// one script of testdata for each race.
//
// A line of a script is a step: an actor, a colon and what it does, perhaps
// "until" a point at which it stops; "continue" lets it go on from there. Below
// a step, indented, stands what happened until every actor had ended, stopped or
// was waiting for another. The other steps are for all: "advance 6m" lets time
// go by, "purge" empties the near level, "invalidate all" and "invalidate track
// 1" are those of the cache. Run with -update to write what happens into the
// scripts.
//
// The database has the genres 1 and 2, the album 1 with the tracks 1 and 2 of
// genre 1 and 3 of genre 2, which cost 10, 20 and 30, and the playlist 1 with
// track 1.
//
// Whatever stands in a script, a result that the database didn't hold at some
// time while it was read fails the test. Each script is played with the level of
// typed values and without it. Where the level makes a difference to what happened,
// lines begin with "rows: " for what did without it, and with "values: "; to let an
// actor go on that would have stopped at the point "value" is then no step at all.
package races

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"entgo.io/ent/dialect"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/interceptor"
	"github.com/entcache/ent-cache/internal/testdb"
)

var update = flag.Bool("update", false, "write what happens into the scripts")

func TestRaces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			play := func(noValues bool) (got []step) {
				synctest.Test(t, func(t *testing.T) { got = newStage(t, noValues).play(string(text)) })
				return got
			}
			got := written(play(true), play(false))
			if *update {
				text = []byte(got)
				require.NoError(t, os.WriteFile(file, text, 0o644))
			}
			require.Equal(t, string(text), got)
		})
	}
}

// step is a line of a script with what happened.
type step struct {
	line   string
	events []string
}

// written returns the script that was played without values and with them.
func written(rows, values []step) string {
	var b strings.Builder
	write := func(prefix string, events []string) {
		for _, e := range events {
			b.WriteString("  " + prefix + e + "\n")
		}
	}
	for i, s := range rows {
		b.WriteString(s.line + "\n")
		if slices.Equal(s.events, values[i].events) {
			write("", s.events)
			continue
		}
		write("rows: ", s.events)
		write("values: ", values[i].events)
	}
	return b.String()
}

// stage is where a script is played.
type stage struct {
	t      *testing.T
	rows   bool // without values
	cache  *cache.Cache
	near   *near
	cached *ent.Client // through the gate and the cache
	plain  *ent.Client
	actors map[string]*actor
	names  []string
	said   []string
	reads  map[string]reading
}

func newStage(t *testing.T, noValues bool) *stage {
	drv := testdb.Driver(t, dialect.SQLite)
	s := &stage{t: t, rows: noValues, actors: make(map[string]*actor), reads: make(map[string]reading), plain: ent.NewClient(ent.Driver(drv))}
	s.near = &near{entries: make(map[cache.Key]nearEntry), wanting: s.wanting}
	var err error
	s.cache, err = cache.New(cache.Options{Near: s.near, NoValues: noValues})
	require.NoError(t, err)
	s.cached = ent.NewClient(ent.Driver(&gate{Driver: drv}))
	s.cached.Intercept(interceptor.New(s.cache))
	s.cached.Use(func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			v, err := next.Mutate(ctx, m)
			if fault := actorOf(ctx).pass(inHook); fault != nil {
				return nil, fault
			}
			return v, err
		})
	})
	seed(t, s.plain)
	return s
}

func seed(t *testing.T, c *ent.Client) {
	ctx := context.Background()
	require.NoError(t, c.Schema.Create(ctx))
	c.MediaType.Create().SetName("file").ExecX(ctx)
	c.Genre.CreateBulk(c.Genre.Create().SetName("jazz"), c.Genre.Create().SetName("rock")).ExecX(ctx)
	ar := c.Artist.Create().SetName("somebody").SaveX(ctx)
	c.Album.Create().SetTitle("first").SetArtistID(ar.ID).ExecX(ctx)
	for i, genre := range []int{1, 1, 2} {
		c.Track.Create().SetName(fmt.Sprint("track ", i+1)).SetMilliseconds(1).SetMediaTypeID(1).SetAlbumID(1).
			SetGenreID(genre).SetUnitPrice(int64(i+1) * 10).ExecX(ctx)
	}
	c.Playlist.Create().SetName("best").AddTrackIDs(1).ExecX(ctx)
}

// wanting is the actor that wants to be stopped at a point of the near level.
func (s *stage) wanting(point string) *actor {
	for _, name := range s.names {
		a := s.actors[name]
		a.mu.Lock()
		stop := a.busy && a.at == "" && a.until == point
		a.mu.Unlock()
		if stop {
			return a
		}
	}
	return nil
}

// play plays a script and returns it with what happened.
func (s *stage) play(script string) (steps []step) {
	for _, line := range strings.Split(strings.TrimRight(script, "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue // what happened the last time
		}
		if line == "" || strings.HasPrefix(line, "#") {
			steps = append(steps, step{line: line})
			continue
		}
		s.sample()
		s.step(line)
		steps = append(steps, step{line, s.events()})
	}
	s.finish()
	return steps
}

// step does one line of a script.
func (s *stage) step(line string) {
	name, command, ok := strings.Cut(line, ": ")
	if !ok {
		require.NoError(s.t, s.global(line), line)
		return
	}
	a := s.actor(name)
	command, until, _ := strings.Cut(command, " until ")
	require.True(s.t, until == "" || slices.Contains(points, until), line)
	verb, rest, _ := strings.Cut(command, " ")
	a.mu.Lock()
	defer a.mu.Unlock()
	switch verb {
	case "continue":
		if s.rows && a.at == "" && a.unmet == atValue {
			a.unmet = ""
			return
		}
		require.NotEmpty(s.t, a.at, "%s: %s isn't stopped", line, name)
		a.at, a.until, a.unmet, a.told = "", until, until, ""
		a.resume <- struct{}{}
	case "cancel":
		a.cancel()
		if a.cancelTx != nil {
			a.cancelTx()
		}
	case "fail", "panic":
		require.Contains(s.t, points, rest, line)
		a.faults[rest] = map[string]string{"fail": "error", "panic": "panic"}[verb]
	default:
		require.False(s.t, a.busy, "%s: %s is busy", line, name)
		op, err := s.operation(command)
		require.NoError(s.t, err, line)
		a.busy, a.until, a.unmet, a.read, a.seen = true, until, until, op.read, nil
		if op.read != nil {
			s.reads[command] = op.read
		}
		if a.tx != nil {
			a.read = nil // what a transaction sees others don't
		}
		a.look(s)
		a.ops <- op
	}
}

// global does a step that no actor does.
func (s *stage) global(line string) error {
	words, n := numbered(line)
	switch {
	case words == "purge":
		s.near.Purge()
		time.Sleep(time.Second) // for which rows are handed on past it
	case words == "invalidate all":
		s.cache.InvalidateAll(context.Background())
	case words == "invalidate track":
		return s.cache.InvalidateIDs(context.Background(), "Track", n[0])
	case strings.HasPrefix(words, "advance "):
		d, err := time.ParseDuration(strings.TrimPrefix(words, "advance "))
		time.Sleep(d)
		return err
	default:
		return fmt.Errorf("unknown step")
	}
	return nil
}

func (s *stage) actor(name string) *actor {
	a := s.actors[name]
	if a == nil {
		a = &actor{name: name, ops: make(chan operation, 1), resume: make(chan struct{}, 1), faults: make(map[string]string)}
		s.actors[name] = a
		s.names = append(s.names, name)
		slices.Sort(s.names)
		go a.loop()
	}
	return a
}

func (s *stage) say(line string) { s.said = append(s.said, line) }

// events waits until nothing moves any more and tells what became of the actors.
func (s *stage) events() []string {
	synctest.Wait()
	s.sample()
	lines := s.said
	s.said = nil
	for _, name := range s.names {
		a := s.actors[name]
		a.mu.Lock()
		switch {
		case a.result != "":
			lines = append(lines, fmt.Sprintf("%s: %s", name, a.result))
			s.check(a)
			a.result, a.seen, a.cancel = "", nil, nil
			a.told = ""
		case a.busy && a.at != "":
			lines = a.tell(lines, name+" is stopped at "+a.at)
		case a.busy:
			lines = a.tell(lines, name+" waits")
		}
		a.mu.Unlock()
	}
	return lines
}

// tell adds a line unless it would say the same again.
func (a *actor) tell(lines []string, line string) []string {
	if a.told == line {
		return lines
	}
	a.told = line
	return append(lines, line)
}

// sample looks up what the reads that are under way could rightly return now.
func (s *stage) sample() {
	for _, name := range s.names {
		a := s.actors[name]
		a.mu.Lock()
		a.look(s)
		a.mu.Unlock()
	}
}

func (a *actor) look(s *stage) {
	if a.read == nil {
		return
	}
	answer, err := a.read(context.Background(), s.plain)
	require.NoError(s.t, err)
	a.seen = append(a.seen, answer)
}

// check fails the test if the result of a read was never right.
func (s *stage) check(a *actor) {
	if a.read == nil || strings.HasPrefix(a.result, "error: ") || strings.HasPrefix(a.result, "panic: ") {
		return
	}
	answer, _, _ := strings.Cut(a.result, " (")
	if !slices.Contains(a.seen, answer) {
		s.t.Errorf("%s was told %q, but the database held %q while it read", a.name, answer, a.seen)
	}
	a.read = nil
}

// finish ends the actors and compares every read of the script once more with
// the database.
func (s *stage) finish() {
	for _, name := range s.names {
		a := s.actors[name]
		require.False(s.t, a.busy, "%s isn't done when the script ends", name)
		require.Nil(s.t, a.tx, "%s has an open transaction when the script ends", name)
		close(a.ops)
	}
	ctx := context.Background()
	for command, read := range s.reads {
		for range 2 {
			got, err := read(ctx, s.cached)
			require.NoError(s.t, err)
			want, err := read(ctx, s.plain)
			require.NoError(s.t, err)
			require.Equal(s.t, want, got, "%s after the script", command)
		}
	}
	_ = s.cache.Close()
}
