package cache

import (
	"strings"

	"entgo.io/ent/dialect"
)

// Bounds of what is analysed. Longer or deeper statements aren't cached.
const (
	maxStatement = 64 << 10
	maxNesting   = 100
	maxColumns   = 4096
	maxDepends   = 1 << 15
	maxWork      = 1 << 24
)

// lookAhead is how many empty tokens follow the last one, so that readers may
// look ahead without asking for the end.
const lookAhead = 3

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	// tokWord is a bare word: a keyword or an identifier.
	tokWord
	// tokQuoted is an identifier in quotes.
	tokQuoted
	// tokString is a string, blob or bit literal.
	tokString
	tokNumber
	// tokArg is a placeholder for an argument.
	tokArg
	// tokOp is an operator or punctuation.
	tokOp
)

// A token is a piece of a statement.
type token struct {
	kind tokenKind
	// word is what a bare word means if it is a keyword.
	word word
	// op is the byte of an operator that has just one, else 0.
	op byte
	// loose marks a double-quoted text that is a string or an identifier,
	// depending on the mode of the server.
	loose bool
	// n is the index of a placeholder's argument, and of the token of the other
	// parenthesis.
	n int32
	// text is the identifier, the inner text of the literal or the operator.
	text string
}

func (t *token) isOp(c byte) bool { return t.kind == tokOp && t.op == c }

func (t *token) isName() bool { return t.kind == tokQuoted || t.kind == tokWord }

// dialects, as Ent names them.
const (
	sqliteDialect   = dialect.SQLite
	postgresDialect = dialect.Postgres
	mysqlDialect    = dialect.MySQL
)

type tokenizer struct {
	dialect string
	text    string
	pos     int
	args    int32
	tokens  []token
	open    []int32
	reason  Reason
	detail  string
}

// tokenize splits a statement. Whatever a database could read in two ways, and
// all comments (which may hold hints that a server executes), are refused.
func tokenize(name, text string) ([]token, Reason, string) {
	if len(text) > maxStatement {
		return nil, NotUnderstood, "a statement longer than 64 KiB"
	}
	if name != sqliteDialect && name != postgresDialect && name != mysqlDialect {
		return nil, NotUnderstood, "dialect \"" + name + "\""
	}
	t := tokenizer{dialect: name, text: text, tokens: make([]token, 0, 16+len(text)/5)}
	for t.reason == Cacheable && t.next() {
	}
	if t.reason == Cacheable && len(t.open) > 0 {
		t.fail(NotUnderstood, "an open parenthesis")
	}
	t.tokens = append(t.tokens, make([]token, lookAhead)...)
	return t.tokens, t.reason, t.detail
}

func (t *tokenizer) fail(r Reason, detail string) { t.reason, t.detail = r, detail }

func (t *tokenizer) peek(ahead int) byte {
	if i := t.pos + ahead; i < len(t.text) {
		return t.text[i]
	}
	return 0
}

func (t *tokenizer) add(k tokenKind, text string) {
	t.tokens = append(t.tokens, token{kind: k, text: text})
}

// next reads one token and reports whether there may be more.
func (t *tokenizer) next() bool {
	for isSpace(t.peek(0)) {
		t.pos++
	}
	if t.pos >= len(t.text) {
		return false
	}
	switch c := t.text[t.pos]; {
	case isLetter(c):
		t.bare()
	case isDigit(c), c == '.' && isDigit(t.peek(1)):
		t.number()
	case c == '\'':
		t.literal(false)
	case c == '"' && t.dialect == mysqlDialect:
		t.doubleQuoted()
	case c == '"', c == '`' && t.dialect != postgresDialect:
		t.quoted(c)
	case c == '[' && t.dialect == sqliteDialect:
		t.bracketed()
	case c == '$':
		t.dollar()
	case c == '?' && t.dialect != postgresDialect:
		if isDigit(t.peek(1)) {
			t.fail(NotUnderstood, "a numbered placeholder")
			return false
		}
		t.tokens = append(t.tokens, token{kind: tokArg, n: t.args})
		t.args++
		t.pos++
	case c == ';':
		if strings.TrimSpace(t.text[t.pos+1:]) != "" {
			t.fail(NotSelect, "several statements")
		}
		return false
	default:
		t.operator(c)
	}
	return t.reason == Cacheable
}

