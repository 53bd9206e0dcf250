package precision

import (
	"fmt"
	"io"
	"slices"
)

// WriteTable writes results as a table in Markdown: of each policy the hits, the
// stale ones among them, and the evictions that changed nothing, in percent of the
// reads.
func WriteTable(w io.Writer, results []*Result) error {
	p := &printer{w: w}
	p.printf("| workload | writes | reads |")
	for _, name := range results[0].Names {
		p.printf(" %s |", name)
		if name == Ours {
			p.printf(" of the oracle's hits |")
		}
	}
	p.printf("\n|---|--:|--:|")
	for _, name := range results[0].Names {
		p.printf("--:|")
		if name == Ours {
			p.printf("--:|")
		}
	}
	p.printf("\n")
	for _, r := range results {
		p.printf("| %s | %.0f %% | %d |", r.Workload, 100*r.Writes, r.Policies[Ours].Reads)
		for _, name := range r.Names {
			s := r.Policies[name]
			p.printf(" %s · %s · %s |", percent(s.Hits, s.Reads), percent(s.Stale, s.Reads), percent(s.Needless, s.Reads))
			if name == Ours {
				p.printf(" **%.3f** |", r.Ratio())
			}
		}
		p.printf("\n")
	}
	return p.err
}

// Ratio is the share of the oracle's hits that the cache had.
func (r *Result) Ratio() float64 {
	return float64(r.Policies[Ours].Hits) / float64(max(1, r.Policies[oracle{}.name()].Hits))
}

func percent(n, of int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f", 100*float64(n)/float64(of))
}

// WriteCauses writes the most frequent causes of a result, as a table in Markdown.
func WriteCauses(w io.Writer, r *Result, most int) error {
	p := &printer{w: w}
	reads := r.Policies[Ours].Reads
	p.printf("%s, %.0f %% writes: %.3f of the oracle's hits, %d needless misses of %d reads\n\n", r.Workload, 100*r.Writes, r.Ratio(), r.Policies[Ours].Needless, reads)
	p.printf("| read | statement | write | facts | misses |\n|---|---|---|---|--:|\n")
	for _, c := range r.Causes[:min(most, len(r.Causes))] {
		p.printf("| %s | %s | %s | %s | %d |\n", c.Read, c.Statement, c.Write, c.Facts, c.Count)
	}
	// The same without what is read and how, for what a finer fact would bring.
	type pair struct{ write, facts string }
	sums := make(map[pair]int)
	var order []pair
	for _, c := range r.Causes {
		k := pair{c.Write, c.Facts}
		if sums[k] == 0 {
			order = append(order, k)
		}
		sums[k] += c.Count
	}
	slices.SortStableFunc(order, func(a, b pair) int { return sums[b] - sums[a] })
	p.printf("\n| write | facts | misses | of reads |\n|---|---|--:|--:|\n")
	for _, k := range order[:min(most, len(order))] {
		p.printf("| %s | %s | %d | %s %% |\n", k.write, k.facts, sums[k], percent(sums[k], reads))
	}
	p.printf("\n")
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
