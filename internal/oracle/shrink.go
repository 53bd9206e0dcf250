package oracle

import (
	"context"
	"errors"
	"time"
)

// Shrink leaves out operations, and parts of their data, as long as what is
// left still fails. It stops when nothing can be left out, or after a time.
func Shrink(ctx context.Context, d *Database, l List, limit time.Duration) List {
	deadline := time.Now().Add(limit)
	mismatch := func(ops []Op) (m *Mismatch) {
		if time.Now().After(deadline) {
			return nil
		}
		tried := l
		tried.Ops = ops
		_, err := Run(ctx, d, tried, false)
		errors.As(err, &m)
		return m
	}
	fails := func(ops []Op) bool { return mismatch(ops) != nil }
	if m := mismatch(l.Ops); m != nil && m.Index+1 < len(l.Ops) && fails(l.Ops[:m.Index+1]) {
		l.Ops = l.Ops[:m.Index+1]
	}
	l.Ops = withoutOps(l.Ops, fails)
	l.Ops = shorter(l.Ops, fails)
	l.Ops = withoutOps(l.Ops, fails)
	return l
}

// withoutOps leaves out runs of operations, long ones first (delta debugging).
func withoutOps(ops []Op, fails func([]Op) bool) []Op {
	for size := len(ops) / 2; size > 0; {
		smaller := false
		for at := 0; at+size <= len(ops); {
			rest := append(append([]Op{}, ops[:at]...), ops[at+size:]...)
			if fails(rest) {
				ops, smaller = rest, true
			} else {
				at += size
			}
		}
		if !smaller || size > len(ops) {
			size /= 2
		}
	}
	return ops
}

// shorter cuts the ends of the operations' data and makes bytes zero.
func shorter(ops []Op, fails func([]Op) bool) []Op {
	for i := range ops {
		try := func(data []byte) bool {
			next := append([]Op{}, ops...)
			// Repeated reads stay the same, or they wouldn't hit.
			for j := range next {
				if next[j].Kind == ops[i].Kind && string(next[j].Data) == string(ops[i].Data) {
					next[j].Data = data
				}
			}
			if !fails(next) {
				return false
			}
			ops = next
			return true
		}
		for n := len(ops[i].Data) / 2; n > 0; n /= 2 {
			for len(ops[i].Data) >= n && try(ops[i].Data[:len(ops[i].Data)-n]) {
			}
		}
		for j := range ops[i].Data {
			if j < len(ops[i].Data) && ops[i].Data[j] != 0 {
				data := append([]byte{}, ops[i].Data...)
				data[j] = 0
				try(data)
			}
		}
	}
	return ops
}
