package cache

import (
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// truth is what a condition comes to for a row. A condition that is NULL drops the
// row as one that is false does, but NOT keeps it NULL.
type truth uint8

const (
	unknownTruth truth = iota
	trueTruth
	falseTruth
	nullTruth
)

// drops reports whether a row for which a condition comes to this is dropped for
// certain.
func (t truth) drops() bool { return t == falseTruth || t == nullTruth }

func truthOf(b bool) truth {
	if b {
		return trueTruth
	}
	return falseTruth
}

// of evaluates the condition for a row (Kleene's logic, with NULL in the middle, and
// with what isn't known beside it).
func (c *condition) of(m *image, constants []cell) truth {
	switch c.op {
	case allOf:
		return combine(c.parts, m, constants, falseTruth, trueTruth)
	case anyOf:
		return combine(c.parts, m, constants, trueTruth, falseTruth)
	case notOp:
		switch t := c.parts[0].of(m, constants); t {
		case trueTruth:
			return falseTruth
		case falseTruth:
			return trueTruth
		default:
			return t
		}
	}
	x := m.of(c.column)
	if !x.known || x.assumed && !mutant.On(mutant.AssumedKnown) {
		return unknownTruth
	}
	if c.op == isNullOp {
		return truthOf(x.null)
	}
	if x.null {
		return nullTruth
	}
	switch c.op {
	case isTrue:
		return truthOf(x.value.num != 0)
	case isIn:
		result := falseTruth
		for _, i := range c.constants {
			switch t := compareTo(isEqual, x.value, constants[i]); {
			case t == trueTruth:
				return t
			case t == unknownTruth, t == nullTruth && result == falseTruth:
				result = t
			}
		}
		return result
	}
	return compareTo(c.op, x.value, constants[c.constants[0]])
}

// combine puts the truths of parts together: one that decides decides, and what isn't
// known may have been one.
func combine(parts []condition, m *image, constants []cell, decides, result truth) truth {
	for i := range parts {
		switch t := parts[i].of(m, constants); {
		case t == decides:
			return t
		case t == unknownTruth, t == nullTruth && result != unknownTruth:
			result = t
		}
	}
	return result
}

func compareTo(op conditionOp, v canonical, c cell) truth {
	switch {
	case !c.known:
		return unknownTruth
	case c.null:
		return nullTruth
	}
	switch op {
	case isEqual:
		return truthOf(v.equals(c.value))
	case isUnequal:
		return truthOf(!v.equals(c.value))
	case isLike:
		return likeText(string(v.text), string(c.value.text))
	}
	n := v.compare(c.value)
	if mutant.On(mutant.LessIsLessOrEqual) && op == isGreater {
		op = isGreaterOrEqual
	}
	switch op {
	case isLess:
		return truthOf(n < 0)
	case isLessOrEqual:
		return truthOf(n <= 0)
	case isGreater:
		return truthOf(n > 0)
	case isGreaterOrEqual:
		return truthOf(n >= 0)
	}
	return unknownTruth
}

// compare orders two numbers.
func (c canonical) compare(d canonical) int {
	if c.tag != d.tag {
		// What doesn't fit the signed range is larger than what does.
		if c.tag == 'u' {
			return 1
		}
		return -1
	}
	less := int64(c.num) < int64(d.num)
	if c.tag == 'u' {
		less = c.num < d.num
	}
	switch {
	case c.num == d.num:
		return 0
	case less:
		return -1
	}
	return 1
}

// likeText says what "value LIKE pattern" comes to in any database that compares
// texts exactly: SQLite takes ASCII letters of both cases for the same, unless it is
// told not to. Only patterns of a text with "%" at its ends are understood, and
// only ASCII.
func likeText(value, pattern string) truth {
	text := strings.TrimSuffix(strings.TrimPrefix(pattern, "%"), "%")
	if pattern == "%" || strings.ContainsAny(text, `%_\`) || !ascii(value) || !ascii(pattern) {
		return unknownTruth
	}
	var matches func(value, text string) bool
	switch open, closed := !strings.HasPrefix(pattern, "%"), !strings.HasSuffix(pattern, "%"); {
	case !open && !closed:
		matches = strings.Contains
	case !closed:
		matches = strings.HasPrefix
	case !open:
		matches = strings.HasSuffix
	default:
		matches = func(v, p string) bool { return v == p }
	}
	switch {
	case matches(value, text):
		return trueTruth
	case !matches(strings.ToLower(value), strings.ToLower(text)):
		return falseTruth
	}
	return unknownTruth
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
