package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/entcache/ent-cache/ent"
	"github.com/entcache/ent-cache/entcache"
)

// tokenHeader carries a token from process to process, so that who has written
// in one sees it in the next, at once and not only within the bound.
const tokenHeader = "Entcache-Token"

// withToken makes the reads of a request see what its sender had written.
func withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get(tokenHeader); token != "" {
			r = r.WithContext(entcache.WithToken(r.Context(), token))
		}
		next.ServeHTTP(w, r)
	})
}

// pages is the web server of a process.
func pages(client *ent.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /price/{track}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.Atoi(r.PathValue("track"))
		t, err := client.Track.Get(r.Context(), id)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(t.UnitPrice)
	})
	return withToken(mux)
}

// askPrice asks another process for a price. It sends a token of what this one
// has written.
func askPrice(ctx context.Context, peers *http.Client, process, track int) (price int64, err error) {
	url := fmt.Sprintf("http://%d/price/%d", process, track)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set(tokenHeader, entcache.Token(ctx))
	resp, err := peers.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("process %d answers %s", process, resp.Status)
	}
	return price, json.NewDecoder(resp.Body).Decode(&price)
}

// peers returns a client that reaches the processes by their numbers: each
// listens at a socket in a folder.
func peers(dir string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			number, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket(dir, number))
		},
	}}
}

func socket(dir, number string) string { return filepath.Join(dir, number+".sock") }
