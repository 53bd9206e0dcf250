package oracle

import (
	"math/rand/v2"
)

// generator makes lists of operations from a seed.
type generator struct {
	m      *model
	rng    *rand.Rand
	focus  []*typ // types most operations of this list are about
	recent []Op   // reads to repeat
	inTx   bool
	seen   []Op // reads during the transaction that is open
	hot    byte
	raw    bool // some writes are raw
	done   int  // how much of the list, in a hundred
}

// Generate makes a list of about n operations for a database. The same seed
// makes the same list. One in four is for a cache without typed values.
func Generate(d *Database, seed uint64, n int) List { return generate(d, seed, n, false) }

func generate(d *Database, seed uint64, n int, raw bool) List {
	g := &generator{m: d.model, rng: rand.New(rand.NewPCG(seed, 0x6f7261636c65)), raw: raw}
	ledger := [...]int{4096, 4096, 256, 16}[g.rng.IntN(4)]
	return List{Domain: d.Name, Ledger: ledger, RowsOnly: seed%4 == 0, Raw: raw, Ops: g.list(n)}
}

func (g *generator) list(n int) []Op {
	g.chooseFocus()
	ops := g.rows()
	for len(ops) < n {
		g.done = 100 * len(ops) / n
		ops = append(ops, g.op())
	}
	return ops
}

// chooseFocus picks a type and some of its neighbours: reads and writes of few
// types meet more often.
func (g *generator) chooseFocus() {
	g.hot = byte(1 + g.rng.IntN(255))
	t := g.m.types[g.rng.IntN(len(g.m.types))]
	for !t.cached {
		t = g.m.types[g.rng.IntN(len(g.m.types))]
	}
	g.focus = []*typ{t}
	for range 3 {
		t := g.focus[g.rng.IntN(len(g.focus))]
		if len(t.edges) > 0 {
			c := &choices{hot: uint64(g.hot), data: []byte{0, byte(g.rng.Uint32())}}
			g.focus = append(g.focus, t.edge(c).target)
		}
	}
}

func (g *generator) typ() string {
	if g.rng.IntN(5) == 0 {
		return g.m.types[g.rng.IntN(len(g.m.types))].Name
	}
	return g.focus[g.rng.IntN(len(g.focus))].Name
}

// rows creates some rows of every type, those first that others need.
func (g *generator) rows() []Op {
	var (
		ops  []Op
		done = make(map[*typ]bool)
		add  func(t *typ)
	)
	add = func(t *typ) {
		if done[t] {
			return
		}
		done[t] = true
		for _, e := range t.edges {
			if e.Required {
				add(e.target)
			}
		}
		if t.View {
			return
		}
		for range 5 + g.rng.IntN(6) {
			ops = append(ops, Op{Kind: Create, Type: t.Name, Data: g.data(8, 36)})
		}
	}
	for _, t := range g.m.types {
		add(t)
	}
	return ops
}

// preamble is how many bytes of data a run reads before the byte of hot fields:
// see run.read and run.write.
const preamble = 4

func (g *generator) data(least, most int) []byte {
	b := make([]byte, preamble+1+least+g.rng.IntN(most-least+1))
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	b[preamble] = g.hot
	return b
}

// Shares of kinds of operations, in a hundred.
const (
	readShare  = 83
	repeated   = 94 // of the reads
	maxRepeats = 12
)

func (g *generator) op() Op {
	if g.inTx && g.rng.IntN(6) == 0 {
		g.inTx = false
		if g.rng.IntN(3) == 0 {
			return Op{Kind: Rollback}
		}
		return Op{Kind: Commit}
	}
	if n := len(g.seen); n > 0 && !g.inTx {
		// What was read while the transaction was open is read again.
		op := g.seen[n-1]
		g.seen = g.seen[:n-1]
		return op
	}
	switch n := g.rng.IntN(100); {
	case n < readShare && !(g.inTx && n < readShare/2):
		op := g.read()
		if g.inTx {
			g.seen = append(g.seen, op)
		}
		return op
	case n < readShare+2 && !g.inTx:
		g.inTx = true
		return g.begin()
	}
	return g.write()
}

// begin opens a transaction. What is written in one that hides behind an unknown
// driver isn't cached any more, so those come late in a list.
func (g *generator) begin() Op {
	way, hidden := g.rng.IntN(foreignWay), 0
	switch n := g.rng.IntN(20); {
	case n < 3:
		way = foreignWay
	case n < 9 && g.done > 85:
		way, hidden = foreignWay, 1
	}
	return Op{Kind: Begin, Data: []byte{byte(way), byte(hidden), byte(g.rng.IntN(3))}}
}

func (g *generator) read() Op {
	if len(g.recent) > 0 && g.rng.IntN(100) < repeated {
		return g.recent[g.rng.IntN(len(g.recent))]
	}
	op := Op{Kind: Read, Type: g.typ()}
	switch n := g.rng.IntN(6); {
	case n == 0 && len(g.recent) > 0:
		// One that is almost like another: other arguments, another bound.
		op = g.recent[g.rng.IntN(len(g.recent))]
		op.Data = append([]byte{}, op.Data...)
		op.Data[preamble+1+g.rng.IntN(len(op.Data)-preamble-1)] ^= byte(1 << g.rng.IntN(8))
	case n < 3:
		op.Data = g.data(4, 12)
	default:
		op.Data = g.data(12, 48)
	}
	if len(g.recent) < maxRepeats {
		g.recent = append(g.recent, op)
	} else {
		g.recent[g.rng.IntN(maxRepeats)] = op
	}
	return op
}

// writes are the kinds of writes, those that are common more than once.
var writes = []Kind{
	Create, Create, Create, CreateBulk, Upsert, Upsert, Update, Update, UpdateOne, UpdateOne, UpdateOne, UpdateOne, UpdateOne,
	UpdateOne, DeleteOne, DeleteOne, Delete,
}

func (g *generator) write() Op {
	if g.raw && g.rng.IntN(2) == 0 {
		return Op{Kind: Raw, Type: g.typ(), Data: g.data(6, 40)}
	}
	return Op{Kind: writes[g.rng.IntN(len(writes))], Type: g.typ(), Data: g.data(6, 40)}
}
