package benchmarks

import (
	"context"
	"flag"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/entcache/ent-cache/cache"
	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/ent/track"
	"github.com/entcache/ent-cache/store/memstore"
)

var soakWrites = flag.Int("writes", 1000, "how many `writes` the soak test makes")

// TestSoak writes and reads many different rows: whatever the number of writes,
// the store stays in its bound, and the heap in that of the store, the ledger
// and what the program itself needs.
func TestSoak(t *testing.T) {
	const (
		nearBytes   = 256 << 10
		ledgerFacts = 1 << 12
		// What Ent, SQLite and the test hold for a while; a leak of a hundred
		// bytes a write passes it in a long run.
		slack = 8 << 20
		// The least an entry counts for.
		entryBytes = 256
	)
	ctx := context.Background()
	s, err := Open(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := heap()
	near := memstore.New(nearBytes)
	client, c, err := s.Client(cache.Options{Near: near, LedgerFacts: ledgerFacts})
	if err != nil {
		t.Fatal(err)
	}

	random := rand.New(rand.NewPCG(3, 4))
	check := func(writes int) {
		if size := near.Size(); size > nearBytes {
			t.Fatalf("after %d writes the store holds %d bytes, more than %d", writes, size, nearBytes)
		}
		if n := near.Len(); n > nearBytes/entryBytes {
			t.Fatalf("after %d writes the store holds %d entries", writes, n)
		}
		if now := heap(); now > before+2*nearBytes+64*ledgerFacts+slack {
			t.Fatalf("after %d writes the heap has grown from %d bytes to %d", writes, before, now)
		}
	}
	for i := 1; i <= *soakWrites; i++ {
		if err := soakWrite(ctx, client, random); err != nil {
			t.Fatal(err)
		}
		if err := soakRead(ctx, client, random); err != nil {
			t.Fatal(err)
		}
		if i%max(1, *soakWrites/20) == 0 {
			check(i)
		}
	}
	stats := c.Stats()
	total := stats.Total()
	t.Logf("%d writes, position %d, hit ratio %.2f, %d fills of %d bytes, %d invalidated; %d entries of %d bytes now, heap %d → %d",
		*soakWrites, stats.Position, total.HitRatio(), total.Fills, total.Bytes, total.Invalidated, stats.Entries, stats.Bytes, before, heap())
	if total.Bytes < 3*nearBytes || total.Invalidated == 0 {
		t.Errorf("the soak fills too little to meet the bound: %+v", total)
	}
	if stats.Invalidations < uint64(*soakWrites) {
		t.Errorf("%d writes and %d invalidations", *soakWrites, stats.Invalidations)
	}
}

func soakWrite(ctx context.Context, client *ent.Client, random *rand.Rand) error {
	switch id := 1 + random.IntN(Tracks); random.IntN(40) {
	case 0:
		t, err := client.Track.Create().SetName("Soak").SetMilliseconds(1).SetUnitPrice(1).SetMediaTypeID(1).SetAlbumID(1 + random.IntN(Albums)).Save(ctx)
		if err != nil {
			return err
		}
		return client.Track.DeleteOneID(t.ID).Exec(ctx)
	case 1:
		return client.Track.UpdateOneID(id).SetAlbumID(1 + random.IntN(Albums)).Exec(ctx)
	case 2:
		// No row is of that album, so this touches the table and nothing else.
		return client.Track.Update().Where(track.AlbumID(-1)).SetStock(0).Exec(ctx)
	default:
		return client.Track.UpdateOneID(id).SetStock(random.IntN(100)).Exec(ctx)
	}
}

// soakRead reads what few reads before it have read, and what many have.
func soakRead(ctx context.Context, client *ent.Client, random *rand.Rand) error {
	if _, err := client.Track.Get(ctx, 1+random.IntN(Tracks)); err != nil {
		return err
	}
	if _, err := client.Track.Get(ctx, 1+random.IntN(20)); err != nil {
		return err
	}
	if _, err := client.Album.Get(ctx, 1+random.IntN(Albums)); err != nil {
		return err
	}
	if random.IntN(16) > 0 {
		return nil
	}
	// Foreign keys have no index in SQLite: this reads the whole table.
	_, err := client.Track.Query().Where(track.AlbumID(1 + random.IntN(Albums))).All(ctx)
	return err
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first moved to the second generation of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
