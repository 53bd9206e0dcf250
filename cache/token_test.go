package cache

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTokenize(t *testing.T) {
	for _, tt := range []struct{ name, dialect, text, want string }{
		{"words and numbers", "sqlite3", "SELECT a1,_b FROM 1.5e-3 .5", "w:SELECT w:a1 o:, w:_b w:FROM n:1.5e-3 n:.5"},
		{"quotes", "sqlite3", "\"a\"\"b\" `c``d` [e f] 'g''h'", "q:a\"b q:c`d q:e f s:g''h"},
		{"quotes of MySQL", "mysql", "`a` \"b\" 'c\\\\'", "q:a s:b s:c\\\\"},
		{"quotes of PostgreSQL", "postgres", `"a" E'b' X'00' 'c\_'`, `q:a s:b s:00 s:c\_`},
		{"placeholders", "mysql", "?=?,?", "a:0 o:= a:1 o:, a:2"},
		{"numbered placeholders", "postgres", "$2=$10", "a:1 o:= a:9"},
		{"operators", "postgres", "a->>'b'#>>c::int@>d?|e<>f||g", "w:a o:->> s:b o:#>> w:c o::: w:int o:@> w:d o:?| w:e o:<> w:f o:|| w:g"},
		{"signs", "sqlite3", "a=-1 b==2 c<=?", "w:a o:= o:- n:1 w:b o:== n:2 w:c o:<= a:0"},
		{"stars", "sqlite3", "count(*) t.* a*b", "w:count o:( o:* o:) w:t o:. o:* w:a o:* w:b"},
		{"other letters", "postgres", "größe", "w:größe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tokens, reason, detail := tokenize(tt.dialect, tt.text)
			require.Equal(t, Cacheable, reason, detail)
			var list []string
			for _, k := range tokens[:len(tokens)-lookAhead] {
				switch k.kind {
				case tokArg:
					list = append(list, "a:"+string(rune('0'+k.n)))
				default:
					list = append(list, string(".wqsnao"[k.kind])+":"+k.text)
				}
			}
			require.Equal(t, tt.want, strings.Join(list, " "))
		})
	}
}

func TestTokenizeRefuses(t *testing.T) {
	for _, tt := range []struct {
		dialect, text string
		want          Reason
	}{
		{"sqlite3", "a -- b", NotUnderstood},
		{"sqlite3", "a/**/b", NotUnderstood},
		{"postgres", "a +/* b */ c", NotUnderstood},
		{"postgres", "a*/**/b", NotUnderstood},
		{"mysql", "a # b", NotUnderstood},
		{"mysql", "1--1", NotUnderstood},
		{"sqlite3", "?1", NotUnderstood},
		{"sqlite3", ":a", NotUnderstood},
		{"sqlite3", "@a", NotUnderstood},
		{"sqlite3", "$1", NotUnderstood},
		{"sqlite3", "1a", NotUnderstood},
		{"sqlite3", "0x1", NotUnderstood},
		{"sqlite3", "[a", NotUnderstood},
		{"sqlite3", `""`, NotUnderstood},
		{"sqlite3", "'a\x00'", NotUnderstood},
		{"sqlite3", "a\x00", NotUnderstood},
		{"mysql", "@@version", Volatile},
		{"mysql", "a := 1", NotUnderstood},
		{"mysql", "_utf8'a'", NotUnderstood},
		{"mysql", `"a""b"`, NotUnderstood},
		{"mysql", `"a\"b"`, NotUnderstood},
		{"mysql", "{d '2020-01-01'}", NotUnderstood},
		{"mysql", "`a", NotUnderstood},
		{"postgres", "`a`", NotUnderstood},
		{"postgres", `U&"d\0061"`, NotUnderstood},
		{"postgres", "U&'d'", NotUnderstood},
		{"postgres", `E'\u0061'`, NotUnderstood},
		{"postgres", "$tag$a$tag$", NotUnderstood},
		{"postgres", "$0", NotUnderstood},
		{"postgres", "$1a", NotUnderstood},
		{"postgres", "$99999999999", NotUnderstood},
		{"postgres", "((a)", NotUnderstood},
		{"postgres", "a))", NotUnderstood},
		{"postgres", "a; b", NotSelect},
	} {
		_, reason, _ := tokenize(tt.dialect, tt.text)
		require.Equal(t, tt.want, reason, "%s %q", tt.dialect, tt.text)
	}
}