// bare reads a word, or the string that a word such as E or X introduces.
func (t *tokenizer) bare() {
	start := t.pos
	for t.pos < len(t.text) && (isLetter(t.text[t.pos]) || isDigit(t.text[t.pos]) || t.text[t.pos] == '$' && t.dialect != sqliteDialect) {
		t.pos++
	}
	text := t.text[start:t.pos]
	switch c := t.peek(0); {
	case c == '\'':
		switch {
		case len(text) == 1 && strings.Contains("xXbB", text):
			t.literal(false)
		case len(text) == 1 && strings.Contains("eE", text) && t.dialect == postgresDialect:
			t.literal(true)
		default:
			t.fail(NotUnderstood, "a string introduced by "+text)
		}
		return
	case c == '"' || c == '`', c == '&' && len(text) == 1 && strings.Contains("uU", text):
		t.fail(NotUnderstood, "a quote right after "+text)
		return
	}
	t.tokens = append(t.tokens, token{kind: tokWord, text: text, word: wordOf(text)})
}

func (t *tokenizer) number() {
	start := t.pos
	for t.pos < len(t.text) {
		c := t.text[t.pos]
		switch {
		case isDigit(c) || c == '.':
		case (c == 'e' || c == 'E') && t.pos > start:
			if n := t.peek(1); (n == '+' || n == '-') && isDigit(t.peek(2)) {
				t.pos++
			} else if !isDigit(n) {
				t.fail(NotUnderstood, "a number followed by a letter")
				return
			}
		case isLetter(c) || c == '$':
			t.fail(NotUnderstood, "a number followed by a letter")
			return
		default:
			t.add(tokNumber, t.text[start:t.pos])
			return
		}
		t.pos++
	}
	t.add(tokNumber, t.text[start:])
}

// literal reads a string in single quotes. Whether a backslash escapes depends
// on the server's mode, so a quote behind an odd number of them is refused.
func (t *tokenizer) literal(escapes bool) {
	start := t.pos + 1
	slashes := 0
	for i := start; i < len(t.text); i++ {
		switch t.text[i] {
		case '\\':
			slashes++
			continue
		case 0:
			t.fail(NotUnderstood, "a NUL byte")
			return
		case '\'':
			if slashes%2 == 1 && t.dialect != sqliteDialect {
				t.fail(NotUnderstood, "a quote behind a backslash")
				return
			}
			if i+1 < len(t.text) && t.text[i+1] == '\'' {
				i++
				break
			}
			t.pos = i + 1
			text := t.text[start:i]
			if escapes && strings.IndexByte(text, '\\') >= 0 {
				t.fail(NotUnderstood, "an escape string")
				return
			}
			t.add(tokString, text)
			return
		}
		slashes = 0
	}
	t.fail(NotUnderstood, "an open quote")
}

// quoted reads an identifier in quotes, a doubled quote standing for itself.
func (t *tokenizer) quoted(q byte) {
	start := t.pos + 1
	doubled := false
	for i := start; i < len(t.text); i++ {
		switch {
		case t.text[i] == 0:
			t.fail(NotUnderstood, "a NUL byte")
			return
		case t.text[i] != q:
		case i+1 < len(t.text) && t.text[i+1] == q:
			doubled = true
			i++
		default:
			name := t.text[start:i]
			if doubled {
				name = strings.ReplaceAll(name, string([]byte{q, q}), string([]byte{q}))
			}
			t.pos = i + 1
			if name == "" {
				t.fail(NotUnderstood, "an empty identifier")
				return
			}
			t.add(tokQuoted, name)
			return
		}
	}
	t.fail(NotUnderstood, "an open quote")
}

