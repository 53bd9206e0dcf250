package model

import (
	"fmt"
	"hash/maphash"
	"iter"
	"math/rand/v2"
)

// Result is what a search found.
type Result struct {
	// States are the different ones seen, by Explore only; Steps are those
	// taken.
	States, Steps int
	// Walks are those begun, by Walk only.
	Walks int
	// Taken counts the steps by their action: a search in which nothing is ever
	// hit, or refused, proves little.
	Taken map[string]int
	// Complete says that there are no other states.
	Complete bool
	// Counterexample is nil if no promise was broken.
	Counterexample *Counterexample
}

func (r Result) String() string {
	size := fmt.Sprintf("%d states, %d steps", r.States, r.Steps)
	switch {
	case r.Walks > 0:
		size = fmt.Sprintf("%d walks, %d steps", r.Walks, r.Steps)
	case !r.Complete:
		size += " (not all)"
	}
	if r.Counterexample != nil {
		return fmt.Sprintf("%s: broken: %s", size, r.Counterexample.Broken)
	}
	return size + ": nothing broken"
}

// visit is how a state was reached first: the choice among the steps that follow
// its parent. States themselves are kept only while they wait to be expanded;
// a counterexample is found again by its choices.
type visit struct {
	parent int32
	choice uint8
}

// Explore visits every state that c can reach, nearest first, up to a number of
// states, and stops at the first promise broken: the counterexample is a
// shortest one. States are told apart by 64 bits of hash: among 30 million, the
// odds that two share one are 1 in 40,000.
func Explore(c Config, limit int) Result {
	m := &model{Config: c}
	seed := maphash.MakeSeed()
	initial := m.initial()
	seen := map[uint64]struct{}{maphash.Comparable(seed, initial): {}}
	visits := []visit{{parent: -1}}
	var level, next frontier
	level.push(&initial)
	r := Result{Taken: make(map[string]int)}
	parent := 0 // states are expanded in the order of their visits
	for ; len(level) > 0; level, next = next, nil {
		for s := range level.drain() {
			for choice, st := range m.next(s) {
				r.Steps++
				r.Taken[st.action]++
				if b := m.brokenBy(&st); b != "" {
					r.States = len(visits)
					r.Counterexample = m.replay(append(choicesTo(visits, parent), choice), b)
					return r
				}
				hash := maphash.Comparable(seed, st.to)
				if _, ok := seen[hash]; ok {
					continue
				}
				seen[hash] = struct{}{}
				visits = append(visits, visit{int32(parent), uint8(choice)})
				next.push(&st.to)
			}
			parent++
			if len(visits) >= limit {
				r.States = len(visits)
				return r
			}
		}
	}
	r.States, r.Complete = len(visits), true
	return r
}

// frontier holds the states of one distance that wait to be expanded, in blocks:
// millions of them neither move as it grows, nor stay when they are done.
type frontier [][]state

const blockSize = 1024

func (f *frontier) push(s *state) {
	last := len(*f) - 1
	if last < 0 || len((*f)[last]) == blockSize {
		*f = append(*f, make([]state, 0, blockSize))
		last++
	}
	(*f)[last] = append((*f)[last], *s)
}

// drain yields each state and lets go of it.
func (f frontier) drain() iter.Seq[*state] {
	return func(yield func(*state) bool) {
		for i, block := range f {
			f[i] = nil
			for k := range block {
				if !yield(&block[k]) {
					return
				}
			}
		}
	}
}

// choicesTo returns the choices that lead from the initial state to a visit.
func choicesTo(visits []visit, id int) []int {
	if id == 0 {
		return nil
	}
	v := visits[id]
	return append(choicesTo(visits, int(v.parent)), int(v.choice))
}

// brokenBy returns the promise that a step breaks, by itself or by the state it
// leads to.
func (m *model) brokenBy(st *step) string {
	if st.broken != "" && !m.EarlyExpiry {
		return st.broken
	}
	return m.broken(&st.to)
}

// Walk takes random steps, in walks of at most length steps, and stops at the
// first promise broken. Walk k of a seed is always the same.
func Walk(c Config, seed uint64, walks, length int) Result {
	m := &model{Config: c}
	r := Result{Taken: make(map[string]int)}
	for k := range walks {
		r.Walks++
		random := rand.New(rand.NewPCG(seed, uint64(k)))
		s := m.initial()
		var choices []int
		for range length {
			steps := m.next(&s)
			if len(steps) == 0 {
				break
			}
			choice := pick(random, steps)
			r.Steps++
			r.Taken[steps[choice].action]++
			choices = append(choices, choice)
			if b := m.brokenBy(&steps[choice]); b != "" {
				r.Counterexample = m.replay(choices, b)
				return r
			}
			s = steps[choice].to
		}
	}
	return r
}

// pick chooses a step. A fault is drawn again twice in three, or most walks would
// begin with all of them.
func pick(random *rand.Rand, steps []step) int {
	choice := random.IntN(len(steps))
	if steps[choice].fault && random.IntN(3) > 0 {
		choice = random.IntN(len(steps))
	}
	return choice
}
