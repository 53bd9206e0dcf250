package cache

import (
	"slices"
	"strings"
)

// rawParser reads a text of one statement or several.
type rawParser struct {
	dialect string
	tokens  []token
	w       *RawWrite
}

// unread gives the text up: it may write anything. The first reason counts.
func (p *rawParser) unread(why string) {
	if p.w.unread == "" {
		p.w.unread = why
	}
}

// tokenize splits the text and leaves out comments, which the tokenizer refuses:
// between two tokens nothing is open in which they would be something else.
func (p *rawParser) tokenize(text string) bool {
	switch p.dialect {
	case sqliteDialect, postgresDialect, mysqlDialect:
	default:
		p.unread("the dialect \"" + p.dialect + "\"")
		return false
	}
	if len(text) > maxRaw {
		p.unread("a text longer than 1 MiB")
		return false
	}
	t := tokenizer{dialect: p.dialect, text: text, tokens: make([]token, 0, 16+len(text)/5)}
	for {
		for isSpace(t.peek(0)) {
			t.pos++
		}
		n := comment(p.dialect, text[t.pos:])
		switch {
		case n > 0:
			t.pos += n
			continue
		case t.peek(0) == ';' && len(t.open) == 0:
			t.single(';')
			continue
		}
		if !t.next() {
			break
		}
	}
	if t.reason == Cacheable && (len(t.open) > 0 || t.pos < len(text)) {
		t.fail(NotUnderstood, "an open parenthesis")
	}
	if t.reason != Cacheable {
		p.unread(t.detail)
		return false
	}
	for i := range t.tokens {
		if k := &t.tokens[i]; k.kind == tokArg {
			p.w.args = max(p.w.args, int(k.n)+1)
		}
	}
	p.tokens = append(t.tokens, make([]token, lookAhead)...)
	return true
}

// comment returns the length of the comment that the text begins with, zero if
// it begins with none or if databases might see its end in different places.
func comment(dialect, text string) int {
	switch {
	case strings.HasPrefix(text, "--"):
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			end = len(text) - 1
		}
		line := strings.TrimSuffix(text[:end+1], "\n")
		if strings.ContainsAny(strings.TrimSuffix(line, "\r"), "\r\x00") || dialect == mysqlDialect && len(line) > 2 && line[2] != ' ' && line[2] != '\t' {
			return 0
		}
		return end + 1
	case strings.HasPrefix(text, "/*"):
		end := strings.Index(text[2:], "*/")
		if end < 0 {
			return 0
		}
		inner := text[2 : 2+end]
		// MySQL executes some, PostgreSQL nests them.
		if strings.HasPrefix(inner, "!") || strings.HasPrefix(inner, "M!") || strings.Contains(inner, "/*") || strings.IndexByte(inner, 0) >= 0 {
			return 0
		}
		return end + 4
	}
	return 0
}

// parse reads the statements one by one.
func (p *rawParser) parse() {
	end := int32(len(p.tokens)) - lookAhead
	statements := 0
	// Behind what isn't understood may stand the body of a trigger.
	for i := int32(0); i < end && p.w.unread == ""; {
		stop := i
		for stop < end && !p.tokens[stop].isOp(';') {
			stop++
		}
		if stop > i {
			statements++
			p.statement(i, stop, true)
		}
		i = stop + 1
	}
	if statements < 2 {
		return
	}
	// Drivers differ in which argument a later statement's placeholder is.
	for i := range p.w.effects {
		p.w.effects[i].pins = nil
	}
	if p.w.control != RawNone {
		p.w.escapes = true
		p.unread("several statements that control a transaction")
	}
}

// is reports whether a bare word stands at i.
func (p *rawParser) is(i int32, words ...string) bool {
	if i < 0 || i >= int32(len(p.tokens)) || p.tokens[i].kind != tokWord {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, p.tokens[i].text) })
}

// has reports whether one of the words stands from i up to end.
func (p *rawParser) has(i, end int32, words ...string) bool {
	for ; i < end; i++ {
		if p.is(i, words...) {
			return true
		}
	}
	return false
}

// skip returns the index behind those of the words that stand at i.
func (p *rawParser) skip(i int32, words ...string) int32 {
	for p.is(i, words...) {
		i++
	}
	return i
}

// name returns the last part of the qualified name at i, how many parts it has
// and the index behind it; no parts if there is none.
func (p *rawParser) name(i int32) (name string, parts int, next int32) {
	for {
		t := &p.tokens[i]
		if !t.isName() || t.kind == tokWord && t.word.structural() && parts == 0 {
			return "", 0, i
		}
		name = t.text
		parts++
		if i++; !p.tokens[i].isOp('.') {
			return name, parts, i
		}
		i++
	}
}

// find returns the index of the first of the words outside of parentheses from i
// on, or end.
func (p *rawParser) find(i, end int32, words ...string) int32 {
	for ; i < end; i++ {
		switch t := &p.tokens[i]; {
		case t.isOp('('):
			i = t.n
		case t.kind == tokWord && !p.tokens[max(i, 1)-1].isOp('.') && p.is(i, words...):
			return i
		}
	}
	return end
}
