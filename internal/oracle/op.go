package oracle

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of an operation.
type Kind uint8

// The kinds of operations.
const (
	Read Kind = iota + 1
	Create
	CreateBulk
	Upsert
	Update
	UpdateOne
	Delete
	DeleteOne
	Raw
	Begin
	Commit
	Rollback
)

var kindNames = [...]string{
	Read: "read", Create: "create", CreateBulk: "create-bulk", Upsert: "upsert", Update: "update", UpdateOne: "update-one",
	Delete: "delete", DeleteOne: "delete-one", Raw: "raw", Begin: "begin", Commit: "commit", Rollback: "rollback",
}

// String returns the kind's name.
func (k Kind) String() string { return kindNames[k] }

// Op is one operation. It means the same wherever it stands: Data decides every
// choice that is made while it runs, byte by byte; a byte that is missing is
// zero, and zero is the simplest choice there is. So operations can be left
// out, repeated and cut short.
type Op struct {
	Kind Kind
	Type string
	Data []byte
}

// String returns the operation as one line of a replay file.
func (o Op) String() string {
	if o.Kind >= Begin {
		return strings.TrimSuffix(fmt.Sprintf("%s - %x", o.Kind, o.Data), " ")
	}
	return strings.TrimSuffix(fmt.Sprintf("%s %s %x", o.Kind, o.Type, o.Data), " ")
}

// List is a list of operations with what it takes to repeat it.
type List struct {
	Domain string
	// Ledger is how many facts the cache's ledger remembers: with few, writes
	// often push others out.
	Ledger int
	// Processes is how many caches the operations are spread over, one if it is
	// less than two. Their reads are Strict, or with Tokens carry the token of
	// the last write.
	Processes int
	Tokens    bool
	// RowsOnly switches the level of typed values off.
	RowsOnly bool
	// Raw says that some writes are statements that no hook sees, and that the
	// cached clients have drivers that read them.
	Raw bool
	Ops []Op
}

// Write writes the list as a replay file.
func (l List) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "domain %s\nledger %d\n", l.Domain, l.Ledger)
	if l.Processes > 1 {
		fmt.Fprintf(b, "processes %d\n", l.Processes)
	}
	if l.Tokens {
		fmt.Fprintln(b, "tokens")
	}
	if l.RowsOnly {
		fmt.Fprintln(b, "rows only")
	}
	if l.Raw {
		fmt.Fprintln(b, "raw")
	}
	for _, o := range l.Ops {
		fmt.Fprintln(b, o)
	}
	return b.Flush()
}

// Parse reads a replay file.
func Parse(r io.Reader) (l List, err error) {
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		f := strings.Fields(s.Text())
		switch {
		case len(f) == 0 || strings.HasPrefix(f[0], "#"):
		case f[0] == "domain" && len(f) == 2:
			l.Domain = f[1]
		case f[0] == "ledger" && len(f) == 2:
			if l.Ledger, err = strconv.Atoi(f[1]); err != nil {
				return l, fmt.Errorf("entcache: line %d: %w", n, err)
			}
		case f[0] == "processes" && len(f) == 2:
			if l.Processes, err = strconv.Atoi(f[1]); err != nil {
				return l, fmt.Errorf("entcache: line %d: %w", n, err)
			}
		case f[0] == "tokens" && len(f) == 1:
			l.Tokens = true
		case f[0] == "raw" && len(f) == 1:
			l.Raw = true
		case len(f) == 2 && f[0] == "rows" && f[1] == "only":
			l.RowsOnly = true
		case len(f) < 2 || !slices.Contains(kindNames[1:], f[0]):
			return l, fmt.Errorf("entcache: line %d isn't an operation: %q", n, s.Text())
		default:
			o := Op{Kind: Kind(slices.Index(kindNames[:], f[0])), Type: f[1]}
			if len(f) > 2 {
				if o.Data, err = hex.DecodeString(f[2]); err != nil {
					return l, fmt.Errorf("entcache: line %d: %w", n, err)
				}
			}
			l.Ops = append(l.Ops, o)
		}
	}
	return l, s.Err()
}

// choices hands out what Data decides.
type choices struct {
	data  []byte
	at    int
	hot   uint64
	write bool // what is chosen is a write
}

// n chooses one of 0 … n-1.
func (c *choices) n(n int) int {
	if n <= 1 {
		return 0
	}
	v := c.byte()
	if n > 256 {
		v = v<<8 | c.byte()
	}
	return v % n
}

// heat reads the byte that says which fields and edges are hot. All operations
// of a list share it, so that reads and writes are mostly about the same ones.
func (c *choices) heat() { c.hot = uint64(c.byte()) }

// hotOf chooses one of 0 … n-1, mostly one of the two that are hot among those
// that salt names.
func (c *choices) hotOf(salt string, n int) int {
	if c.hot == 0 || n <= 2 || c.rarely(4) {
		return c.n(n)
	}
	h := fnv.New64a()
	_, _ = h.Write(binary.AppendUvarint([]byte(salt), c.hot<<1|uint64(c.n(2))))
	return int(h.Sum64() % uint64(n))
}

// id chooses the number of an id that reads and references ask for. Low ones are
// hot.
func (c *choices) id() int {
	if c.n(2) == 1 {
		return 1 + c.n(3)
	}
	return 1 + c.n(ids+padded)
}

// rarely is true one time in n, and false if nothing is left to decide with.
func (c *choices) rarely(n int) bool { return c.n(n) == n-1 }

func (c *choices) byte() int {
	if c.at >= len(c.data) {
		return 0
	}
	c.at++
	return int(c.data[c.at-1])
}