// doubleQuoted reads MySQL's double quotes: a string, or an identifier where the
// server runs with ANSI_QUOTES. What the two read in different ways is refused.
func (t *tokenizer) doubleQuoted() {
	start := t.pos + 1
	n := strings.IndexByte(t.text[start:], '"')
	if n < 0 {
		t.fail(NotUnderstood, "an open quote")
		return
	}
	text := t.text[start : start+n]
	t.pos = start + n + 1
	if t.peek(0) == '"' || strings.IndexByte(text, '\\') >= 0 {
		t.fail(NotUnderstood, "an escape in double quotes")
		return
	}
	t.tokens = append(t.tokens, token{kind: tokString, text: text, loose: true})
}

func (t *tokenizer) bracketed() {
	start := t.pos + 1
	n := strings.IndexByte(t.text[start:], ']')
	if n <= 0 {
		t.fail(NotUnderstood, "an open bracket")
		return
	}
	t.add(tokQuoted, t.text[start:start+n])
	t.pos = start + n + 1
}

func (t *tokenizer) dollar() {
	i := t.pos + 1
	var n int32
	for i < len(t.text) && isDigit(t.text[i]) && n < 1<<20 {
		n = n*10 + int32(t.text[i]-'0')
		i++
	}
	if t.dialect != postgresDialect || n == 0 || n >= 1<<20 || i < len(t.text) && (isLetter(t.text[i]) || t.text[i] == '$') {
		t.fail(NotUnderstood, "a dollar sign")
		return
	}
	t.tokens = append(t.tokens, token{kind: tokArg, n: n - 1})
	t.pos = i
}

const opBytes = "=<>!+-*/%|&^~#@?:"

func (t *tokenizer) operator(c byte) {
	switch c {
	case '(':
		if len(t.open) >= maxNesting {
			t.fail(NotUnderstood, "parentheses nested too deep")
			return
		}
		t.open = append(t.open, int32(len(t.tokens)))
		t.single(c)
		return
	case ')':
		if len(t.open) == 0 {
			t.fail(NotUnderstood, "a parenthesis that isn't open")
			return
		}
		o := t.open[len(t.open)-1]
		t.open = t.open[:len(t.open)-1]
		t.tokens[o].n = int32(len(t.tokens))
		t.single(c)
		t.tokens[len(t.tokens)-1].n = o
		return
	case ',', '.':
		t.single(c)
		return
	case '[', ']':
		if t.dialect == postgresDialect {
			t.single(c)
			return
		}
	}
	start := t.pos
	for t.pos < len(t.text) && strings.IndexByte(opBytes, t.text[t.pos]) >= 0 {
		if t.pos > start && (t.text[t.pos] == '?' && t.dialect != postgresDialect || t.text[t.pos] == '*') {
			break
		}
		t.pos++
		// A sign or a star after an operator is one of its own: a=-1, count(*).
		if op := t.text[start:t.pos]; op == "*" || op == "=" && t.peek(0) != '=' && t.peek(0) != '>' {
			break
		}
	}
	op := t.text[start:t.pos]
	// "/*" is split by the loop, so it is looked for in the text.
	two := ""
	if start+2 <= len(t.text) {
		two = t.text[start : start+2]
	}
	switch {
	case op == "":
		t.fail(NotUnderstood, "the byte "+quoteByte(c))
	case strings.Contains(op, "--"), two == "/*", strings.HasSuffix(op, "/") && t.peek(0) == '*', c == '#' && t.dialect == mysqlDialect:
		t.fail(NotUnderstood, "a comment")
	case strings.IndexByte(op, '@') >= 0 && t.dialect == mysqlDialect:
		t.fail(Volatile, "a user variable")
	case t.dialect != postgresDialect && strings.ContainsAny(op, "@:#"):
		t.fail(NotUnderstood, "the operator "+op)
	default:
		tok := token{kind: tokOp, text: op}
		if len(op) == 1 {
			tok.op = c
		}
		t.tokens = append(t.tokens, tok)
	}
}

func (t *tokenizer) single(c byte) {
	t.tokens = append(t.tokens, token{kind: tokOp, op: c, text: t.text[t.pos : t.pos+1]})
	t.pos++
}

func quoteByte(c byte) string {
	const digits = "0123456789abcdef"
	if c > ' ' && c < 0x7f {
		return "'" + string(rune(c)) + "'"
	}
	return "0x" + string(digits[c>>4]) + string(digits[c&15])
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= 0x80 }
