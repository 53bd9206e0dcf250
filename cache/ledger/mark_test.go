package ledger

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMark(t *testing.T) {
	l := New(ways)
	assert.Equal(t, Mark{}, l.Mark(1), "never touched")
	first := l.Touch(facts(0, 1))
	assert.Equal(t, Mark{Position: first, Exact: true}, l.Mark(1))
	assert.Equal(t, Mark{Position: first, Exact: true}, l.Mark(0))
	l.Hold(facts(1))
	assert.Equal(t, Mark{Position: first, Held: true, Exact: true}, l.Mark(1))
	second := l.Release(facts(1), facts(1))
	assert.Equal(t, Mark{Position: second, Exact: true}, l.Mark(1))

	l.Hold(facts(1, 2))
	l.Release(facts(1, 2), nil)
	assert.Equal(t, Mark{Position: second, Exact: true}, l.Mark(1), "it wasn't touched")
	assert.Equal(t, Mark{}, l.Mark(2))

	more := same(l, 2*ways)
	for _, f := range more {
		l.Touch(facts(f + 100))
	}
	m := l.Mark(1)
	assert.False(t, m.Exact, "it was forgotten")
	assert.GreaterOrEqual(t, m.Position, second)

	floor, all := l.Floor()
	assert.Zero(t, floor)
	assert.False(t, all)
	n := l.Reset()
	l.Hold(more)
	floor, all = l.Floor()
	assert.Equal(t, n, floor)
	assert.True(t, all)
}
