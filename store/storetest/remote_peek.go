package storetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// peek: an entry can be read as it was stored, whatever became of it since. A
// remote level need not have the ability.
func (t *remoteTest) peek() {
	peeker, ok := t.Remote.(cache.RemotePeeker)
	if !ok {
		t.Skip("no cache.RemotePeeker")
	}
	peek := func(key cache.Key) *cache.RemotePeek {
		t.Helper()
		p, err := peeker.Peek(t.ctx(), key)
		require.NoError(t, err)
		return p
	}
	is := func(p *cache.RemotePeek, at cache.RemotePosition, payload string) {
		t.Helper()
		require.NotNil(t, p)
		require.Equal(t, at, p.RemotePosition)
		require.Equal(t, payload, string(p.Payload))
		require.Greater(t, p.TTL, ages-long)
		require.LessOrEqual(t, p.TTL, ages)
	}
	require.Nil(t, peek(Key(1)), "nothing is there")
	miss := t.miss(Key(1))
	at := t.commit(1, 9)
	stored := t.fillAs(cache.FillStored, miss, Key(1), "one", 7, 8).RemotePosition
	require.Equal(t, at, stored)
	is(peek(Key(1)), stored, "one")

	// Others' writes leave the position, also of an entry that is valid no more.
	t.commit(2, 9)
	is(peek(Key(1)), stored, "one")
	t.begin(3, long, 7)
	is(peek(Key(1)), stored, "one")
	require.Nil(t, peek(Key(2)))
	at = t.commit(3, 7)
	is(peek(Key(1)), stored, "one")

	// What takes its place has a position of its own.
	t.fillAs(cache.FillStored, t.miss(Key(1)), Key(1), "", 7)
	is(peek(Key(1)), at, "")

	// It is that of the epoch in which it was stored, and no epoch is begun.
	t.EvictState()
	is(peek(Key(1)), at, "")
	next, err := t.Handshake(t.ctx())
	require.NoError(t, err)
	require.NotEqual(t, at.Epoch, next.Epoch)
	is(peek(Key(1)), at, "")
	t.EvictEntry(Key(1))
	require.Nil(t, peek(Key(1)))

	ctx, cancel := context.WithCancel(t.ctx())
	cancel()
	_, err = peeker.Peek(ctx, Key(1))
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, t.Close())
	_, err = peeker.Peek(t.ctx(), Key(1))
	require.ErrorIs(t, err, cache.ErrClosed)
}
